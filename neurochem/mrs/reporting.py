"""The MRSinMRS table of minimum reporting, filled from headers, processing steps and fits; gaps are marked."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neurochem.arguments import checked_arguments, checked_fields
from neurochem.errors import FileFormatError, InputError, unknown_name
from neurochem.mrs.preprocess import Preprocessed
from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, Acquisition, Spectrum
from neurochem.mrs.voxel import voxel_affine
from neurochem.naming import write_text
from neurochem.results import FitResult

if TYPE_CHECKING:
    import pandas as pd

NOT_STATED = "not stated"
_PROTON_MHZ_PER_T = 42.577
# Sections and fields of the checklist (Lin 2021), in our words.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "hardware": ("field strength", "manufacturer", "model", "software version", "RF coil", "additional hardware"),
    "acquisition": (
        "sequence", "voxel location", "voxel size", "TR", "TE", "TM", "averages", "spectral width", "points",
        "frequency offset", "editing", "water suppression", "shim method", "motion correction",
    ),
    "analysis": (
        "software", "processing steps", "output measure", "reference and assumptions", "fitting model", "basis",
        "macromolecules and baseline",
    ),
    "quality": ("SNR", "linewidth", "exclusion criteria", "uncertainty", "fit quality", "sample spectrum"),
}  # fmt: skip


@checked_fields
@dataclass(frozen=True, slots=True, eq=False)
class MinimumReport:
    """A filled checklist.

    Attributes
    ----------
    rows : tuple of (section, field, value, source)
        Source is "header", "data", "steps", "fit", "quantification" or "given"; empty where the value is not stated.
    """

    rows: tuple[tuple[str, str, str, str], ...]

    @property
    def missing(self) -> tuple[str, ...]:
        """Fields that are not stated: what an author has to add."""
        return tuple(f"{section}: {name}" for section, name, value, _ in self.rows if value == NOT_STATED)

    def to_frame(self) -> "pd.DataFrame":
        """Return the table, columns section, field, value and source."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["section", "field", "value", "source"])

    def to_markdown(self) -> str:
        """Return the table as Markdown."""
        lines = ["| section | field | value | source |", "|---|---|---|---|"]
        lines += [
            "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in row) + " |" for row in self.rows
        ]
        return "\n".join(lines) + "\n"

    def to_tsv(self) -> str:
        """Return the table as tab-separated values."""
        lines = ["\t".join(("section", "field", "value", "source"))]
        lines += ["\t".join(" ".join(cell.split()) for cell in row) for row in self.rows]
        return "\n".join(lines) + "\n"

    def save(self, path: str | Path) -> Path:
        """Write `.md` or `.tsv`, by the ending of the name, and return the path.

        Raises
        ------
        InputError
            If the name has another ending.
        """
        text = {".md": self.to_markdown, ".tsv": self.to_tsv}.get(Path(path).suffix)
        if text is None:
            msg = f"{path}: a report is written as .md or .tsv; give such a name."
            raise InputError(msg)
        return write_text(path, text())


@checked_arguments
def report_mrsinmrs(
    data: Acquisition | Spectrum | None = None,
    *,
    clean: Preprocessed | None = None,
    fit: FitResult | None = None,
    steps: Sequence[Any] = (),
    extra: Mapping[str, str] | None = None,
) -> MinimumReport:
    """Fill the MRSinMRS checklist with what files, processing and fit say.

    Parameters
    ----------
    data : Acquisition or Spectrum, optional
        The scan as read; its header fills hardware and acquisition.  By default what `clean` holds.
    clean : Preprocessed, optional
        Its steps fill the processing.
    fit : FitResult, optional
        From `fit`, `fit_edited` or `quantify`.
    steps : sequence, optional
        More steps, such as those of `edited_spectra`: objects with `name` and `what`.
    extra : mapping of str to str, optional
        Values by field ("shim method", "exclusion criteria"); they win over what files say.

    Returns
    -------
    MinimumReport
        Table, Markdown, TSV; `missing` lists the fields that are "not stated".

    Raises
    ------
    UnknownNameError
        If `extra` names no field.

    Notes
    -----
    Nothing is guessed: a field strength computed from the proton frequency says so.

    References
    ----------
    Lin A (2021), NMR Biomed 34:e4484.
    """
    names = [name for fields in FIELDS.values() for name in fields]
    given = dict(extra or {})
    for key in given:
        if key not in names:
            raise unknown_name(key, names, kind="field of the MRSinMRS table")
    scan = data if data is not None else (None if clean is None else clean.data)
    found: dict[str, tuple[str, str]] = {}
    if scan is not None:
        found |= _from_scan(scan)
    found |= _from_steps([*(() if clean is None else clean.steps), *steps], fit)
    if fit is not None:
        found |= _from_fit(fit)
    found |= {key: (str(value), "given") for key, value in given.items()}
    rows = tuple(
        (section, name, *found.get(name, (NOT_STATED, ""))) for section, fields in FIELDS.items() for name in fields
    )
    return MinimumReport(rows)


