"""Spin systems: the table of the package, and the user's own TOML."""

import math

import numpy as np
import pytest

from neurochem.errors import FileFormatError, InputError, MissingFileError, UnknownNameError
from neurochem.mrs.spins import DEFAULT_METABOLITES, find_molecules, read_spin_systems, spin_systems

BRAIN = (
    "Ace", "Ala", "Asc", "Asp", "Cho", "Cr", "EtOH", "GABA", "Glc", "Gln", "Glu", "Gly", "GPC", "GSH", "HCar", "Ins",
    "Lac", "Lys", "NAA", "NAAG", "PCh", "PCr", "PE", "Pyr", "Ser", "sIns", "Suc", "Tau", "Thr", "Val", "bHB", "2HG",
)  # fmt: skip
# carbon-bound protons of each formula
PROTONS = {
    "Ace": 3, "Acetone": 6, "Ala": 4, "Asc": 4, "Asp": 3, "Cho": 13, "Cit": 4, "Cr": 5, "PCr": 5, "GABA": 6, "Glc": 7,
    "Gln": 5, "Glu": 5, "Gly": 2, "GPC": 18, "PCh": 13, "PE": 4, "GSH": 10, "GSH_Kaiser": 10, "Ins": 6, "sIns": 6, "Lac": 4,
    "NAA": 6, "NAAG": 11, "Ser": 3, "Tau": 4, "bHB": 6, "EtOH": 5, "2HG": 5, "Cystat": 8, "Thr": 5, "Val": 8, "Lys": 9,
    "Pyr": 3, "Suc": 4, "HCar": 11, "MSM": 6, "Water": 2, "CrCH2": 2, "DSS": 15, "DSS_d6": 9, "TSP": 9, "Formate": 1,
}  # fmt: skip


def test_thirty_brain_metabolites_and_the_references_are_there():
    known = spin_systems()
    assert len(BRAIN) >= 30
    assert not {*BRAIN, "DSS", "TSP", "Formate", "GABA_Govindaraju", *DEFAULT_METABOLITES} - set(known)


@pytest.mark.parametrize("name", PROTONS)
def test_proton_counts_are_those_of_the_formula(name):
    assert spin_systems()[name].proton_count == pytest.approx(PROTONS[name], abs=1e-12)


def test_every_molecule_names_its_source_and_what_is_unchecked():
    assert all(molecule.source and molecule.full_name for molecule in spin_systems().values())
    unchecked = {name for name, molecule in spin_systems().items() if molecule.confidence == "unchecked"}
    assert unchecked == {"DSS", "TSP", "Formate"}


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("mI", "Ins"), ("myo-inositol", "Ins"), ("Scyllo", "sIns"), ("PCho", "PCh"), ("gpcho", "GPC"), ("bhg", "2HG"),
        ("LAC", "Lac"), ("Glutathione", "GSH"), ("PEth", "PE"), ("GABA_near", "GABA"), ("AcO", "Ace"),
    ],
)  # fmt: skip
def test_aliases_find_their_molecule_without_regard_to_case(alias, name):
    assert find_molecules([alias])[alias].name == name


def test_an_unknown_name_suggests_the_nearest_and_explains_totals():
    with pytest.raises(UnknownNameError, match=r"did you mean 'NAAG'.*sums"):
        find_molecules(["NAAGG"])


def test_one_molecule_under_two_names_is_refused():
    with pytest.raises(InputError, match="'mI' and 'Ins' are the same molecule"):
        find_molecules(["mI", "Ins"])


def test_room_temperature_changes_only_what_it_says():
    warm, cold = spin_systems(), spin_systems(room_temperature=True)
    changed = {name for name in warm if cold[name].room_temperature}
    assert changed == {"Glu", "NAA", "Lac", "Ins", "Water"}
    for name in warm:
        before = [group.ppm for part in warm[name].parts for group in part.groups]
        after = [group.ppm for part in cold[name].parts for group in part.groups]
        same_couplings = all(
            np.array_equal(a.couplings_hz, b.couplings_hz)
            for a, b in zip(warm[name].parts, cold[name].parts, strict=True)
        )
        assert (before != after or not same_couplings) == (name in changed)
    assert cold["Lac"].parts[0].couplings_hz[0, 1] == 6.833
    assert cold["Glu"].parts[0].groups[0].ppm == 3.75


OWN = """
[MyLac]
aliases = ["milk"]
source = "measured"
groups = [{ name = "2-CH", ppm = 4.10 }, { name = "3-CH3", ppm = 1.31, protons = 3 }]
couplings = [["2-CH", "3-CH3", 6.9]]

[MyLac.room_temperature]
shifts = { "3-CH3" = 1.32 }

[NAA]
groups = [{ name = "CH3", ppm = 2.01, protons = 3 }]
"""


def test_own_systems_come_before_those_of_the_package(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(OWN)
    found = find_molecules(["milk", "naa", "Cr"], systems=path)
    assert [molecule.proton_count for molecule in found.values()] == [4, 3, 5]
    assert found["milk"].parts[0].couplings_hz[1, 0] == 6.9
    assert read_spin_systems(path, room_temperature=True)["MyLac"].parts[0].groups[1].ppm == 1.32
    assert found["milk"].confidence == "unchecked"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[A]\ngroups = [{ name = 'x', ppm = 'two' }]", r"molecule A.*group x: ppm is 'two'"),
        ("[A]\ngroups = [{ name = 'x', ppm = 127 }]", r"ppm is 127.*between -5 and 20"),
        ("[A]\ngroups = [{ name = 'x', ppm = nan }]", r"ppm is nan"),
        ("[A]\ngroups = [{ name = 'x' }]", r"molecule A.*ppm is 'missing'"),
        ("[A]\ngroups = []", r"molecule A.*groups"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1, n = 3 }]", r"molecule A.*unknown field 'n'"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1, protons = 0 }]", r"group x: protons is 0"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1, protons = true }]", r"protons is True"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1, exchangeable = 1 }]", r"exchangeable is 1"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }, { name = 'x', ppm = 2 }]", r"name of a group is 'x'.*distinct"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\ncouplings = [['x', 'y', 7]]", r"unknown group of protons 'y'"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\ncouplings = [['x', 7]]", r"entry of couplings"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\ncouplings = [['x', 'x', 7]]", r"two different groups"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\nhetero = [{ nucleus = '12C', couplings = { x = 1 } }]", r"'12C'.*31P"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\nscale = 2", r"unknown field 'scale'"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\nconfidence = 'sure'", r"confidence is 'sure'"),
        ("[A]\ngroups = [{ name = 'x', ppm = 1 }]\n[A.room_temperature]\nshifts = { y = 2 }", r"room_temperature.*'y'"),
        ("A = 1", r"molecule A.*table"),
        ("[A", r"not valid TOML"),
    ],
)  # fmt: skip
def test_errors_of_a_file_name_file_molecule_and_field(tmp_path, text, told):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=told) as raised:
        read_spin_systems(path)
    assert "mine.toml" in str(raised.value)


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(MissingFileError, match="does not exist"):
        read_spin_systems(tmp_path / "none.toml")


def test_a_part_without_a_second_coupling_direction_is_symmetric():
    for molecule in spin_systems().values():
        for part in molecule.parts:
            assert np.array_equal(part.couplings_hz, part.couplings_hz.T)
            assert not np.diag(part.couplings_hz).any()
            assert math.isfinite(part.proton_count)
