"""Scoring of the package against its reference objects, through the public interface."""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from neurochem import mrs, pet
from neurochem.phantoms import mrs_scan, pet_scan
from neurochem.phantoms.reference_objects import (
    FRAMINGS,
    K2PRIME_PER_MIN,
    SEED,
    make_reference_objects,
    stated_checksums,
    visit,
)
from neurochem.phantoms.writing import read_truth
from neurochem.results import Estimate, FitResult

MODELS = ("SRTM", "MRTM1", "MRTM2", "LoganRef")
METABOLITES = ("NAA", "Cr", "PCr", "GPC", "Ins", "Glu", "Gln", "GABA", "GSH")
TOTALS = {"tNAA": ("NAA", "NAAG"), "tCr": ("Cr", "PCr"), "tCho": ("GPC", "PCh"), "Glx": ("Glu", "Gln")}


@dataclass(frozen=True, slots=True)
class Check:
    """One comparison with truth.

    Attributes
    ----------
    name, measure : str
        What was compared, and how it is measured.
    value, limit : float
        The measure and what it may be at most (or at least, where `at_least`).
    reason : str
        Why the limit is what it is.
    """

    name: str
    measure: str
    value: float
    limit: float
    reason: str
    at_least: bool = False

    @property
    def passed(self) -> bool:
        """Whether the measure is within its limit."""
        return bool(self.value >= self.limit) if self.at_least else bool(self.value <= self.limit)


