"""Error of the fit on simulated spectra of known truth: `python -m tests.benchmarks.spectra [spectra a condition] [seed]`.

Twenty-four conditions: pure and mixed lines of several widths, asymmetric and eddy-distorted ones, low and high signal,
macromolecules absent, wrong by 5 % or broadened like metabolites, mobile lipids, residual water, rolling baselines, 10 Hz and
60 degrees, unusual GABA and GSH, tumours, metabolites shifted against each other, a spurious echo.  PRESS 30 ms at 123.2 MHz,
2,048 points, 20 metabolites and one macromolecule element.  Defaults of the fit were chosen with seeds 7 and 11 of it.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from neurochem import mrs
from neurochem.mrs.lineshape import gauss_variance

LARMOR_MHZ, DWELL_S, POINTS, ECHO_TIME_S = 123.2, 1.0 / 4000.0, 2048, 0.030
SCORED = ("tNAA", "tCr", "tCho", "Ins", "Glu", "Gln", "Glx", "GABA", "GSH", "Lac")
# Ranges of concentrations (mM) that hold those of healthy cortex.
RANGES = {
    "Ala": (0.1, 0.8), "Asc": (0.6, 1.5), "Asp": (1, 3), "Cr": (3, 6), "GABA": (0.9, 2), "Glc": (0.5, 2), "Gln": (2, 5),
    "Glu": (7, 12), "GPC": (0.6, 1.6), "GSH": (0.8, 2.5), "Gly": (0.2, 1), "Ins": (4, 8), "Lac": (0.3, 1.2), "NAA": (8, 12.5),
    "NAAG": (0.5, 2.5), "PCh": (0.3, 0.9), "PCr": (2.5, 5), "PE": (0.8, 2), "sIns": (0.1, 0.6), "Tau": (0.8, 2),
    "Mac": (4.5, 7),
}  # fmt: skip
CONDITIONS = (
    "L3", "L6", "L9", "G3", "G6", "G9", "voigt", "asymmetric", "eddy", "low snr", "very low snr", "high snr", "no Mac",
    "wrong Mac", "broad Mac", "lipids", "water", "roll", "shift, phase", "GABA", "GSH", "tumour", "own shifts", "echo",
)  # fmt: skip
# Lines of macromolecules (ppm, Hz at 127.7 MHz, area), near those of Birch 2017.
_BROAD = (
    (0.90, 21.2, 0.72), (1.21, 19.2, 0.28), (1.38, 15.9, 0.38), (1.63, 7.5, 0.05), (2.01, 29.0, 0.45), (2.09, 20.5, 0.36),
    (2.25, 17.9, 0.36), (2.61, 5.3, 0.04), (2.96, 14.0, 0.20), (3.11, 17.9, 0.11), (3.67, 33.5, 0.64), (3.80, 11.9, 0.07),
    (3.96, 37.5, 1.0),
)  # fmt: skip
_LIPIDS = ((1.28, 18, 2), (1.30, 10, 1), (0.89, 17, 0.8), (2.04, 18, 0.45), (2.25, 18, 0.2), (2.8, 22, 0.2))
_NOISE_SD, _NOISE = 4.5, {"low snr": 2.0, "very low snr": 4.0, "high snr": 0.15}
_TIME_S = np.arange(POINTS) * DWELL_S


@dataclass(frozen=True)
class Case:
    """One spectrum and what it holds."""

    condition: str
    spectrum: mrs.Spectrum
    truth: Mapping[str, float]


@cache
def metabolites() -> mrs.Basis:
    """Return the simulated basis."""
    names = [name for name in RANGES if name != "Mac"]
    return mrs.simulate_basis(
        "press", echo_time_s=ECHO_TIME_S, larmor_mhz=LARMOR_MHZ, dwell_s=DWELL_S, points=POINTS, metabolites=names
    )


def line(ppm, width_hz):
    """Return a Gaussian line of amplitude one."""
    turn = 2j * np.pi * (4.65 - ppm) * LARMOR_MHZ
    return np.exp(turn * _TIME_S - gauss_variance(width_hz) * _TIME_S**2)


def macromolecules(rng=None):
    """Return the broad element; with a generator, one that differs from it by 5 %."""
    total = np.zeros(POINTS, dtype=complex)
    for ppm, width, area in _BROAD:
        off = np.zeros(3) if rng is None else rng.standard_normal(3)
        total += (
            2.0
            * area
            * (1 + 0.05 * off[2])
            * line(ppm + 0.005 * off[0], width * LARMOR_MHZ / 127.7 * (1 + 0.05 * off[1]))
        )
    return total


@cache
def basis() -> mrs.Basis:
    """Return metabolites and the macromolecule element."""
    return metabolites().joined(["Mac"], macromolecules()[None], macromolecules=["Mac"])


def concentrations(condition, rng):
    """Return what a spectrum holds."""
    held = {name: rng.uniform(*span) for name, span in RANGES.items()}
    if condition == "GABA":
        held["GABA"] = rng.choice([0.3, 0.6, 3.0, 5.0])
    if condition == "GSH":
        held["GSH"] = rng.choice([0.4, 3.0, 5.0])
    if condition == "no Mac":
        held["Mac"] = 0.0
    if condition == "tumour":
        lost = rng.uniform(0.2, 0.5)
        factors = dict.fromkeys(("NAA", "NAAG", "Glu", "GABA"), lost) | {
            "Cr": 0.6, "PCr": 0.6, "GPC": 2.0, "PCh": 2.0, "Gly": 3.0, "Ala": 2.0
        }  # fmt: skip
        held |= {name: held[name] * factor for name, factor in factors.items()} | {"Lac": rng.uniform(2, 8)}
    return held


def lineshapes(condition, rng, index):
    """Return what multiplies metabolites, and macromolecules, in time."""
    lorentz, gauss = rng.uniform(1, 4), rng.uniform(1, 5)
    if condition[1:].isdigit():
        lorentz, gauss = (float(condition[1:]), 0.0) if condition[0] == "L" else (0.0, float(condition[1:]))
    narrow = np.exp(-np.pi * lorentz * _TIME_S - gauss_variance(gauss) * _TIME_S**2).astype(complex)
    wide = np.exp(-gauss_variance(rng.uniform(0, 4)) * _TIME_S**2).astype(complex)
    if condition == "broad Mac" or (condition[1:].isdigit() and index % 2):
        wide = narrow
    distortion = np.ones(POINTS, dtype=complex)
    if condition == "asymmetric":
        offsets = np.array([-1.0, 0, 1.2, 2.6, 4.2, 6]) * rng.uniform(0.6, 1.3) * rng.choice([-1, 1])
        shares = np.array([0.18, 0.4, 0.2, 0.12, 0.07, 0.03])
        distortion = np.exp(2j * np.pi * np.outer(_TIME_S, offsets - shares @ offsets)) @ shares
    if condition == "eddy":
        slow = rng.uniform(0.3, 0.9) * rng.choice([-1, 1]) * (1 - np.exp(-_TIME_S / rng.uniform(0.02, 0.08)))
        distortion = np.exp(1j * (slow + rng.uniform(-0.3, 0.3) * (1 - np.exp(-_TIME_S / 0.01))))
    return narrow * distortion, wide * distortion


def contamination(condition, rng):
    """Return what no basis element describes."""
    extra = np.zeros(POINTS, dtype=complex)
    if condition in {"lipids", "tumour"}:
        size = rng.uniform(5, 40)
        for ppm, width, area in _LIPIDS:
            extra += (
                size * area * rng.uniform(0.6, 1.4) * line(ppm + rng.normal(0, 0.01), width * rng.uniform(0.8, 1.3))
            )
    if condition == "water":
        size = rng.uniform(30, 400)
        for _ in range(3):
            turn = 1j * rng.uniform(0, 6.28) + (2j * np.pi * rng.normal(0, 4) - np.pi * rng.uniform(3, 12)) * _TIME_S
            extra += size * rng.uniform(0.3, 1) * np.exp(turn)
    if condition == "roll":
        for _ in range(4):
            extra += (
                rng.uniform(5, 25)
                * np.exp(1j * rng.uniform(-0.8, 0.8))
                * line(rng.uniform(0.3, 4.3), rng.uniform(60, 160))
            )
    if condition == "echo":
        turn = 1j * rng.uniform(0, 6.28) + 2j * np.pi * (4.65 - rng.uniform(3.2, 4.0)) * LARMOR_MHZ * _TIME_S
        extra += rng.uniform(15, 40) * np.exp(turn - ((_TIME_S - 0.06) / 0.02) ** 2)
    return extra


def make_case(condition: str, index: int, seed: int = 7) -> Case:
    """Return one spectrum of a condition."""
    rng = np.random.default_rng([seed, CONDITIONS.index(condition), index])
    elements, held = basis(), concentrations(condition, rng)
    narrow, wide = lineshapes(condition, rng, index)
    broad = macromolecules(rng) if condition == "wrong Mac" else elements["Mac"]
    fid = held["Mac"] * broad * wide
    for name in metabolites().names:
        own = np.ones(1)
        if condition == "own shifts":
            own = np.exp((2j * np.pi * rng.normal(0, 0.004) * LARMOR_MHZ - np.pi * abs(rng.normal(0, 0.5))) * _TIME_S)
        fid = fid + held[name] * elements[name] * narrow * own
    fid = fid + contamination(condition, rng)
    phase, shift = rng.normal(0, 4), rng.normal(0, 0.7)
    if condition == "shift, phase":
        phase, shift = 60.0 * rng.choice([-1, 1]), 10.0 * rng.choice([-1, 1])
    fid = fid * np.exp(1j * np.radians(phase) + 2j * np.pi * shift * _TIME_S)
    noise = rng.standard_normal(POINTS) + 1j * rng.standard_normal(POINTS)
    fid = fid + _NOISE_SD * _NOISE.get(condition, 1.0) * noise
    sums = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh"), "Glx": ("Glu", "Gln")}
    held |= {total: sum(held[name] for name in parts) for total, parts in sums.items()}
    spectrum = mrs.Spectrum(
        fid, dwell_s=DWELL_S, larmor_mhz=LARMOR_MHZ, echo_time_s=ECHO_TIME_S, name=f"{condition} {index}"
    )
    return Case(condition, spectrum, held)


def score(cases: Sequence[Case], **options) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return errors (percent of the truth), errors over standard errors, and CPU seconds, one row a case."""
    errors, pulls, spent = [], [], []
    for case in cases:
        start = time.process_time()
        fit = mrs.fit(case.spectrum, basis(), **options)
        spent.append(time.process_time() - start)
        errors.append([100.0 * (fit[name].value / case.truth[name] - 1.0) for name in SCORED])
        pulls.append([(fit[name].value - case.truth[name]) / fit[name].stderr for name in SCORED])
    return np.array(errors), np.array(pulls), np.array(spent)