def _first(header: Mapping[str, Any], *keys: str) -> str | None:
    for key in keys:
        value = header.get(key)
        if value not in (None, "", [], {}):
            return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return None


def _from_scan(scan: Acquisition | Spectrum) -> dict[str, tuple[str, str]]:
    """Return what header and data say."""
    header: Mapping[str, Any] = scan.header if isinstance(scan, Acquisition) else {}
    found = {name: value for name, value in _header_fields(header).items() if value is not None}
    if "field strength" not in found and scan.nucleus == "1H":
        found["field strength"] = f"{scan.larmor_mhz / _PROTON_MHZ_PER_T:.2f} T (computed from {scan.larmor_mhz:g} MHz)"
    out = {name: (value, "header") for name, value in found.items()}
    for name, seconds in (("TR", scan.repetition_time_s), ("TE", scan.echo_time_s)):
        if seconds is not None:
            out[name] = (f"{1e3 * seconds:g} ms", "header")
    out["spectral width"] = (f"{1.0 / scan.dwell_s:g} Hz", "data")
    out["points"] = (str(scan.points if isinstance(scan, Spectrum) else scan.shape[-1]), "data")
    if isinstance(scan, Acquisition):
        out |= _dimensions(scan, found)
    return {name: (text, "header") for name, text in _place(scan).items()} | out


def _header_fields(header: Mapping[str, Any]) -> dict[str, str | None]:
    """Return fields by the names that NIfTI-MRS and BIDS have for them."""
    field = _first(header, "MagneticFieldStrength")
    mixing = header.get("MixingTime")
    offset = header.get("TxOffset")
    suppressed = header.get("WaterSuppressed")
    coils = [_first(header, key) for key in ("TxCoil", "RxCoil", "ReceiveCoilName")]
    return {
        "field strength": f"{field} T" if field else None,
        "manufacturer": _first(header, "Manufacturer"),
        "model": _first(header, "ManufacturersModelName", "ManufacturerModelName"),
        "software version": _first(header, "SoftwareVersions", "SoftwareVersion"),
        "RF coil": ", ".join(coil for coil in coils if coil) or None,
        "sequence": _first(header, "SequenceName", "PulseSequenceType", "ScanningSequence", "ProtocolName"),
        "voxel location": _first(header, "VOI", "BodyPartDetails", "BodyPartExamined", "BodyPart"),
        "TM": f"{1e3 * float(np.atleast_1d(mixing)[0]):g} ms" if mixing else None,
        "frequency offset": f"{offset} ppm" if offset is not None else None,
        "water suppression": _first(header, "WaterSuppressionType", "WaterSuppressionTechnique")
        or (None if suppressed is None else ("yes, method not stated" if suppressed else "none")),
    }  # fmt: skip


