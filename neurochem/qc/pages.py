"""The HTML pages: one a scan and one a study, each a single file that needs no other."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jinja2

import neurochem
from neurochem.errors import InputError
from neurochem.qc.embed import data_uri
from neurochem.qc.numbers import rounded
from neurochem.qc.tables import diagnostics_table, estimates_table, flag_list, settings_rows
from neurochem.qc.verdict import judge, judge_fit
from neurochem.results import FitResult, ResultSet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# A sheet of many panels is drawn coarser, so that a page stays below half a megabyte.
_DPI, _TALL_DPI, _TALL_INCHES = 96, 64, 14.0


@dataclass(frozen=True, slots=True)
class Panel:
    """A figure with its text and the address of the numbers it was drawn from.

    Attributes
    ----------
    figure : Figure
        What to show.
    caption, alt : str
        For those who see it, and for those who do not.
    data : str
        Relative address of a table; empty for none.
    """

    figure: "Figure"
    caption: str
    alt: str
    data: str = ""


@dataclass(frozen=True, slots=True)
class NumberTable:
    """A table of numbers and words under a title.

    Attributes
    ----------
    title : str
        What it shows.
    heads : sequence of str
        Columns.
    rows : sequence of sequence
        Cells; text stays, numbers are rounded to three digits.
    """

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a study page says of a prediction model.

    Attributes
    ----------
    lines : sequence of str
        What was found, one paragraph each.
    limits : sequence of str
        What may not be concluded from it.
    tables : sequence of NumberTable
        Numbers.
    panels : sequence of Panel
        Figures.
    """

    lines: Sequence[str] = ()
    limits: Sequence[str] = ()
    tables: Sequence[NumberTable] = ()
    panels: Sequence[Panel] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """What a study page says of outcome.

    Attributes
    ----------
    results : ResultSet or None
        Outcome models, each with an estimate "slope".
    sentences : sequence of str
        One text a model, in the same order.
    study : str
        Who was studied, and the outcome.
    headline : str
        One sentence before the table of questions.
    found : sequence of (str, str)
        The answers in short: a word for the certainty, and what it is about.
    sure : sequence of str
        What the certainty rests on.
    reading : str
        How to read the sizes.
    glossary : sequence of (str, str)
        Markers, and what they are.
    summary : sequence of mapping
        One row a question in plain words: question, found, size, certainty, noise.
    meanings : mapping of str to str
        What the words for certainty mean.
    flow : sequence of (str, int)
        People, those left out with the reason, those analysed.
    moderations : ResultSet or None
        Arm-by-marker models, each with an estimate "interaction".
    moderation_sentences : sequence of str
        One text each.
    limits, methods : sequence of str
        What may not be concluded ("what: why"), and what was done.
    checklist : sequence of mapping
        Items of a reporting checklist: item, part, topic, answer, state.
    panels : sequence of Panel
        Figures.
    prediction : Prediction or None
        A prediction model, where one was made.
    """

    results: ResultSet | None = None
    sentences: Sequence[str] = ()
    study: str = ""
    headline: str = ""
    found: Sequence[tuple[str, str]] = ()
    sure: Sequence[str] = ()
    reading: str = ""
    glossary: Sequence[tuple[str, str]] = ()
    summary: Sequence[Mapping[str, str]] = ()
    meanings: Mapping[str, str] = field(default_factory=dict)
    flow: Sequence[tuple[str, int]] = ()
    moderations: ResultSet | None = None
    moderation_sentences: Sequence[str] = ()
    limits: Sequence[str] = ()
    methods: Sequence[str] = ()
    checklist: Sequence[Mapping[str, str]] = ()
    panels: Sequence[Panel] = ()
    prediction: Prediction | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a scan's page with pictures of its own.

    Attributes
    ----------
    title : str
        Heading.
    lines : sequence of str
        What to say before the pictures, one paragraph each.
    pictures : sequence of (Figure, str)
        Figures, each with the text for those who do not see it.
    """

    title: str
    lines: Sequence[str] = ()
    pictures: "Sequence[tuple[Figure, str]]" = ()


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("neurochem.qc"), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )


def _render(template: str, **context: Any) -> str:
    return _environment().get_template(template).render(version=neurochem.__version__, **context)


def _image(figure: "Figure") -> str:
    return data_uri(figure, dpi=_TALL_DPI if figure.get_figheight() > _TALL_INCHES else _DPI)


def scan_page(
    results: FitResult | ResultSet,
    *,
    title: str,
    home: str,
    facts: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    sections: Sequence[Section] = (),
) -> str:
    """Return the page of one scan.

    Parameters
    ----------
    results : FitResult or ResultSet
        One fit of a spectrum, or one fit a region.
    title : str
        Heading, for example "sub-01 ses-baseline pet".
    home : str
        Relative address of the study page; empty where there is none.
    facts : mapping, optional
        What a reader wants to know first: name to text.
    settings : mapping, optional
        Choices of the run; those that the fits recorded follow them.
    sections : sequence of Section, optional
        Pictures after those of the fits, for example of parametric maps.

    Returns
    -------
    str
        HTML with style and figures inside; the same input gives the same text.
    """
    fits = [results] if isinstance(results, FitResult) else list(results.values())
    if not fits:
        msg = f"page '{title}' has no fit to show; give a FitResult or a ResultSet with at least one"
        raise InputError(msg)
    from neurochem.qc.curves import curve_sheet
    from neurochem.qc.spectrum import spectrum_sheet

    spectrum = fits[0].axis is not None and fits[0].axis.descending
    figure = spectrum_sheet(fits[0]) if spectrum else curve_sheet(fits)
    shared = {**dict(settings or {}), **_common_settings(fits)}
    return _render(
        "scan.html",
        title=title,
        home=home,
        facts=list((facts or {}).items()),
        verdict=_page_verdict(fits),
        flags=flag_list(fits),
        table=estimates_table(fits),
        image=_image(figure),
        alt=_alternative_text(fits, spectrum=spectrum),
        sections=[_section_record(section) for section in sections],
        diagnostics=diagnostics_table(fits),
        settings=settings_rows(shared),
    )


def _section_record(section: Section) -> dict[str, Any]:
    pictures = [{"image": _image(figure), "alt": alt} for figure, alt in section.pictures]
    return {"title": section.title, "lines": list(section.lines), "pictures": pictures}


def _common_settings(fits: Sequence[FitResult]) -> dict[str, Any]:
    """Return the settings that every fit shares; what differs between regions is in their own tables."""
    first = fits[0].settings
    return {key: value for key, value in first.items() if all(repr(f.settings.get(key)) == repr(value) for f in fits)}


def _page_verdict(fits: Sequence[FitResult]) -> dict[str, str]:
    if len(fits) == 1:
        states = [judge_fit(fits[0]), *(judge(fits[0], estimate.name).state for estimate in fits[0])]
        noun, total = "estimates", len(fits[0])
        counts = {state: states[1:].count(state) for state in ("failed", "flagged")}
    else:
        states = [judge_fit(fit) for fit in fits]
        noun, total = "regions", len(fits)
        counts = {state: states.count(state) for state in ("failed", "flagged")}
    for state in ("failed", "flagged"):
        if state in states:
            text = f"{counts[state]} of {total} {noun} {state}" if counts[state] else state
            return {"state": state, "text": text}
    return {"state": "ok", "text": "ok"}


def _alternative_text(fits: Sequence[FitResult], *, spectrum: bool) -> str:
    if spectrum:
        names = ", ".join(fits[0].components)
        return f"Spectrum of {fits[0].name} with its {fits[0].model} fit, the residual, and the components: {names}."
    names = ", ".join(fit.name for fit in fits)
    return f"One panel a region with the data, the {fits[0].model} fit and the residual: {names}."


def study_page(
    *,
    title: str,
    markers: Sequence[Mapping[str, str]],
    scans: Sequence[Mapping[str, Any]],
    facts: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    findings: Findings | None = None,
) -> str:
    """Return the page of a study: outcome, markers, and a link to the page of every scan.

    Parameters
    ----------
    title : str
        Heading.
    markers : sequence of mapping
        Rows of markers.tsv, cells as text.
    scans : sequence of mapping
        One a scan: participant_id, session_id, modality, name, the numbers of its markers that are ok, flagged and
        failed, and `page`, the relative address of its page.
    facts, notes : mapping, sequence of str
        What to say first, and what a reader must know.
    findings : Findings, optional
        What the outcome analysis found; without it the page says how to run it.

    Returns
    -------
    str
        HTML in one file.
    """
    from neurochem.qc.summary import association_table, marker_summary, moderation_table

    found = findings or Findings()
    return _render(
        "study.html",
        title=title,
        facts=list((facts or {}).items()),
        notes=list(notes),
        associations=association_table(found.results),
        sentences=list(zip(found.results or (), found.sentences, strict=False)),
        study=found.study,
        headline=found.headline,
        found=list(found.found),
        sure=list(found.sure),
        reading=found.reading,
        glossary=list(found.glossary),
        summary=list(found.summary),
        meanings=list(found.meanings.items()),
        flow=list(found.flow),
        moderations=moderation_table(found.moderations),
        moderation_sentences=list(zip(found.moderations or (), found.moderation_sentences, strict=False)),
        limits=[_head_and_reason(text) for text in found.limits],
        methods=list(found.methods),
        checklist=list(found.checklist),
        panels=_panel_records(found.panels),
        prediction=None if found.prediction is None else _prediction_record(found.prediction),
        markers=marker_summary(markers),
        scans=list(scans),
    )


def _panel_records(panels: Sequence[Panel]) -> list[dict[str, str]]:
    return [{"image": _image(p.figure), "caption": p.caption, "alt": p.alt, "data": p.data} for p in panels]


def _head_and_reason(text: str) -> tuple[str, str]:
    """Return what may not be concluded, and why."""
    head, colon, reason = text.partition(": ")
    return head, reason if colon else ""


def _prediction_record(found: Prediction) -> dict[str, Any]:
    tables = [
        {
            "title": table.title,
            "heads": [head.replace("_", " ") for head in table.heads],
            "rows": [[_cell_text(cell) for cell in row] for row in table.rows],
        }
        for table in found.tables
    ]
    return {
        "lines": list(found.lines), "limits": list(found.limits), "tables": tables, "panels": _panel_records(found.panels),
    }  # fmt: skip


def _cell_text(cell: Any) -> str:
    """Return a cell as text: three decimals for what is a fraction of things, a dash for what is not known."""
    if isinstance(cell, float):
        return f"{cell:.4g}" if abs(cell) >= 100 else rounded(cell, 3)
    return str(cell)
