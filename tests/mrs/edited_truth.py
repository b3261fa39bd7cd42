"""Edited scans with known truth, from the package's own spin simulator with Gaussian editing pulses."""

from functools import lru_cache

import numpy as np

from neurochem import mrs
from neurochem.mrs.edited.basis_fit import difference_basis

DWELL_S, POINTS, LARMOR_MHZ = 5e-4, 2048, 127.73
METABOLITES = ("GABA", "Glu", "Gln", "NAA", "NAAG", "GSH", "Cr", "PCr", "GPC", "PCh", "Ins", "Asp", "Tau", "Lac")
TRUTH = {
    "NAA": 10.0, "NAAG": 1.5, "Cr": 4.0, "PCr": 4.0, "GPC": 1.0, "PCh": 0.5, "Ins": 6.0, "Glu": 9.0, "Gln": 3.0, "GABA": 1.2,
    "GSH": 1.5, "Lac": 0.6, "Tau": 1.2, "Asp": 1.5,
}  # fmt: skip
# Lorentzian and Gaussian widths whose Voigt lines are 5, 7.5 and 10 Hz wide.
WIDTHS_HZ = {5.0: (2.0, 4.0), 7.5: (3.0, 5.8), 10.0: (3.0, 8.2)}
MM_AMOUNT = 0.55


@lru_cache(maxsize=2)
def mega_basis(difference="half"):
    return mrs.simulate_basis(
        "mega-press", echo_time_s=0.068, larmor_mhz=LARMOR_MHZ, dwell_s=DWELL_S, points=POINTS, metabolites=METABOLITES,
        editing=mrs.pulse("gaussian", duration_s=0.014), difference=difference,
    )  # fmt: skip


@lru_cache(maxsize=1)
def hermes_basis():
    return mrs.simulate_basis(
        "hermes", echo_time_s=0.080, larmor_mhz=LARMOR_MHZ, dwell_s=DWELL_S, points=POINTS, metabolites=METABOLITES
    )


@lru_cache(maxsize=1)
def mm_fid():
    """Return the macromolecule at 3.00 and 0.915 ppm (areas 2 : 3) that ON holds and OFF does not, per unit."""
    return mrs.macromolecules("MEGA_GABA", like=mega_basis().on, ratio="3to2").fids[0]


def mega_scan(width_hz=7.5, *, noise_sd=0.0, rng=None, shift_hz=0.0, phase_deg=0.0, mm=MM_AMOUNT, weights=None):
    """Return ON and OFF; ON is moved by the shift and phase.  `weights` scale each metabolite's signal."""
    lorentz, gauss = WIDTHS_HZ[width_hz]
    amounts = TRUTH if weights is None else {name: value * weights[name] for name, value in TRUTH.items()}
    out = {}
    for name in ("on", "off"):
        scan = mrs.simulate(
            mega_basis()[name], amounts, lorentz_hz=lorentz, gauss_hz=gauss, repetition_time_s=2.0, name=name
        )
        fid = scan.fid + (mm * mm_fid() if name == "on" else 0.0)
        if name == "on":
            fid = fid * np.exp(1j * np.radians(phase_deg) + 2j * np.pi * shift_hz * scan.time_s)
        if noise_sd:
            fid = fid + noise_sd * (rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS))
        out[name] = scan.with_fid(fid)
    return out["on"], out["off"]


@lru_cache(maxsize=1)
def gaba_plus():
    """Return the true GABA+ of `mega_scan`: GABA, and the macromolecule by its area between 2.8 and 3.2 ppm over GABA's."""
    made = difference_basis(mega_basis(), target="GABA", difference="half", macromolecule_model="3to2")
    return TRUTH["GABA"] + MM_AMOUNT * made.gaba_plus["MM09+MM3co"]
