"""Plasma models on real scans with arterial sampling."""

import numpy as np
import pytest

import neurochem as nc

REGIONS = ["FC", "TC", "STR", "THA", "WB", "CBL"]


@pytest.fixture(scope="module")
def scans(real_data):
    folder = real_data / "pet" / "pbr28"
    if not folder.is_dir():
        pytest.skip(f"no [11C]PBR28 scans in {folder}")
    found = []
    for path in sorted(folder.glob("*_tacs.tsv")):
        tacs = nc.pet.read_tacs(
            path, start="StartTime", duration="Duration", regions=REGIONS, weights="Weights", time_unit="s",
            activity_unit="kBq/mL", isotope="C11",
        )  # fmt: skip
        blood = nc.pet.read_arterial_input(
            str(path).replace("_tacs", "_input"), time="Time", plasma_parent="AIF", whole_blood="Blood", time_unit="min",
            activity_unit="kBq/mL",
        )  # fmt: skip
        found.append((tacs, blood))
    return found


def volumes(scan, model: str, **options) -> np.ndarray:
    tacs, blood = scan
    fits = nc.pet.fit(tacs, model, blood=blood, **options)
    assert all(fit.success for fit in fits.values())
    return np.array([fit["VT"].value for fit in fits.values()])


def test_volumes_of_the_models_agree(scans):
    for scan in scans:
        two = volumes(scan, "2TCM", VB=0.05)
        # graphical analysis of a two-tissue tracer, with blood taken off alike
        for model in ("Logan", "MLLogan", "LEGA", "MA1"):
            assert np.max(np.abs(volumes(scan, model, VB=0.05) / two - 1)) < 0.2
        # one compartment cannot follow slow binding and stays below
        assert (volumes(scan, "1TCM", VB=0.05) < two).all()


@pytest.mark.slow
def test_a_shared_volume_is_found_and_sharper(scans):
    for tacs, blood in scans:
        shared = nc.pet.fit(tacs, "SIME", blood=blood)["FC"]["VND"]
        own = [fit["VND"] for fit in nc.pet.fit(tacs, "2TCM", blood=blood).values()]
        assert not shared.fixed
        assert min(estimate.value for estimate in own) < shared.value < max(estimate.value for estimate in own)
        assert shared.stderr < min(estimate.stderr for estimate in own)