def main() -> None:
    """Print the mean absolute error of each condition, and over all."""
    count, seed = (int(value) for value in (*sys.argv[1:], *("6", "7")[len(sys.argv) - 1 :]))
    write = sys.stdout.write
    write(f"{'condition':<14}{'mean':>6}  " + "".join(f"{name:>6}" for name in SCORED) + "\n")
    everything = []
    for condition in CONDITIONS:
        everything.append(score([make_case(condition, index, seed) for index in range(count)]))
        size = np.abs(everything[-1][0]).mean(axis=0)
        write(f"{condition:<14}{size.mean():>6.1f}  " + "".join(f"{value:>6.1f}" for value in size) + "\n")
    errors, pulls, spent = (np.concatenate(part) for part in zip(*everything, strict=True))
    size, covered = np.abs(errors).mean(axis=0), 100.0 * (np.abs(pulls) < 1.96).mean(axis=0)
    write(f"{'all':<14}{size.mean():>6.2f}  " + "".join(f"{value:>6.1f}" for value in size) + "\n")
    write(f"{'in 95 %':<14}{covered.mean():>6.1f}  " + "".join(f"{value:>6.0f}" for value in covered) + "\n")
    write(f"CPU time of one fit: median {1e3 * np.median(spent):.1f} ms, longest {1e3 * spent.max():.0f} ms\n")


if __name__ == "__main__":
    main()
