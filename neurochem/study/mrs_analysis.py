"""One spectroscopy scan from its FIDs to concentrations, edited or not: what `run` and `mrs process` share."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.spectra import EDIT
from neurochem.results import FitResult
from neurochem.study.mrs_basis import (
    measured_once,
    read_basis_once,
    read_edited_basis_once,
    simulated_basis,
    simulation_text,
    with_measured,
)
from neurochem.study.mrs_config import EditedConfig
from neurochem.study.mrs_edits import find_edits

PPM = (0.2, 4.2)


@dataclass(frozen=True, slots=True)
class Choices:
    """How a scan is fitted.

    Attributes
    ----------
    basis : Path or None
        Basis set of an unedited scan.
    basis_missing : str
        What to say where the scan is unedited and there is none.
    edited : EditedConfig
        How an edited scan is fitted.
    edited_basis : Path or None
        Its basis; None simulates one.
    nulled : Path or None
        Metabolite-nulled scan of the same voxel or of others; its macromolecules take the place of those of the basis.
    ppm : tuple of float
        Range of the fit of an unedited scan.
    """

    basis: Path | None
    basis_missing: str
    edited: EditedConfig
    edited_basis: Path | None = None
    nulled: Path | None = None
    ppm: tuple[float, float] = PPM


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of a scan.

    Attributes
    ----------
    fit : FitResult
        Coefficients of the basis, or concentrations once `quantified`.
    clean : Preprocessed
        The steps, and both scans after them.
    basis : str
        Where the basis comes from.
    data : Acquisition
        The scan before the first step, edit conditions found.
    edited : EditedSpectra or None
        Sub-spectra and differences of an edited scan.
    edits_found : str
        How its edit conditions were found.
    nulled : MeasuredMacromolecules or None
        What was measured on a nulled scan.
    """

    fit: FitResult
    clean: mrs.Preprocessed
    basis: str
    data: mrs.Acquisition
    edited: mrs.EditedSpectra | None = None
    edits_found: str = ""
    nulled: mrs.MeasuredMacromolecules | None = None

    def with_fit(self, fit: FitResult) -> "Analysis":
        """Return the analysis with another result, such as concentrations."""
        return replace(self, fit=fit)

    def report(self, *, page: str) -> mrs.MinimumReport:
        """Return the MRSinMRS table of the scan, whose sample spectrum is on a page."""
        return mrs.report_mrsinmrs(
            self.data, clean=self.clean, fit=self.fit, steps=() if self.edited is None else self.edited.steps,
            extra={"sample spectrum": page},
        )  # fmt: skip


def analyse(data: mrs.Acquisition, *, water: mrs.Acquisition | None, choices: Choices, name: str) -> Analysis:
    """Preprocess and fit a scan.

    Parameters
    ----------
    data, water : Acquisition
        The scan, and the unsuppressed water of the same voxel.
    choices : Choices
        Basis and options.
    name : str
        Of the result.

    Raises
    ------
    InputError
        If a nulled scan is given with an edited one: macromolecules of an inverted scan are not those of a difference.
    NeurochemError
        If the input cannot mean anything; a fit that goes badly is a flag instead.
    """
    data, note = find_edits(data, choices.edited.split)
    clean = mrs.preprocess(data, water=water)
    if data.size(EDIT) > 1:
        if choices.nulled is not None:
            msg = (
                f"{data.source or data.name}: the scan is edited, and a metabolite-nulled scan without editing does not show the "
                "macromolecules of its difference; leave it out (nulled)."
            )
            raise InputError(msg)
        return _edited(clean, data, choices, name, note)
    if choices.basis is None:
        raise InputError(choices.basis_missing)
    basis = read_basis_once(choices.basis)
    measured = None
    if choices.nulled is not None:
        measured = measured_once(choices.nulled)
        basis = with_measured(basis, measured)
    fit = mrs.fit(clean.spectrum, basis, ppm=choices.ppm, name=name)
    if measured is not None:
        noted = tuple(
            replace(flag, name=f"nulled_{flag.name}", message=f"nulled scan: {flag.message}") for flag in measured.flags
        )
        model = f"measured on the metabolite-nulled scan {Path(measured.basis.source).name}"
        fit = replace(fit, flags=(*fit.flags, *noted), settings={**fit.settings, "macromolecule_model": model})
    return Analysis(fit, clean, str(choices.basis), data, nulled=measured)


def _edited(clean: mrs.Preprocessed, data: mrs.Acquisition, choices: Choices, name: str, note: str) -> Analysis:
    settings = choices.edited
    source = choices.edited_basis
    count = data.size(EDIT)
    if source is not None:
        basis, text = read_edited_basis_once(source), str(source)
    else:
        basis, text = (
            simulated_basis(data, settings, conditions=count),
            simulation_text(data, settings, conditions=count),
        )
    spectra = mrs.edited_spectra(clean, target=settings.target, order=settings.order or None)
    options: dict[str, Any] = {"ppm": settings.ppm} if settings.method == "basis" else {}
    # the models of broad lines that have a choice of name are those edited with GABA
    broad = settings.macromolecules if settings.target == "GABA" else "free"
    fit = mrs.fit_edited(
        spectra, basis=basis, method=settings.method, target=settings.target, macromolecules=broad, name=name, **options
    )
    fit = replace(fit, settings={**fit.settings, "basis": text})
    return Analysis(fit, clean, text, data, edited=spectra, edits_found=note)
