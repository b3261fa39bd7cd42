"""Edited scans with known truth, from the package's own spin simulator with Gaussian editing pulses."""

from functools import lru_cache

import numpy as np

from neurochem import mrs
from neurochem.mrs.edited.basis_fit import difference_basis
from neurochem.mrs.lineshape import gauss_variance

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
def slaser_basis():
    return mrs.simulate_basis(
        "mega-slaser", echo_time_s=0.068, larmor_mhz=LARMOR_MHZ, dwell_s=DWELL_S, points=POINTS, metabolites=METABOLITES,
        editing=mrs.pulse("gaussian", duration_s=0.014),
    )  # fmt: skip


@lru_cache(maxsize=1)
def hermes_basis():
    return mrs.simulate_basis(
        "hermes", echo_time_s=0.080, larmor_mhz=LARMOR_MHZ, dwell_s=DWELL_S, points=POINTS, metabolites=METABOLITES
    )


@lru_cache(maxsize=2)
def mm_fid(ratio="3to2", shift_ppm=0.0, gauss_hz=0.0):
    """Return the macromolecule at 3.00 and 0.915 ppm that ON holds and OFF does not, per unit, moved and broadened."""
    made = mrs.macromolecules("MEGA_GABA", like=mega_basis().on, ratio=ratio).fids[0]
    time_s = np.arange(POINTS) * DWELL_S
    return made * np.exp(-2j * np.pi * shift_ppm * LARMOR_MHZ * time_s - gauss_variance(gauss_hz) * time_s**2)


def broadened(basis, step, width_hz, weights=None):
    """Return a noise-free sub-spectrum of the usual content."""
    lorentz, gauss = WIDTHS_HZ[width_hz]
    amounts = TRUTH if weights is None else {name: value * weights[name] for name, value in TRUTH.items()}
    return mrs.simulate(basis[step], amounts, lorentz_hz=lorentz, gauss_hz=gauss, repetition_time_s=2.0, name=step)


def mega_scan(
    width_hz=7.5, *, noise_sd=0.0, rng=None, shift_hz=0.0, phase_deg=0.0, mm=MM_AMOUNT, weights=None, basis=None,
    macromolecule=None,
):  # fmt: skip
    """Return ON and OFF; ON is moved by the shift and phase.  `weights` scale each metabolite's signal."""
    made = mega_basis() if basis is None else basis
    broad = mm_fid() if macromolecule is None else macromolecule
    scans = {name: broadened(made, name, width_hz, weights) for name in ("on", "off")}
    scans["on"] = scans["on"].with_fid(scans["on"].fid + mm * broad)
    return tuple(disturbed(scans, {"on": (shift_hz, phase_deg)}, noise_sd, rng).values())


def hermes_scan(width_hz=7.5, *, noise_sd=0.0, rng=None, moved=None, mm=MM_AMOUNT):
    """Return HERMES' four steps, the macromolecule in those that edit GABA; `moved` says shift (Hz) and phase of each."""
    scans = {name: broadened(hermes_basis(), name, width_hz) for name in ("a", "b", "c", "d")}
    for name in ("a", "b"):
        scans[name] = scans[name].with_fid(scans[name].fid + mm * mm_fid())
    return disturbed(scans, moved or {}, noise_sd, rng)


def disturbed(scans, moved, noise_sd, rng):
    """Return the scans shifted (Hz) and turned (degrees) by name, with noise of each part of each point."""
    out = {}
    for name, scan in scans.items():
        shift, phase = moved.get(name, (0.0, 0.0))
        fid = scan.fid * np.exp(1j * np.radians(phase) + 2j * np.pi * shift * scan.time_s)
        if noise_sd:
            fid = fid + noise_sd * (rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS))
        out[name] = scan.with_fid(fid)
    return out


def gaba_plus(basis=None, model="3to2"):
    """Return the true GABA+: GABA, and the macromolecule by its area between 2.8 and 3.2 ppm over GABA's."""
    made = difference_basis(basis or mega_basis(), target="GABA", difference="half", macromolecule_model=model)
    return TRUTH["GABA"] + MM_AMOUNT * made.gaba_plus["MM09+MM3co"]
