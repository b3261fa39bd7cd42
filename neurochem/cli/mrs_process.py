"""`neurochem mrs process`: from the scanner's file to concentrations, with a page that shows every step."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurochem import mrs
    from neurochem.results import FitResult


def add_process(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe `process`."""
    process = actions.add_parser(
        "process",
        help="preprocess, fit and quantify a scan, with a page",
        description=(
            "Preprocess a scan, fit it, scale it by water to mmol/kg and write tables, the record of every step, the MRSinMRS "
            "checklist and one page. Without tissue the result stays in units of the basis."
        ),
    )
    process.set_defaults(act=process_scan)
    process.add_argument("data", metavar="DATA", type=Path, help="NIfTI-MRS, SDAT, TWIX, P-file, RDA, DICOM, ...")
    process.add_argument("out", metavar="OUT_DIR", type=Path, help="folder for what is made")
    process.add_argument(
        "--basis", type=Path, required=True, metavar="FILE", help="basis set; see: neurochem mrs basis"
    )
    process.add_argument("--water", type=Path, metavar="FILE", help="unsuppressed water of the same voxel")
    process.add_argument(
        "--nulled", type=Path, metavar="FILE", help="metabolite-nulled scan: its macromolecules join the basis"
    )
    for name, text in (("gm", "grey matter"), ("wm", "white matter"), ("csf", "cerebrospinal fluid")):
        process.add_argument(f"--{name}", type=float, metavar="F", help=f"volume fraction of {text}, 0 to 1")
        process.add_argument(f"--{name}-map", type=Path, metavar="NIFTI", help=f"map of {text}, scanner coordinates")
    process.add_argument("--t1w", type=Path, metavar="NIFTI", help="anatomical image to draw the voxel on")
    process.add_argument(
        "--voxel", type=Path, metavar="NIFTI", help="NIfTI-MRS file that says where the voxel lies (default: DATA)"
    )
    process.add_argument("--echo-time-s", type=float, metavar="S", help="TE, where the header lacks it")
    process.add_argument("--repetition-time-s", type=float, metavar="S", help="TR, where the header lacks it")
    process.add_argument(
        "--water-scale",
        type=float,
        default=1.0,
        metavar="F",
        help="multiply the water reference, where it was stored scaled",
    )


def process_scan(arguments: argparse.Namespace) -> int:
    """Run everything, write all files or none, and print the estimates."""
    from neurochem import mrs
    from neurochem.cli.fits import finish
    from neurochem.cli.show import wrote
    from neurochem.study.derivatives import all_or_none

    _check(arguments)
    stem = arguments.data.name.split(".", 1)[0]
    data = mrs.read(arguments.data)
    water = None if arguments.water is None else mrs.read(arguments.water)
    clean = mrs.preprocess(data, water=water)
    fit = mrs.fit(clean.spectrum, _basis(arguments), name=stem)
    tissue, sections = _tissue(arguments, data)
    if tissue is not None and clean.water is not None:
        fit = mrs.quantify(
            fit, water=clean.water, tissue=tissue, water_scale=arguments.water_scale,
            echo_time_s=arguments.echo_time_s, repetition_time_s=arguments.repetition_time_s,
        )  # fmt: skip
    with all_or_none(arguments.out) as folder:
        _write(folder, stem, fit, clean, sections)
        names = sorted(path.name for path in folder.iterdir())
    finish(fit, output=None, figure=None)
    for name in names:
        wrote(arguments.out / name)
    return 0 if fit.success else 1


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot go together before anything is read."""
    from neurochem.errors import InputError

    numbers = [getattr(arguments, name) for name in ("gm", "wm", "csf")]
    maps = [arguments.gm_map, arguments.wm_map]
    if any(value is not None for value in numbers) and any(value is None for value in numbers):
        msg = "fractions need --gm, --wm and --csf together"
        raise InputError(msg)
    if (arguments.csf_map is not None or any(maps)) and not all(maps):
        msg = "maps need --gm-map and --wm-map (and --csf-map, else the rest of the voxel is fluid)"
        raise InputError(msg)
    if numbers[0] is not None and maps[0] is not None:
        msg = "give tissue as fractions (--gm, --wm, --csf) or as maps (--gm-map, ...), not both"
        raise InputError(msg)
    if (numbers[0] is not None or maps[0] is not None) and arguments.water is None:
        msg = "concentrations need --water, the unsuppressed water of the same voxel"
        raise InputError(msg)


def _basis(arguments: argparse.Namespace) -> "mrs.Basis":
    """Return the basis, with the macromolecules of a nulled scan where one is given."""
    from neurochem import mrs

    basis = mrs.read_basis(arguments.basis)
    if arguments.nulled is None:
        return basis
    nulled = mrs.measured_macromolecules(mrs.preprocess(mrs.read(arguments.nulled)).spectrum)
    kept = basis.drop(*basis.macromolecules) if basis.macromolecules else basis
    return kept.with_elements(nulled.basis)


def _tissue(arguments: argparse.Namespace, data: "mrs.Acquisition") -> "tuple[mrs.Tissue | None, list[Any]]":
    """Return the tissue of the voxel, and the page's picture of where it lies."""
    from neurochem import mrs
    from neurochem.mrs.voxel import load_image
    from neurochem.study.mrs_page import voxel_section

    voxel = data if arguments.voxel is None else arguments.voxel
    sections = []
    if arguments.t1w is not None:
        image = load_image(arguments.t1w)
        sections.append(voxel_section(mrs.voxel_mask(voxel, image), image))
    if arguments.gm is not None:
        return mrs.Tissue(gm=arguments.gm, wm=arguments.wm, csf=arguments.csf), sections
    if arguments.gm_map is not None:
        return mrs.tissue_from_maps(voxel, arguments.gm_map, arguments.wm_map, arguments.csf_map).tissue, sections
    return None, sections


def _write(folder: Path, stem: str, fit: "FitResult", clean: "mrs.Preprocessed", sections: list[Any]) -> None:
    """Write the fit, the table, the record of the steps, the checklist and the page."""
    from neurochem import mrs, qc
    from neurochem.naming import write_text
    from neurochem.study.mrs_page import steps_section

    fit.save(folder / f"{stem}_fit.json")
    mrs.write_table(fit, folder / f"{stem}_conc.csv")
    steps = json.dumps(clean.records(), indent=2, ensure_ascii=False, default=str)
    write_text(folder / f"{stem}_steps.json", steps + "\n")
    mrs.report_mrsinmrs(clean=clean, fit=fit).save(folder / f"{stem}_mrsinmrs.md")
    page = qc.scan_page(fit, title=stem, home="", sections=[steps_section(clean), *sections])
    write_text(folder / f"{stem}_mrs.html", page)