def _dimensions(scan: Acquisition, known: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    out = {}
    stated = _first(scan.header, "NumberOfTransients", "NumberOfAverages")
    count = scan.size(DYNAMIC) * scan.size(EDIT)
    if scan.size(DYNAMIC) > 1:
        each = f" ({scan.size(DYNAMIC)} for each of {scan.size(EDIT)} edit conditions)" if scan.size(EDIT) > 1 else ""
        out["averages"] = (f"{count}{each}", "data")
    elif stated:
        out["averages"] = (stated, "header")
    if scan.size(COIL) > 1 and "RF coil" not in known:
        out["RF coil"] = (f"{scan.size(COIL)} receive channels", "data")
    pulses = scan.header.get("EditPulse")
    if scan.size(EDIT) > 1:
        detail = f": {pulses}" if pulses else ", pulses not stated"
        out["editing"] = (f"{scan.size(EDIT)} conditions{detail}", "header" if pulses else "data")
    elif DYNAMIC in scan.dims:
        out["editing"] = ("none", "data")
    return out


def _place(scan: Acquisition | Spectrum) -> dict[str, str]:
    """Return the sides and the centre of the voxel of the scan, nothing where it does not say them."""
    placed = isinstance(scan, Acquisition) and scan.header.get("affine") is not None
    if not placed and not scan.source.endswith((".nii", ".nii.gz")):
        return {}
    try:
        affine = voxel_affine(scan if placed else scan.source)
    except (InputError, FileFormatError):
        return {}
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    volume = float(np.prod(sides)) * 1e-3
    ends = [f"{word} {abs(value):.0f}" for value, word in zip(affine[:3, 3], _sides(affine[:3, 3]), strict=True)]
    return {
        "voxel size": " x ".join(f"{side:.3g}" for side in sides) + f" mm ({volume:.3g} mL)",
        "voxel location": f"centre at {', '.join(ends)} mm of the scanner's centre; region not stated",
    }


def _sides(centre: Any) -> tuple[str, str, str]:
    """Return the words for the directions of a place in scanner coordinates, which run right, front and up."""
    x, y, z = (float(value) >= 0 for value in centre)
    return "right" if x else "left", "anterior" if y else "posterior", "superior" if z else "inferior"


def _from_steps(steps: Sequence[Any], fit: FitResult | None) -> dict[str, tuple[str, str]]:
    import neurochem

    out = {"software": (f"neurochem {neurochem.__version__}", "steps")} if steps or fit is not None else {}
    if steps:
        out["processing steps"] = ("; ".join(f"{step.name}: {step.what}" for step in steps), "steps")
    elif fit is not None and fit.settings.get("edit_steps"):
        out["processing steps"] = ("; ".join(fit.settings["edit_steps"]), "fit")
    return out


def _from_fit(fit: FitResult) -> dict[str, tuple[str, str]]:
    settings, found = fit.settings, fit.diagnostics
    out = {
        "fitting model": _model(fit), "basis": settings.get("basis"), "macromolecules and baseline": _broad(settings),
        "linewidth": _number(found, "fwhm_hz", "{:.1f} Hz (fitted line, full width at half maximum)"),
        "SNR": _number(found, "snr", "{:.1f} (tallest metabolite peak over one SD of the noise)"),
        "fit quality": _number(found, "fqn", "FQN {:.2f} (variance of residual over noise, 1 is ideal)"),
        "uncertainty": _uncertainty(fit), "TR": _milliseconds(settings.get("repetition_time_s")),
        "TE": _milliseconds(settings.get("echo_time_s")),
    }  # fmt: skip
    if settings.get("difference"):
        out["editing"] = f"J-difference for {settings['target']}, {settings['difference']} difference fitted"
    stated = {name: (value, "fit") for name, value in out.items() if value}
    record = settings.get("quantification")
    if fit.model == "ratio":
        stated["output measure"] = (f"ratio to {settings.get('ratio_to')}", "fit")
    elif isinstance(record, Mapping):
        stated |= {name: (value, "quantification") for name, value in _quantified(record).items()}
    else:
        stated["output measure"] = ("coefficient of the basis, not scaled", "fit")
    return stated


def _model(fit: FitResult) -> str:
    if fit.settings.get("peaks"):
        eta = fit.settings["editing_efficiency_of_half_difference"]
        listed = ", ".join(f"{name} {value:.3g}" for name, value in eta.items())
        low, high = fit.settings["ppm"]
        return f"Gaussians ({fit.model}), {low:g} to {high:g} ppm, efficiency of the half difference {listed}"
    low, high = fit.settings.get("ppm", (math.nan, math.nan))
    return f"linear combination of a basis ({fit.model}), {low:g} to {high:g} ppm"


def _broad(settings: Mapping[str, Any]) -> str:
    parts = []
    if settings.get("macromolecule_model"):
        parts.append(f"macromolecule model {settings['macromolecule_model']}")
    elif settings.get("macromolecules"):
        parts.append(f"macromolecules {', '.join(settings['macromolecules'])}")
    if settings.get("baseline"):
        parts.append(f"{settings['baseline']} baseline")
    return "; ".join(parts)


def _number(found: Mapping[str, float], key: str, form: str) -> str:
    return form.format(found[key]) if math.isfinite(found.get(key, math.nan)) else ""


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{1e3 * seconds:g} ms"


def _uncertainty(fit: FitResult) -> str:
    shown = [item for item in fit if math.isfinite(item.stderr) and math.isfinite(item.value)]
    kinds = ", ".join(dict.fromkeys(item.stderr_kind for item in shown))
    listed = "; ".join(f"{item.name} {item.value:.3g} ± {item.stderr:.2g} {item.unit}".rstrip() for item in shown)
    return f"standard errors ({kinds}): {listed}" if shown else ""


def _quantified(record: Mapping[str, Any]) -> dict[str, str]:
    unit = record["unit"]
    tissue = record.get("tissue")
    shares = "no tissue fractions" if not tissue else ", ".join(f"{name} {value:.3f}" for name, value in tissue.items())
    unchecked = sorted(record.get("relaxation_status", {}))
    doubt = f"; unchecked relaxation of {', '.join(unchecked)}" if unchecked else ""
    share = f"; GABA = {record['gaba_share']:g} x GABA+" if record.get("gaba_share") else ""
    return {
        "output measure": {"i.u.": "institutional units", "mM": "molar", "mmol/kg": "molal"}[unit] + f" ({unit})",
        "reference and assumptions": (
            f"unsuppressed water of the voxel (amplitude error {100 * _relative(record):.2g} %), TR "
            f"{1e3 * record['water_repetition_time_s']:g} ms, TE {1e3 * record['water_echo_time_s']:g} ms; relaxation set "
            f"'{record['relaxation']}'; {shares}; no metabolite in CSF{doubt}{share}"
        ),
    }  # fmt: skip


def _relative(record: Mapping[str, Any]) -> float:
    return float(record["water_amplitude_stderr"]) / float(record["water_amplitude"])
