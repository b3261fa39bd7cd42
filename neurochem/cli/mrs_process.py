"""`neurochem mrs process`: from the scanner's file to concentrations, with a page that shows every step."""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from neurochem import mrs, qc
    from neurochem.results import FitResult
    from neurochem.study.mrs_analysis import Analysis, Choices
    from neurochem.study.mrs_tissue import VoxelTissue

_TISSUES = (("gm", "grey matter"), ("wm", "white matter"), ("csf", "cerebrospinal fluid"))


def add_process(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Describe `process`."""
    process = actions.add_parser(
        "process",
        help="preprocess, fit and quantify a scan, with a page",
        description=(
            "Preprocess a scan, edited or not, fit it, scale it by water to mmol/kg and write tables, the record of every "
            "step, the MRSinMRS checklist and one page. Without tissue the result stays in units of the basis."
        ),
    )
    process.set_defaults(act=process_scan)
    process.add_argument("data", metavar="DATA", type=Path, help="NIfTI-MRS, SDAT, TWIX, P-file, RDA, DICOM, ...")
    process.add_argument("out", metavar="OUT_DIR", type=Path, help="folder for what is made")
    process.add_argument(
        "--basis", type=Path, metavar="FILE",
        help="basis set (see: neurochem mrs basis); for an edited scan X.BASIS beside X_on.BASIS and X_off.BASIS, or none to "
        "simulate it at the scan's echo time",
    )  # fmt: skip
    process.add_argument("--water", type=Path, metavar="FILE", help="unsuppressed water of the same voxel")
    process.add_argument(
        "--nulled", type=Path, metavar="FILE", help="metabolite-nulled scan: its macromolecules join the basis"
    )
    for name, text in _TISSUES:
        process.add_argument(f"--{name}", type=float, metavar="F", help=f"volume fraction of {text}, 0 to 1")
        process.add_argument(f"--{name}-map", type=Path, metavar="NIFTI", help=f"map of {text}, scanner coordinates")
    process.add_argument("--t1w", type=Path, metavar="NIFTI", help="anatomical image to draw the voxel on")
    process.add_argument(
        "--voxel", type=Path, metavar="NIFTI", help="NIfTI-MRS file that says where the voxel lies (default: DATA)"
    )
    process.add_argument("--echo-time-s", type=float, metavar="S", help="TE, where the header lacks it")
    process.add_argument("--repetition-time-s", type=float, metavar="S", help="TR, where the header lacks it")
    process.add_argument("--water-echo-time-s", type=float, metavar="S", help="TE of the water reference, likewise")
    process.add_argument(
        "--water-repetition-time-s", type=float, metavar="S", help="TR of the water reference, likewise"
    )
    process.add_argument(
        "--water-scale",
        type=float,
        default=1.0,
        metavar="F",
        help="multiply the water reference, where it was stored scaled",
    )
    _add_edited(process)


def _add_edited(process: argparse.ArgumentParser) -> None:
    """Describe the options of edited scans; their names are those of the table [mrs.edited]."""
    from neurochem.study.mrs_config import METHODS, SPLITS, TARGETS

    group = process.add_argument_group(
        "edited scans", "found by their dimensions, or by NAA where ON and OFF alternate"
    )
    group.add_argument("--target", choices=TARGETS, default=None, help="what is edited, default GABA")
    group.add_argument("--method", choices=METHODS, default=None, help="basis (default), or peaks for GABA+ and Glx")
    group.add_argument("--macromolecules", metavar="MODEL", help="MM at 3 ppm: 3to2 (default), FSL-MRS, 1to1GABA, free")
    group.add_argument(
        "--split", choices=SPLITS, help="how ON and OFF lie among the transients, where NAA does not tell"
    )
    group.add_argument(
        "--order", nargs="+", metavar="NAME", help="names of the conditions as they lie: on off, or a b c d of HERMES"
    )
    group.add_argument("--sequence", metavar="NAME", help="to simulate the basis: mega-press, mega-slaser or hermes")
    group.add_argument("--te1-s", type=float, metavar="S", help="first echo time of the simulated sequence")
    group.add_argument("--edit-on-ppm", type=float, metavar="PPM", help="centre of ON, where the header lacks it")
    group.add_argument("--edit-off-ppm", type=float, metavar="PPM", help="centre of OFF, where the header lacks it")
    group.add_argument("--edit-pulse-s", type=float, metavar="S", help="duration of Gaussian editing pulses")


def process_scan(arguments: argparse.Namespace) -> int:
    """Run everything, write all files or none, and print the estimates."""
    from neurochem import mrs
    from neurochem.cli.fits import finish
    from neurochem.cli.show import wrote
    from neurochem.study.derivatives import all_or_none
    from neurochem.study.mrs_analysis import analyse

    _check(arguments)
    choices = _choices(arguments)
    stem = arguments.data.name.split(".", 1)[0]
    times = {"echo_time_s": arguments.echo_time_s, "repetition_time_s": arguments.repetition_time_s}
    data = mrs.read(arguments.data, **times)
    water = None if arguments.water is None else mrs.read(arguments.water)
    tissue, voxel = _voxel(arguments, data)
    done = analyse(data, water=water, choices=choices, name=stem)
    _check_edited(arguments, done)
    done = done.with_fit(_quantified(arguments, done, tissue))
    with all_or_none(arguments.out) as folder:
        _write(folder, stem, done, tissue, voxel)
        names = sorted(path.name for path in folder.iterdir())
    finish(done.fit, output=None, figure=None)
    for name in names:
        wrote(arguments.out / name)
    return 0 if done.fit.success else 1


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what cannot go together before anything is read."""
    from neurochem.errors import InputError

    if arguments.out.exists() and not arguments.out.is_dir():
        msg = f"{arguments.out}: a file is there; OUT_DIR is a folder, name another"
        raise InputError(msg)
    numbers = [getattr(arguments, name) for name, _ in _TISSUES]
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


def _check_edited(arguments: argparse.Namespace, done: "Analysis") -> None:
    """Refuse options of edited scans for one that is not: what was asked for would not be what was done."""
    from neurochem.errors import InputError

    given = ["--" + name.replace("_", "-") for name in _edited_names() if getattr(arguments, name, None) is not None]
    if given and done.edited is None:
        msg = (
            f"{arguments.data}: {', '.join(given)} {'is' if len(given) == 1 else 'are'} for edited scans, and this one has no "
            "edit conditions. Leave out, or say how ON and OFF lie among the transients (--split)."
        )
        raise InputError(msg)


def _edited_names() -> list[str]:
    from neurochem.study.mrs_config import EditedConfig

    return [entry.name for entry in fields(EditedConfig) if entry.name != "basis"]


def _choices(arguments: argparse.Namespace) -> "Choices":
    """Return how the scan is fitted.

    An edited basis is named by a file that is not there, since its sub-spectra are files of their own.
    """
    from neurochem.errors import ConfigError, InputError
    from neurochem.study.mrs_analysis import Choices
    from neurochem.study.mrs_config import EditedConfig, MrsConfig, check_mrs_config

    given = {name: getattr(arguments, name, None) for name in _edited_names()}
    chosen: dict[str, Any] = {
        name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if v is not None
    }
    edited = EditedConfig(basis="" if arguments.basis is None else str(arguments.basis), **chosen)
    try:
        check_mrs_config(MrsConfig(edited=edited))
    except ConfigError as error:
        raise InputError(str(error).replace("[mrs.edited] basis", "--basis")) from error
    missing = f"{arguments.data}: --basis is missing and the scan is not an edited one; name a basis set (neurochem mrs basis)"
    return Choices(arguments.basis, missing, edited, edited_basis=arguments.basis, nulled=arguments.nulled)


def _voxel(arguments: argparse.Namespace, data: "mrs.Acquisition") -> "tuple[VoxelTissue | None, list[qc.Section]]":
    """Return the tissue of the voxel, and what the page says of it."""
    from neurochem import mrs, qc
    from neurochem.reading import load_nifti
    from neurochem.study.mrs_page import tissue_words, voxel_section
    from neurochem.study.mrs_tissue import VoxelTissue

    place = data if arguments.voxel is None else arguments.voxel
    tissue = None
    if arguments.gm is not None:
        given = mrs.Tissue(gm=arguments.gm, wm=arguments.wm, csf=arguments.csf)
        tissue = VoxelTissue(given, "the command line")
    elif arguments.gm_map is not None:
        maps = [arguments.gm_map, arguments.wm_map, arguments.csf_map]
        shares = mrs.tissue_from_maps(place, *maps)
        tissue = VoxelTissue(shares.tissue, ", ".join(path.name for path in maps if path is not None), shares)
    lines = [] if tissue is None else [tissue_words(tissue)]
    if arguments.t1w is not None:
        image = load_nifti(arguments.t1w)
        mask = mrs.voxel_mask(place, image)
        return tissue, [voxel_section(mask, image, lines=lines, name=arguments.t1w.name)]
    said = "Not drawn: no anatomical image was given (--t1w)."
    return tissue, [qc.Section("Voxel", [*lines, said])]


def _quantified(arguments: argparse.Namespace, done: "Analysis", tissue: "VoxelTissue | None") -> "FitResult":
    """Return concentrations where there are water and tissue, else the fit as it is."""
    from neurochem import mrs
    from neurochem.errors import InputError

    water = done.clean.water
    if tissue is None or water is None:
        return done.fit
    try:
        return mrs.quantify(
            done.fit, water=water, tissue=tissue.shares or tissue.tissue, water_scale=arguments.water_scale,
            echo_time_s=arguments.echo_time_s, repetition_time_s=arguments.repetition_time_s,
            water_echo_time_s=arguments.water_echo_time_s, water_repetition_time_s=arguments.water_repetition_time_s,
        )  # fmt: skip
    except InputError as error:
        raise InputError(_in_options(str(error))) from error


def _in_options(message: str) -> str:
    """Return a message of the library with the options of this command in place of keywords."""
    for key in ("water_echo_time_s", "water_repetition_time_s", "echo_time_s", "repetition_time_s"):
        message = message.replace(f"Give {key}=... in seconds", f"Give --{key.replace('_', '-')}")
    return message


def _write(folder: Path, stem: str, done: "Analysis", tissue: "VoxelTissue | None", voxel: "list[qc.Section]") -> None:
    """Write the fit, the table, the record of the steps, the checklist and the page."""
    from neurochem import mrs, qc
    from neurochem.naming import write_text
    from neurochem.study.mrs_page import page_sections, scan_facts
    from neurochem.study.mrs_record import record_text, step_records

    done.fit.save(folder / f"{stem}_fit.json")
    mrs.write_table(done.fit, folder / f"{stem}_conc.csv")
    write_text(folder / f"{stem}_steps.json", record_text(step_records(done, tissue=tissue)))
    report = done.report(page=f"{stem}_mrs.html")
    report.save(folder / f"{stem}_mrsinmrs.md")
    page = qc.scan_page(
        done.fit, title=stem, home="", facts=scan_facts(done, tissue), settings={"basis set": done.basis},
        sections=page_sections(done, voxel=voxel, report=report),
    )  # fmt: skip
    write_text(folder / f"{stem}_mrs.html", page)
