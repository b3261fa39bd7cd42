"""`neurochem pet pvc`: partial-volume correction of an image."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem.cli import image_options as shared
from neurochem.errors import unknown_name

if TYPE_CHECKING:
    from neurochem.pet import PartialVolumeResult

MEANS_SUFFIX = "means"
# Option of the command, the keyword that it becomes, and what it says.
_METHOD_OPTIONS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("--iterations", "iterations", {"type": int, "metavar": "N", "help": "iy: iterations"}),
    ("--grey", "grey", {"type": shared.names, "metavar": "A,B", "help": "mg: regions of grey matter"}),
    ("--white-matter", "white_matter", {"type": shared.names, "metavar": "A,B", "help": "mg: regions of white matter"}),
    ("--csf", "csf", {"type": shared.names, "metavar": "A,B", "help": "mg: regions of cerebrospinal fluid"}),
    ("--white", "white", {"metavar": "HOW", "help": "mg: value of white matter: gtm, regress, eroded, or a number"}),
    ("--threshold", "threshold", {"type": float, "metavar": "F", "help": "mg: smallest share of grey matter corrected"}),
)  # fmt: skip
_COLUMNS: dict[str, dict[str, Any]] = {
    "region": {"Description": "Region of the label image"},
    "observed": {"Description": "Mean of the image, in its unit"},
    "mean": {"Description": "Mean corrected for partial volume, in the unit of the image"},
    "stderr": {"Description": "Standard error of mean, from the noise of the voxels alone"},
}


def add_parser(actions: Any) -> None:
    """Describe the command."""
    from neurochem.study.config import PVC_METHODS

    pvc = actions.add_parser(
        "pvc",
        help="correct for partial volume",
        description="Undo the limited resolution of the scanner: curves of regions with their standard errors and "
        "covariance, and for rbv, iy and mg the corrected image. A 3-D image (a map) gives a table of means.",
    )
    pvc.set_defaults(act=correct)
    shared.add_image(pvc)
    pvc.add_argument("out_dir", metavar="OUT_DIR", type=Path, help="folder for curves and image")
    shared.add_labels(pvc, required=True)
    pvc.add_argument(
        "--fwhm",
        type=shared.widths,
        required=True,
        metavar="MM",
        help="resolution of the image: 6, or one an axis: 6,6,5",
    )
    pvc.add_argument("--method", default="gtm", help=f"{', '.join((*PVC_METHODS, 'mg'))} (gtm)")
    pvc.add_argument("--background", metavar="HOW", help="what has no label: region (its own mean) or zero")
    pvc.add_argument("--outside", default="zero", metavar="HOW", help="beyond the volume: zero or nearest (zero)")
    pvc.add_argument(
        "--noise-fwhm",
        type=shared.widths,
        metavar="MM",
        help="resolution of the noise, for standard errors (that of --fwhm)",
    )
    group = pvc.add_argument_group("for some methods")
    for option, keyword, description in _METHOD_OPTIONS:
        group.add_argument(option, dest=keyword, **description)


def correct(arguments: argparse.Namespace) -> int:
    """Correct, write all files or none, and say what was found and written."""
    from neurochem import pet
    from neurochem.cli.show import complain, say, wrote

    shared.check_folder(arguments.out_dir)
    names = shared.read_names(arguments)
    options = _method_options(arguments)
    result = pet.partial_volume_correct(
        _image(arguments),
        arguments.labels,
        names=names,
        fwhm_mm=arguments.fwhm if len(arguments.fwhm) == 3 else arguments.fwhm[0],
        method=arguments.method,
        skip_absent=True,
        background=arguments.background,
        outside=arguments.outside,
        noise_fwhm_mm=shared.one_or_three(arguments.noise_fwhm),
        **options,
    )
    paths = _write(result, arguments)
    say(means_text(result))
    for flag in result.flags:
        complain(f"neurochem: {flag.severity}: {flag.message}")
    for path in paths:
        wrote(path)
    return 0


def _image(arguments: argparse.Namespace) -> Any:
    """Return a dynamic image with its frames; a volume without frames as it is."""
    from neurochem import pet
    from neurochem.pet.aligned import read_values
    from neurochem.reading import load_nifti

    stored = load_nifti(arguments.image)
    if len(stored.shape) != 3:
        return shared.read_image(arguments)
    values, _, where = read_values(arguments.image, "image")
    return pet.StaticImage(values, stored.affine, "", "image to correct", where=where)


def _method_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options given, all of which the method must know."""
    from neurochem.pet.partial_volume.method import METHODS

    known = METHODS[arguments.method].options
    options = {
        keyword: value for _, keyword, _ in _METHOD_OPTIONS if (value := getattr(arguments, keyword)) is not None
    }
    for option, keyword, _ in _METHOD_OPTIONS:
        if keyword in options and keyword not in known:
            taken = [name for name, word, _ in _METHOD_OPTIONS if word in known]
            raise unknown_name(option, taken, kind=f"option of --method {arguments.method}")
    if "white" in options:
        options["white"] = _number_or_text(options["white"])
    return options