@dataclass(frozen=True, slots=True)
class ValidationReport:
    """All comparisons of one run."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    def __str__(self) -> str:
        """Return the table as text."""
        widest = max(len(check.name) for check in self.checks)
        span = max(len(check.measure) for check in self.checks)
        lines = [f"{'check':<{widest}}  {'measure':<{span}}  {'value':>10}  {'limit':>10}  result"]
        for check in self.checks:
            sign = ">=" if check.at_least else "<="
            lines.append(
                f"{check.name:<{widest}}  {check.measure:<{span}}  {check.value:>10.3g}  {sign}{check.limit:>8.3g}  "
                f"{'pass' if check.passed else 'FAIL'}"
            )
        count = sum(check.passed for check in self.checks)
        lines.append(f"{count} of {len(self.checks)} checks passed")
        return "\n".join(lines)


def validate(*, replicates: int = 40, progress: bool | None = None) -> ValidationReport:
    """Remake the reference objects, check their sums, and score the package against their truth.

    Parameters
    ----------
    replicates : int
        Noisy repetitions of the image and of the spectrum, for bias and for errors against stated standard errors.
    progress : bool, optional
        Whether to show progress; by default only on a terminal.

    Returns
    -------
    ValidationReport
        One row a comparison; `print` it.
    """
    shown = None if progress is None else not progress
    with tempfile.TemporaryDirectory(prefix="neurochem-") as folder:
        root = Path(folder)
        sums = make_reference_objects(root)
        stated = stated_checksums()
        differing = sum(sums.get(name) != value for name, value in stated.items()) + len(set(sums) - set(stated))
        checks = [Check("reference objects", "files that differ from their stated sum", differing, 0, "same bytes")]
        checks += _framings(root / "pet")
        checks += _plasma(root / "pet")
        checks += _noisy_image(root / "pet")
        checks += _spectra(root / "mrs")
    checks += _replicated_image(tqdm(range(replicates), desc="PET replicates", disable=shown))
    checks += _replicated_spectrum(tqdm(range(replicates), desc="MRS replicates", disable=shown))
    return ValidationReport(tuple(checks))


def _framings(folder: Path) -> list[Check]:
    truth = read_truth(folder / "framings_truth.tsv")
    checks = []
    for model in MODELS:
        worst = 0.0
        options: dict[str, Any] = {"k2prime": K2PRIME_PER_MIN} if model in {"MRTM2", "LoganRef"} else {}
        for name in FRAMINGS:
            file = f"framing-{name}_tacs.tsv"
            fits = pet.fit(pet.read_tacs(folder / file), model, reference="reference", **options)
            for row in truth:
                if row["file"] == file:
                    error = abs(fits[row["region"]]["BPND"].value - float(row["BPND"]))
                    worst = max(worst, error / max(1.0, float(row["BPND"])))
        reason = "what users are promised from frame means alone; the rebuilt curves err by 1e-5"
        checks.append(
            Check(f"{model}, noise-free, 3 framings", "largest |error of BPND| / max(1, BPND)", worst, 2e-4, reason)
        )
    return checks


def _plasma(folder: Path) -> list[Check]:
    blood = pet.read_arterial_input(folder / "plasma_blood.tsv")
    tacs = pet.read_tacs(folder / "plasma_tacs.tsv")
    checks = []
    for model in ("Logan", "MA1"):
        fits = pet.fit(tacs, model, blood=blood)
        errors = [
            abs(fits[row["region"]]["VT"].value / float(row["VT"]) - 1.0)
            for row in read_truth(folder / "plasma_truth.tsv")
        ]
        reason = "a sampled input misses the peak between samples"
        checks.append(Check(f"{model}, sampled input", "largest relative error of VT", max(errors), 5e-3, reason))
    return checks


def _noisy_image(folder: Path) -> list[Check]:
    image = pet.read_image(folder / "noisy_pet.nii")
    tacs = pet.extract_tacs(image, folder / "noisy_dseg.nii", pet.read_label_names(folder / "noisy_dseg.tsv"))
    fits = pet.fit(tacs, "SRTM", reference=pet_scan.LABELS[1])
    return [
        _error_check(f"SRTM, noisy image, {row['region']}", fits[row["region"]]["BPND"], float(row["BPND"]))
        for row in read_truth(folder / "noisy_truth.tsv")
    ]


def _error_check(name: str, estimate: Estimate, truth: float) -> Check:
    value, stderr = estimate.value, estimate.stderr
    return Check(
        name, "|error| / stated standard error", abs(value - truth) / stderr, 3.0, "one scan in 200 is beyond 3"
    )


Scan = mrs.Spectrum | mrs.Acquisition


def _quantified(spectrum: Scan, water: Scan, basis: mrs.Basis, fractions: tuple[float, float, float]) -> FitResult:
    clean = mrs.preprocess(spectrum, water=water)
    fit = mrs.fit(clean.spectrum, basis)
    return mrs.quantify(fit, water=clean.water or water, tissue=mrs.Tissue(*fractions))


def _true_concentrations(amounts: dict[str, float]) -> dict[str, float]:
    return {
        **{name: amounts[name] for name in METABOLITES},
        **{total: sum(amounts[part] for part in parts) for total, parts in TOTALS.items()},
    }


def _spectra(folder: Path) -> list[Check]:
    basis = mrs.read_basis(folder / "basis.BASIS")
    amounts = {row["metabolite"]: float(row["mmol_per_kg"]) for row in read_truth(folder / "truth.tsv")}
    truth = _true_concentrations(amounts)
    fits = {
        name: _quantified(
            mrs.read(folder / f"{name}_svs.nii"), mrs.read(folder / f"{name}_mrsref.nii"), basis, visit().tissue
        )
        for name in ("exact", "noisy")
    }
    worst = max(abs(fits["exact"][name].value / value - 1.0) for name, value in truth.items())
    reason = "files are rounded at the eighth digit, and the baseline is free"
    checks = [Check("spectrum, noise-free", "largest relative error of a concentration", worst, 1e-4, reason)]
    checks += [_error_check(f"spectrum, noisy, {name}", fits["noisy"][name], value) for name, value in truth.items()]
    return checks


def _calibration(name: str, rows: list[list[tuple[float, float]]]) -> list[Check]:
    """Return bias and error against stated error, over estimates (columns) and replicates (rows)."""
    table = np.array(rows)
    errors, stated = table[..., 0], table[..., 1]
    count = errors.shape[0]
    bias = float(np.max(np.abs(errors.mean(axis=0)) / stated.mean(axis=0)))
    ratio = np.sqrt(np.mean((errors / stated) ** 2))
    inside = float(np.mean(np.abs(errors) <= 3.0 * stated))
    # the largest of some ten mean errors, each known to 1/sqrt(count), on top of a tolerated third of a standard error
    limit = 0.34 + 3.0 / math.sqrt(count)
    spread = 3.0 / math.sqrt(2.0 * errors.size)
    return [
        Check(
            name, "largest bias / mean stated standard error", bias, limit, "a third of a standard error, plus chance"
        ),
        Check(name, "RMS of error / stated standard error", float(ratio), 1.15 + spread, "15 %, plus chance"),
        Check(
            name,
            "RMS of error / stated standard error ",
            float(ratio),
            0.85 - spread,
            "15 %, plus chance",
            at_least=True,
        ),
        Check(
            name, "share within 3 stated standard errors", inside, 0.99, "0.995 for t with 27 degrees", at_least=True
        ),
    ]


def _replicated_image(replicates: Iterable[int]) -> list[Check]:
    person, labels = visit(), pet_scan.label_image()
    rows = []
    for index in replicates:
        stored, scale = pet_scan.make_scan(person, np.random.default_rng([SEED, 3, index]))
        count = len(pet_scan.frames())
        image = pet.DynamicImage(
            stored, pet_scan.frames(), pet_scan.affine(), isotope=pet_scan.ISOTOPE, scale=np.full(count, scale / 1000.0)
        )
        fits = pet.fit(pet.extract_tacs(image, labels, pet_scan.LABELS), "SRTM", reference=pet_scan.LABELS[1])
        rows.append([(fits[r]["BPND"].value - truth, fits[r]["BPND"].stderr) for r, truth in person.bpnd.items()])
    return _calibration(f"SRTM, {len(rows)} noisy images", rows)


def _replicated_spectrum(replicates: Iterable[int]) -> list[Check]:
    person, basis = visit(), mrs_scan.basis()
    truth = _true_concentrations(person.concentrations)
    rows = []
    for index in replicates:
        spectrum, water = mrs_scan.make_spectra(person, np.random.default_rng([SEED, 4, index]))
        fit = _quantified(spectrum, water, basis, person.tissue)
        rows.append([(fit[name].value - value, fit[name].stderr) for name, value in truth.items()])
    return _calibration(f"spectrum, {len(rows)} noisy spectra", rows)
