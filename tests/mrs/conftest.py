"""Spectra with known truth, and the folder of real scans."""

import numpy as np
import pytest

from neurochem import mrs

DWELL_S, POINTS, LARMOR_MHZ = 5e-4, 2048, 127.73
TISSUE = mrs.Tissue(gm=0.6, wm=0.3, csf=0.1)
TRUTH = {
    "NAA": 10.0, "NAAG": 1.5, "Cr": 4.0, "PCr": 4.0, "GPC": 1.0, "PCh": 0.5, "Ins": 6.0, "sIns": 0.3, "Glu": 9.0,
    "Gln": 3.0, "GABA": 1.2, "GSH": 1.5, "Lac": 0.6, "Tau": 1.2, "Asp": 1.5, "MM09": 5.0, "MM12": 4.0, "MM14": 5.0,
    "MM17": 3.0, "MM20": 5.0, "MM30": 4.0, "MM38": 3.0,
}  # fmt: skip


@pytest.fixture(scope="session")
def basis():
    return mrs.resonance_basis(dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.030)


@pytest.fixture(scope="session")
def water():
    return mrs.simulate_water(
        tissue=TISSUE, dwell_s=DWELL_S, points=POINTS, larmor_mhz=LARMOR_MHZ, echo_time_s=0.030, repetition_time_s=2.0
    )


@pytest.fixture(scope="session")
def mrs_scans(real_data):
    """Return the folder of real MRS scans."""
    return real_data / "mrs"


@pytest.fixture
def rng():
    return np.random.default_rng(20240607)
