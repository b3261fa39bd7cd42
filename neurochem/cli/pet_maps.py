"""`neurochem pet maps`: a kinetic model in every voxel of an image."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem.cli import image_options as shared
from neurochem.errors import FrameTimingError, InputError

if TYPE_CHECKING:
    from neurochem.pet import DynamicImage, Frames, ParametricMaps, TimeActivityCurves
    from neurochem.quality import Flag

# Sidecars of image and curves may round their times differently.
_SAME_TIME_S = 0.5
_OPTIONS = ("k2prime", "t_star_s", "t1_s", "t2_s", "VB")


def add_parser(actions: Any) -> None:
    """Describe the command."""
    maps = actions.add_parser(
        "maps",
        help="fit a model to every voxel",
        description="Fit a model to every voxel and write a map of each parameter, its standard error, and the status.",
    )
    maps.set_defaults(act=make_maps)
    shared.add_image(maps)
    maps.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder for the maps")
    maps.add_argument("--model", required=True, help="kinetic model; see: neurochem pet models")
    maps.add_argument(
        "--reference",
        metavar="X",
        help="a mask (.nii, .nii.gz), a column of curves (tacs.tsv:NAME), or a region of --labels",
    )
    maps.add_argument("--reference-unit", metavar="UNIT", help="unit of a column of curves, where its sidecar lacks it")
    shared.add_labels(maps)
    maps.add_argument("--mask", type=Path, metavar="FILE", help="fit inside it alone")
    maps.add_argument("--k2prime", type=float, metavar="RATE", help="washout rate of the reference region (1/min)")
    maps.add_argument("--t-star-s", "--t-star", type=float, metavar="SECONDS", help="start of the linear part (s)")
    maps.add_argument("--t1-s", type=float, metavar="SECONDS", help="start of the window of SUVR (s)")
    maps.add_argument("--t2-s", type=float, metavar="SECONDS", help="its end (s)")
    maps.add_argument("--vb", type=float, dest="VB", metavar="F", help="blood volume fraction, with plasma input")
    denoising = maps.add_argument_group(
        "denoising, named in the output; widths are FWHM in mm, one or one an axis: 6,6,5"
    )
    denoising.add_argument("--smooth-fwhm", type=shared.widths, metavar="MM", help="Gaussian smoothing of every frame")
    denoising.add_argument("--hypr-fwhm", type=shared.widths, metavar="MM", help="HYPR-LR with this kernel")
    denoising.add_argument(
        "--spatial-fwhm", type=float, metavar="MM", help="SRTM: draw the washout rate towards that of neighbours"
    )
    maps.add_argument("--threads", type=int, default=1, metavar="N", help="threads (1); each holds about 40 MB")
    maps.add_argument(
        "--parameters", type=shared.names, metavar="A,B", help="maps to write (default: all of the model)"
    )
    maps.add_argument("--plot", action="store_true", help="draw planes and histogram of the outcome (PNG)")
    blood = maps.add_argument_group("arterial input")
    blood.add_argument("--blood", type=Path, metavar="FILE", help="table: time, plasma_parent[, whole_blood]")
    shared.add_blood(blood)


def make_maps(arguments: argparse.Namespace) -> int:
    """Fit, write all files or none, and say what was found and written."""
    from neurochem import pet
    from neurochem.cli.show import complain, say, wrote
    from neurochem.pet.model import MODELS

    shared.check_folder(arguments.out_dir)
    kinetic = MODELS[arguments.model]
    _check_input(arguments, kinetic.name, kinetic.inputs)
    image = shared.read_image(arguments)
    reference, said = _reference(arguments, image)
    options = {name: getattr(arguments, name) for name in _OPTIONS if getattr(arguments, name) is not None}
    maps = pet.fit_image(
        image,
        kinetic.name,
        reference=reference,
        blood=shared.read_blood(arguments),
        mask=arguments.mask,
        parameters=arguments.parameters,
        smooth_fwhm_mm=shared.one_or_three(arguments.smooth_fwhm),
        hypr_fwhm_mm=shared.one_or_three(arguments.hypr_fwhm),
        spatial_fwhm_mm=arguments.spatial_fwhm,
        threads=arguments.threads,
        **options,
    )
    maps = replace(maps, flags=(*maps.flags, *said))
    chosen = maps.names if arguments.parameters is None else tuple(maps[name].name for name in arguments.parameters)
    paths = write_maps(maps, arguments.out_dir, shared.bids_prefix(arguments.image), chosen, plot=arguments.plot)
    say(maps.summary())
    counts = maps.counts()
    if not counts["ok"] + counts["edge"]:
        complain(
            "neurochem: warning: no voxel was fitted; compare the units of image and reference, and look at the mask"
        )
    for path in paths:
        wrote(path)
    return 0


def _check_input(arguments: argparse.Namespace, model: str, inputs: str) -> None:
    """Raise if the model lacks its input, or has one that it would not use."""
    if inputs == "reference" and arguments.reference is None:
        msg = f"{model} needs --reference: a mask (.nii, .nii.gz), a column of curves (tacs.tsv:NAME), or a region of --labels"
        raise InputError(msg)
    if inputs == "plasma" and arguments.blood is None:
        msg = f"{model} needs --blood, a table of arterial plasma; models without blood: neurochem pet models"
        raise InputError(msg)
    if inputs == "plasma" and arguments.reference is not None:
        msg = (
            f"--reference is given, but {model} takes arterial plasma; leave it out, or choose a reference-tissue model"
        )
        raise InputError(msg)


def _reference(
    arguments: argparse.Namespace, image: "DynamicImage"
) -> "tuple[Path | TimeActivityCurves | None, tuple[Flag, ...]]":
    """Return the reference, and a flag where voxels of its region are not finite."""
    from neurochem.pet.maps.voxel_scan import region_curve

    given = arguments.reference
    if given is None or given.endswith(shared.IMAGES):
        return None if given is None else Path(given), ()
    file, _, column = given.rpartition(":")
    file, column = (given, "") if given.endswith(shared.TABLES) else (file, column)
    if file.endswith(shared.TABLES):
        return _column(Path(file), column, image.frames, arguments.reference_unit), ()
    return region_curve(image, shared.reference_mask(arguments, given, "--reference", image), given)


def _column(file: Path, column: str, frames: "Frames", unit: str | None) -> "TimeActivityCurves":
    """Return one curve of a table, on the frames of the image."""
    import numpy as np

    from neurochem import pet

    tacs = pet.read_tacs(file, activity_unit=unit)
    if not column and len(tacs.regions) > 1:
        msg = f"--reference {file}: the table has {len(tacs.regions)} regions ({', '.join(tacs.regions)}); name one: {file}:NAME"
        raise InputError(msg)
    name = column or tacs.regions[0]
    means = tacs[name]
    same = len(tacs.frames) == len(frames) and all(
        np.allclose(own, other, rtol=0, atol=_SAME_TIME_S)
        for own, other in ((tacs.frames.start_s, frames.start_s), (tacs.frames.end_s, frames.end_s))
    )
    if not same:
        msg = (
            f"{file}: its {len(tacs.frames)} frames to {tacs.frames.end_s[-1]:g} s are not the {len(frames)} frames to "
            f"{frames.end_s[-1]:g} s of the image; give curves of the same scan, in seconds after injection"
        )
        raise FrameTimingError(msg)
    counts = None if tacs.voxels is None else [tacs.voxels[tacs.regions.index(name)]]
    return pet.TimeActivityCurves(frames, means, regions=[name], isotope=tacs.isotope, voxels=counts, where=str(file))


def write_maps(
    maps: "ParametricMaps", folder: Path, prefix: str, chosen: tuple[str, ...], *, plot: bool = False
) -> list[Path]:
    """Write maps and, if asked for, their pictures, all or none; return images and pictures."""
    from neurochem.study.derivatives import all_or_none

    with all_or_none(folder) as made:
        paths = maps.save(made, prefix, names=chosen)
        if plot:
            paths += _pictures(maps, made, prefix, chosen)
    return [folder / path.name for path in paths]


def _pictures(maps: "ParametricMaps", folder: Path, prefix: str, chosen: tuple[str, ...]) -> list[Path]:
    """Draw planes and distribution of the outcome of the model, or of the first map chosen."""
    from matplotlib.figure import Figure

    from neurochem.figures import save_figure
    from neurochem.naming import MODEL_ENTITY, PARAMETRIC_MAP_SUFFIX, bids_name, parse_bids_name
    from neurochem.pet.maps.plots import drawn_name

    outcome = drawn_name(maps)
    name = outcome if outcome in chosen else chosen[0]
    histogram = maps.histogram(name).figure
    assert isinstance(histogram, Figure)
    entities = {**parse_bids_name(f"{prefix}_x")[0], MODEL_ENTITY: maps.model, "meas": name}
    return [
        save_figure(figure, folder / bids_name({**entities, "desc": what}, PARAMETRIC_MAP_SUFFIX, ".png"))
        for what, figure in (("planes", maps.plot(name)), ("histogram", histogram))
    ]
