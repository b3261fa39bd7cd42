"""What a page shows of a spectroscopy scan beside its fit: every step, the editing, the voxel, and what is not reported."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure

from neurochem import mrs, qc
from neurochem.figures import VERMILLION, colour
from neurochem.mrs.edited.conditions import STEPS
from neurochem.study.mrs_tissue import VoxelTissue

if TYPE_CHECKING:
    from neurochem.mrs.preprocess.pipeline import Step
    from neurochem.mrs.preprocess.views import View
    from neurochem.study.mrs_analysis import Analysis

_WIDTH = 11.4
# Creatine and choline, which editing leaves alone.
_ALIGNED_PPM = (2.85, 3.4)
# Share of a voxel in no map, above which the page says so.
_WORTH_SAYING = 0.001
# Planes of an image in the order right, front, up, with the letters at their left, right, bottom and top edges.
_PLANES = (("sagittal", 0, "PAIS"), ("coronal", 1, "LRIS"), ("axial", 2, "LRPA"))


def page_sections(
    done: "Analysis", *, voxel: Sequence[qc.Section] = (), report: mrs.MinimumReport | None = None
) -> tuple[qc.Section, ...]:
    """Return the parts of the page after the fit, in the order of the work.

    Parameters
    ----------
    done : Analysis
        From `neurochem.study.mrs_analysis.analyse`.
    voxel : sequence of Section
        What is known of the voxel.
    report : MinimumReport, optional
        The filled MRSinMRS table.
    """
    sections = [*voxel, steps_section(done.clean)]
    if done.edited is not None:
        sections.append(edited_section(done))
    if done.nulled is not None:
        sections.append(nulled_section(done.nulled))
    if report is not None:
        sections.append(report_section(report))
    return tuple(sections)


def scan_facts(done: "Analysis", tissue: VoxelTissue | None) -> dict[str, str]:
    """Return what a reader of the page wants to know first."""
    fit = done.fit
    kind = "edited difference" if done.edited is not None else "spectrum"
    facts = {"model": f"{fit.model} ({kind})"}
    for name, text, unit in (("snr", "SNR", ""), ("fwhm_hz", "line width", " Hz"), ("fqn", "residual over noise", "")):
        if name in fit.diagnostics:
            facts[text] = f"{fit.diagnostics[name]:.3g}{unit}"
    if tissue is not None:
        found = tissue.tissue
        facts["voxel"] = f"grey {found.gm:.2f}, white {found.wm:.2f}, fluid {found.csf:.2f}"
    return facts


def steps_section(clean: mrs.Preprocessed) -> qc.Section:
    """Return the part of the page that says what each step did, and shows those that changed the data before and after."""
    lines = [f"{index}. {step.name}: {step.what}." for index, step in enumerate(clean.steps, 1)]
    changed = [(index, step) for index, step in enumerate(clean.steps, 1) if _changed(step)]
    if not changed:
        return qc.Section("Preprocessing", [*lines, "No step changed the spectrum."])
    said = (
        "From left to right: before, after, the mean of both, and what the step found. Real part as it is, since the fit "
        "finds the phase; a step that is not shown left the spectrum as it was."
    )
    pictures = [(_step_figure(clean, step, index), f"spectra before and after {step.name}") for index, step in changed]
    return qc.Section("Preprocessing", [*lines, said], pictures)


def _step_figure(clean: mrs.Preprocessed, step: "Step", index: int) -> Figure:
    """Return the row of one step, as wide as the page, so that its words are as large as drawn."""
    from neurochem.mrs.preprocess.plots import plot_steps

    figure = plot_steps(replace(clean, steps=(step,)))
    figure.set_size_inches(_WIDTH, 2.7)
    figure.suptitle(f"{index}. {step.name}", fontsize=11, x=0.01, ha="left")
    figure.axes[0].set_title(f"before: {_rows(step.before)}", fontsize=9)
    figure.axes[1].set_title(f"after: {_rows(step.after)}", fontsize=9)
    figure.axes[2].set_title("mean", fontsize=9)
    if not step.traces:
        for words in list(figure.axes[3].texts):
            words.remove()
    return figure


def _rows(view: "View") -> str:
    """Return how many spectra of what a picture shows."""
    count = len(view.spectra)
    return f"{count} {view.rows}{'s' if count > 1 else ''}" if view.rows != "spectrum" or count > 1 else "spectrum"


def _changed(step: "Step") -> bool:
    """Say whether a step changed the picture of the data."""
    before, after = step.before.spectra, step.after.spectra
    return bool(step.traces) or before.shape != after.shape or not np.array_equal(before, after)


def edited_section(done: "Analysis") -> qc.Section:
    """Return the part of the page with the sub-spectra, their alignment, and the difference with its fit."""
    from neurochem.mrs.edited.plots import plot_edited, plot_edited_fit

    assert done.edited is not None
    fit, edited = done.fit, done.edited
    lines = [f"Found: {done.edits_found}." if done.edits_found else "Edited."]
    lines += [f"{step.name}: {step.what}" for step in edited.steps]
    moved = fit.settings.get("refined_alignment")
    if moved:
        listed = "; ".join(f"{k} by {v['shift_hz']:.2f} Hz and {v['phase_deg']:.1f} degrees" for k, v in moved.items())
        lines.append(f"finer alignment from the fit of the sum: {listed}")
    lines.append(_edited_words(fit))
    pictures = [(_alignment_figure(done), "creatine and choline of the edit conditions before and after alignment")]
    for draw, alt in (
        (lambda ax: plot_edited(edited, ax), "sub-spectra after alignment and their difference"),
        (lambda ax: plot_edited_fit(fit, ax), "difference with its fit, baseline, GABA, macromolecules and residual"),
    ):
        figure = Figure(figsize=(_WIDTH, 5.2), layout="constrained")
        draw(figure.subplots())
        pictures.append((figure, alt))
    return qc.Section("Editing", lines, pictures)


def _alignment_figure(done: "Analysis") -> Figure:
    """Return lines that editing leaves alone, of all conditions, before and after they were aligned to each other."""
    from neurochem.mrs.edited.singlet_reference import fit_singlets

    assert done.edited is not None
    edited = done.edited
    reference = fit_singlets(edited.unedited)
    turn = np.exp(-1j * np.radians(reference.phase_deg))
    figure = Figure(figsize=(_WIDTH, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    step = next((step for step in done.clean.steps if step.name == "align_edits"), None)
    moved_ppm = reference.shift_hz / edited.unedited.larmor_mhz
    if step is not None:
        rows = dict(zip(edited.order.names, step.before.spectra * turn, strict=False))
        _draw_lines(left, step.before.ppm + moved_ppm, rows)
    _draw_lines(
        right, edited.unedited.ppm + moved_ppm, {name: edited[name].spectrum * turn for name in edited.order.names}
    )
    left.set_title("edit conditions before alignment", fontsize=9)
    right.set_title("after", fontsize=9)
    left.set_ylabel("signal, real part (a.u.)")
    right.legend(frameon=False, fontsize=8)
    return figure


def _draw_lines(ax: Any, ppm: np.ndarray, rows: Mapping[str, np.ndarray]) -> None:
    inside = (ppm >= _ALIGNED_PPM[0]) & (ppm <= _ALIGNED_PPM[1])
    for index, name in enumerate(name for name in STEPS if name in rows):
        values = rows[name][inside].real
        # the tail of water differs between conditions and is not what is aligned
        ax.plot(ppm[inside], values - values.min(), color=colour(index), linewidth=1.0, label=name)
    ax.set_xlim(_ALIGNED_PPM[1], _ALIGNED_PPM[0])
    ax.set_yticks([])
    ax.set_xlabel("chemical shift (ppm)")


def _edited_words(fit: Any) -> str:
    """Return what the names of edited estimates mean."""
    if fit.settings.get("target") == "GSH":
        return "GSH: glutathione of its difference, macromolecules free."
    if fit.settings.get("peaks"):
        return (
            "GABA+: all signal at 3.0 ppm as GABA, macromolecules in it; Glx: its peak at 3.75 ppm. GABA alone is not "
            "separated."
        )
    model = fit.settings.get("macromolecule_model", "")
    return (
        f"GABA+: all signal at 3.0 ppm as GABA, macromolecules in it. GABA: without them, separated by the model '{model}', "
        "which an edited spectrum alone cannot test. Glx: glutamate and glutamine of the difference."
    )


def nulled_section(nulled: mrs.MeasuredMacromolecules) -> qc.Section:
    """Return the part of the page that shows what was measured on the metabolite-nulled scan."""
    figure = Figure(figsize=(_WIDTH, 5.4), layout="constrained")
    nulled.plot(figure.subplots())
    left = ", ".join(f"{name} {value:.2f}" for name, value in nulled.residual_metabolites.items())
    lines = [
        f"{len(nulled.lines)} lines make one element of the basis, '{nulled.basis.names[0]}', in place of simulated "
        f"macromolecules; residual over noise {nulled.residual_over_noise:.2f}.",
        f"Metabolites that the inversion left (protons, 3 at 0.9 ppm; negative: inverted) and that were taken out: {left}.",
        *(flag.message for flag in nulled.flags),
    ]
    return qc.Section(
        "Measured macromolecules", lines, [(figure, "nulled spectrum, what is taken out, and the element")]
    )


def report_section(report: mrs.MinimumReport) -> qc.Section:
    """Return the part of the page that says what of the MRSinMRS checklist is not stated."""
    total = len(report.rows)
    count = total - len(report.missing)
    gaps = (
        f"Not stated, for the authors to add: {'; '.join(report.missing)}." if report.missing else "Nothing is missing."
    )
    return qc.Section(
        "Minimum reporting (MRSinMRS)", [f"{count} of {total} fields are filled from header, steps and fit. {gaps}"]
    )


def tissue_words(tissue: VoxelTissue) -> str:
    """Return the fractions of a voxel and where they come from."""
    found = tissue.tissue
    text = f"Grey {found.gm:.3f}, white {found.wm:.3f}, fluid {found.csf:.3f} of the volume, from {tissue.source}"
    if tissue.shares is not None and tissue.shares.unassigned >= _WORTH_SAYING:
        text += f" ({100 * tissue.shares.unassigned:.1f} % of the voxel is in no map and was shared out)"
    return text + "."


def voxel_section(mask: mrs.VoxelMask, image: Any, *, lines: Sequence[str] = (), name: str = "") -> qc.Section:
    """Return the part of the page that shows the voxel on three planes of an anatomical image.

    Parameters
    ----------
    mask : VoxelMask
        On the grid of the image.
    image : NIfTI image
        T1w, in scanner coordinates.
    lines : sequence of str
        What else to say of the voxel.
    name : str
        Of the image.
    """
    import nibabel

    # axes then run to the right, to the front and up, as far as an oblique image has such axes
    turned = nibabel.as_closest_canonical(
        nibabel.Nifti1Image(np.asarray(image.dataobj, dtype=np.float32), image.affine)
    )
    shares = nibabel.as_closest_canonical(nibabel.Nifti1Image(np.asarray(mask.fractions), mask.affine))
    volume, fractions = np.asarray(turned.dataobj), np.asarray(shares.dataobj)
    centre = np.array([np.average(axis, weights=fractions.ravel()) for axis in np.indices(volume.shape).reshape(3, -1)])
    figure = Figure(figsize=(_WIDTH, 4.0), layout="constrained")
    bright = volume[volume > 0]
    high = float(np.quantile(bright, 0.995)) if bright.size else 1.0
    size = np.linalg.norm(turned.affine[:3, :3], axis=0)
    place = turned.affine[:3, :3] @ centre + turned.affine[:3, 3]
    for (title, axis, letters), ax in zip(_PLANES, figure.subplots(1, 3), strict=True):
        _draw_plane(ax, volume, fractions, axis, centre, size, high)
        ax.set_title(f"{title}, {'xyz'[axis]} = {place[axis]:.0f} mm", fontsize=10)
        for (x, y), letter in zip(((0.03, 0.5), (0.97, 0.5), (0.5, 0.04), (0.5, 0.96)), letters, strict=True):
            ax.text(x, y, letter, color="white", ha="center", va="center", fontsize=10, transform=ax.transAxes)
    said = (
        f"{mask.volume_ml:.2f} mL, {100 * mask.covered:.1f} % of it inside the image{f' {name}' if name else ''}. Outline: the "
        "nominal box, without chemical shift displacement; L is the person's left. Nothing was registered: scan and image "
        "must be of one session without motion between them."
    )
    return qc.Section(
        "Voxel", [said, *lines], [(figure, "outline of the voxel on three planes of the anatomical image")]
    )


def _draw_plane(
    ax: Any, volume: np.ndarray, fractions: np.ndarray, axis: int, centre: np.ndarray, size: np.ndarray, high: float
) -> None:
    across, up = (other for other in range(3) if other != axis)
    index = round(float(centre[axis]))
    extent = (0.0, volume.shape[across] * size[across], 0.0, volume.shape[up] * size[up])
    plane = np.take(volume, index, axis=axis).T
    outline = np.take(fractions, index, axis=axis).T
    ax.imshow(plane, origin="lower", cmap="gray", vmin=0.0, vmax=high, extent=extent, interpolation="nearest")
    x = (np.arange(volume.shape[across]) + 0.5) * size[across]
    y = (np.arange(volume.shape[up]) + 0.5) * size[up]
    ax.contour(x, y, outline, levels=[0.5], colors=[VERMILLION], linewidths=1.6)
    ax.set_facecolor("black")
    ax.set_xticks([])
    ax.set_yticks([])