def _number_or_text(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


def _write(result: "PartialVolumeResult", arguments: argparse.Namespace) -> list[Path]:
    from neurochem.naming import PARTIAL_VOLUME_ENTITY
    from neurochem.study.derivatives import all_or_none

    prefix = shared.bids_prefix(arguments.image, {PARTIAL_VOLUME_ENTITY: result.method})
    with all_or_none(arguments.out_dir) as folder:
        paths = _write_regions(result, folder, prefix)
        if result.image is not None:
            paths.append(_write_image(result, folder / f"{prefix}_{_suffix(arguments.image)}.nii.gz"))
    return [arguments.out_dir / path.name for path in paths]


def _write_regions(result: "PartialVolumeResult", folder: Path, prefix: str) -> list[Path]:
    """Write curves, or means where there are no frames."""
    from neurochem.naming import TACS_SUFFIX
    from neurochem.study.derivatives import write_table
    from neurochem.study.pet_curves import correction_record, curve_columns, curve_facts, curve_rows

    if result.frames is None:
        rows = [{str(k): v for k, v in row.items()} for row in result.to_frame().to_dict("records")]
        facts = {"PartialVolumeCorrection": correction_record(result)}
        return write_table(folder / f"{prefix}_{MEANS_SUFFIX}.tsv", rows, descriptions=_COLUMNS, facts=facts)
    tacs = result.tacs
    return write_table(
        folder / f"{prefix}_{TACS_SUFFIX}.tsv",
        curve_rows(tacs),
        descriptions=curve_columns(tacs, result),
        facts=curve_facts(tacs, result),
    )


def _write_image(result: "PartialVolumeResult", path: Path) -> Path:
    from neurochem import pet
    from neurochem.study.pet_curves import correction_record
    from neurochem.study.pet_images import write_dynamic_image

    facts = {"PartialVolumeCorrection": correction_record(result)}
    if result.frames is not None:
        return write_dynamic_image(result.dynamic_image, path, facts)
    assert result.image is not None
    description = f"Corrected for partial volume by {result.method}, in the unit of the image that was corrected"
    return pet.StaticImage(result.image, result.affine, "unit of the source", description, facts).save(path)


def _suffix(image: Path) -> str:
    from neurochem.naming import parse_bids_name

    return parse_bids_name(image.name)[1]


def means_text(result: "PartialVolumeResult") -> str:
    """Return the means over time before and after, with standard errors, as a table."""
    import numpy as np

    from neurochem.cli.show import table

    durations = np.ones(1) if result.frames is None else result.frames.duration_s
    shares = durations / durations.sum()
    # frames are independent, so that variances of the time average add with squared shares
    errors = np.sqrt(shares**2 @ result.stderr**2)
    observed, means = shares @ result.observed, shares @ result.means
    unit = "" if result.frames is None else " (kBq/mL)"
    rows = [
        [name, f"{size:.6g}", f"{before:.4g}", f"{after:.4g}", f"{error:.2g}" if error >= 0 else "-"]
        for name, size, before, after, error in zip(result.regions, result.voxels, observed, means, errors, strict=True)
    ]
    return table(["region", "voxels", f"observed{unit}", "corrected", "std. error"], rows)
