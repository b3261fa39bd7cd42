"""Figures of preprocessing: each step before and after, with what it found."""

from typing import TYPE_CHECKING

import numpy as np

from neurochem.figures import DATA, GREY, UNUSED, VERMILLION, colour, label, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from neurochem.mrs.preprocess.pipeline import Preprocessed, Step
    from neurochem.mrs.preprocess.state import Trace
    from neurochem.mrs.preprocess.views import View

# More rows than these are drawn as an image.
_MOST_LINES = 12
_METABOLITES_PPM = (0.2, 4.2)


def plot_step(step: "Step", ax: "Axes | None" = None) -> "Axes":
    """Draw the mean spectrum before and after one step.

    Parameters
    ----------
    step : Step
        Of `Preprocessed.steps`.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes
        Real part, scaled to the metabolites.
    """
    ax = new_axes() if ax is None else ax
    for view, shade, name in ((step.before, UNUSED, "before"), (step.after, DATA, "after")):
        ax.plot(view.ppm, view.mean.real, color=shade, linewidth=0.8, label=name)
    _finish_spectrum(ax, step.before, step.after)
    ax.set_title(f"{step.name}: {step.what}", fontsize=8, wrap=True)
    ax.legend(frameon=False, fontsize=7)
    return ax


def plot_trace(step: "Step", ax: "Axes | None" = None, *, index: int = 0) -> "Axes":
    """Draw a curve that a step found (shifts, scores, weights, phase), with the limit where there is one."""
    ax = new_axes() if ax is None else ax
    if not step.traces:
        ax.set_axis_off()
        ax.text(0.5, 0.5, "nothing to trace", ha="center", va="center", color=GREY, fontsize=8, transform=ax.transAxes)
        return ax
    _draw_trace(step.traces[index], ax)
    return ax


def plot_steps(clean: "Preprocessed") -> "Figure":
    """Draw every step: all spectra before and after, the mean of both, and what the step found.

    Parameters
    ----------
    clean : Preprocessed
        From `preprocess`.

    Returns
    -------
    Figure
        A row a step; not shown, not saved.
    """
    from matplotlib.figure import Figure

    rows = max(len(clean.steps), 1)
    figure = Figure(figsize=(15.0, 2.9 * rows), layout="constrained")
    grid = figure.subplots(rows, 4, squeeze=False)
    for step, axes in zip(clean.steps, grid, strict=False):
        for view, ax, word in ((step.before, axes[0], "before"), (step.after, axes[1], "after")):
            _draw_view(view, ax)
            ax.set_title(
                f"{word} {step.name}: {view.spectra.shape[0]} {view.rows}{'s' * (len(view.spectra) > 1)}", fontsize=8
            )
        plot_step(step, axes[2])
        axes[2].set_title(_wrapped(step.what), fontsize=7)
        for index in range(1, len(step.traces)):
            _draw_trace(step.traces[index], axes[3].twinx(), second=True)
        plot_trace(step, axes[3])
    return figure


def plot_edited(clean: "Preprocessed", ax: "Axes | None" = None) -> "Axes":
    """Draw the edit conditions of a preprocessed scan, real part from 0 to 5.5 ppm."""
    from neurochem.mrs.preprocess.views import view_of

    ax = new_axes() if ax is None else ax
    view = view_of(clean.data)
    names = clean.edit_conditions or tuple(str(index) for index in range(view.spectra.shape[0]))
    for index, row in enumerate(view.spectra):
        name = names[index] if index < len(names) else str(index)
        ax.plot(view.ppm, row.real, color=colour(index), linewidth=0.8, label=name)
    _finish_spectrum(ax, view)
    ax.set_title(f"{clean.data.name}: {', '.join(step.name for step in clean.steps)}", fontsize=9)
    ax.legend(frameon=False, fontsize=8)
    return ax


def _wrapped(text: str, width: int = 62) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width)[:3])


def _limits(*views: "View") -> tuple[float, float]:
    """Return limits that show metabolites, whatever is left of water."""
    parts = []
    for view in views:
        inside = (view.ppm >= _METABOLITES_PPM[0]) & (view.ppm <= _METABOLITES_PPM[1])
        parts.append(view.mean.real[inside] if inside.any() else view.mean.real)
    values = np.concatenate(parts)
    # the tail of residual water near the edge would hide the metabolites
    low, high = np.quantile(values, [0.005, 0.995])
    margin = 0.25 * (float(high - low) or 1.0)
    return float(low) - margin, float(high) + margin


def _finish_spectrum(ax: "Axes", *views: "View") -> None:
    ax.set_ylim(*_limits(*views))
    ax.set_xlim(float(views[-1].ppm[0]), float(views[-1].ppm[-1]))
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel("signal, real part (a.u.)")
    ax.set_yticks([])


def _draw_view(view: "View", ax: "Axes") -> None:
    if view.spectra.shape[0] <= _MOST_LINES:
        for index, row in enumerate(view.spectra):
            shade = DATA if view.spectra.shape[0] == 1 else colour(index)
            ax.plot(view.ppm, row.real, color=shade, linewidth=0.6)
        _finish_spectrum(ax, view)
        return
    inside = (view.ppm >= _METABOLITES_PPM[0]) & (view.ppm <= _METABOLITES_PPM[1])
    inside = inside if inside.any() else np.ones(view.ppm.size, dtype=bool)
    image = view.spectra.real[:, inside] if view.rows != "coil" else np.abs(view.spectra[:, inside])
    low, high = np.quantile(image, [0.02, 0.995])
    ppm = view.ppm[inside]
    extent = (float(ppm[0]), float(ppm[-1]), view.spectra.shape[0] + 0.5, 0.5)
    ax.imshow(image, aspect="auto", cmap="viridis", vmin=low, vmax=high, extent=extent, interpolation="nearest")
    ax.set_xlabel("chemical shift (ppm)")
    ax.set_ylabel(view.rows)


def _draw_trace(trace: "Trace", ax: "Axes", *, second: bool = False) -> None:
    values = np.atleast_2d(trace.values)
    x = np.arange(1, values.shape[1] + 1) if trace.x is None else trace.x
    for index, row in enumerate(values):
        shade = VERMILLION if second else colour(index)
        style = "-" if trace.along == "time" else ".-"
        ax.plot(x, row, style, color=shade, linewidth=0.7, markersize=3, alpha=0.9 if index == 0 else 0.6)
    if trace.limit is not None:
        ax.axhline(trace.limit, color=VERMILLION, linewidth=0.8, linestyle="--")
    ax.set_xlabel(label(trace.along, trace.along_unit))
    ax.set_ylabel(label(trace.name, trace.unit), color=VERMILLION if second else "black")
