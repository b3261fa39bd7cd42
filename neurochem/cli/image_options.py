"""What the commands on PET images share: regions, widths, blood, names of files."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem.errors import InputError, MissingFileError, unknown_name

if TYPE_CHECKING:
    import numpy as np

    from neurochem.pet import DynamicImage

IMAGES, TABLES = (".nii", ".nii.gz"), (".tsv", ".csv")


def widths(text: str) -> tuple[float, ...]:
    """Return one width in mm or three ("6" or "6,6,5"), for argparse."""
    try:
        given = tuple(float(part) for part in text.split(","))
    except ValueError:
        given = ()
    if len(given) not in (1, 3) or not all(0 <= width < float("inf") for width in given):
        msg = f"'{text}' is not a width in mm; give one, or one an axis: 6 or 6,6,5"
        raise argparse.ArgumentTypeError(msg)
    return given


def one_or_three(given: tuple[float, ...] | None) -> float | tuple[float, ...] | None:
    """Return one width as a number, three as they are."""
    return given[0] if given is not None and len(given) == 1 else given


def names(text: str) -> list[str]:
    """Return a list of names parted by commas, for argparse."""
    given = [part.strip() for part in text.split(",")]
    if not all(given):
        msg = f"'{text}' holds an empty name; part names by single commas: BPND,R1"
        raise argparse.ArgumentTypeError(msg)
    return given


def add_image(parser: argparse.ArgumentParser) -> None:
    """Add the image and what its sidecar may lack."""
    parser.add_argument("image", metavar="IMAGE", type=Path, help="*_pet.nii.gz, its JSON sidecar beside it")
    parser.add_argument("--isotope", help="C11, F18 or O15, where the sidecar lacks it")
    parser.add_argument("--activity-unit", metavar="UNIT", help="unit of the image, where the sidecar lacks it: Bq/mL")
    parser.add_argument(
        "--sidecar",
        type=Path,
        metavar="X.json",
        help="frame times, unit and decay correction, where none lies beside IMAGE",
    )


def read_image(arguments: argparse.Namespace) -> "DynamicImage":
    """Return the image that was named, with what its sidecar lacks."""
    from neurochem import pet

    return pet.read_image(
        arguments.image, isotope=arguments.isotope, activity_unit=arguments.activity_unit, sidecar=arguments.sidecar
    )


def add_labels(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add the label image and its names."""
    parser.add_argument("--labels", type=Path, metavar="dseg.nii.gz", required=required, help="labels on its voxels")
    parser.add_argument(
        "--label-names", type=Path, metavar="dseg.tsv",
        help="columns index and name (default: the .tsv of the label image's name, or dseg.tsv beside it)",
    )  # fmt: skip


def add_blood(group: Any) -> None:
    """Add the columns and units of a table of blood; units are stated, never guessed."""
    group.add_argument("--blood-time-column", default="time", metavar="NAME", help="sample time (time)")
    group.add_argument("--plasma-column", default="plasma_parent", metavar="NAME", help="parent tracer in plasma")
    group.add_argument("--parent-fraction-column", metavar="NAME", help="plasma is multiplied by this fraction")
    group.add_argument("--whole-blood-column", metavar="NAME", help="whole blood")
    group.add_argument("--blood-time-unit", choices=("s", "min", "h"), help="unit of the sample times")
    group.add_argument("--blood-unit", metavar="UNIT", help="unit of plasma and blood")


def read_blood(arguments: argparse.Namespace) -> Any:
    """Return the arterial input that was named, or None."""
    from neurochem import pet

    if arguments.blood is None:
        return None
    return pet.read_arterial_input(
        arguments.blood,
        time=arguments.blood_time_column,
        plasma_parent=arguments.plasma_column,
        parent_fraction=arguments.parent_fraction_column,
        whole_blood=arguments.whole_blood_column,
        time_unit=arguments.blood_time_unit,
        activity_unit=arguments.blood_unit,
    )


def read_names(arguments: argparse.Namespace) -> dict[int, str]:
    """Return the names of labels: from the table given, else from the one that belongs to the label image.

    Raises
    ------
    MissingFileError
        If neither is there.
    """
    from neurochem.pet import read_label_names

    if arguments.label_names is not None:
        return read_label_names(arguments.label_names)
    stem = arguments.labels.name.split(".", 1)[0]
    for name in (f"{stem}.tsv", "dseg.tsv"):
        if arguments.labels.with_name(name).is_file():
            return read_label_names(arguments.labels.with_name(name))
    msg = (
        f"{arguments.labels}: no table {stem}.tsv or dseg.tsv beside it names the labels; give one with --label-names "
        "(columns index and name)"
    )
    raise MissingFileError(msg)


def find_label(arguments: argparse.Namespace, region: str, option: str) -> int:
    """Return the number of a region's label.

    Raises
    ------
    InputError, UnknownNameError
        If no label image is given, or the region is not among its names.
    """
    if arguments.labels is None:
        msg = f"{option} {region}: the region needs --labels, an image whose labels hold it; or give a mask (.nii, .nii.gz)"
        raise InputError(msg)
    known = read_names(arguments)
    numbers = {name: number for number, name in known.items()}
    if region not in numbers:
        raise unknown_name(region, numbers, kind=f"region of {arguments.labels.name} in {option}")
    return numbers[region]


def reference_mask(
    arguments: argparse.Namespace, given: str, option: str, image: "DynamicImage"
) -> "Path | np.ndarray":
    """Return the mask of a region: the path of one, or where the label image has the region's number."""
    if given.endswith(IMAGES):
        return Path(given)
    number = find_label(arguments, given, option)
    from neurochem.pet.aligned import check_place, read_values

    values, affine, where = read_values(arguments.labels, "label")
    values = values[..., 0] if values.ndim == 4 and values.shape[3] == 1 else values
    check_place(values.shape, affine, image, where=where, kind="label", image_where=image.where)
    inside = values == number
    if not inside.any():
        msg = (
            f"{arguments.labels}: no voxel has label {number} ('{given}'); check the label table or name another region"
        )
        raise InputError(msg)
    return inside


def bids_prefix(image: Path, more: Mapping[str, str] | None = None) -> str:
    """Return the entities of an image's name as a prefix for what is derived from it; empty where it has none.

    Examples
    --------
    >>> bids_prefix(Path("sub-01_ses-a_pet.nii.gz"), {"pvc": "gtm"})
    'sub-01_ses-a_pvc-gtm'
    """
    from neurochem.naming import bids_name, parse_bids_name

    entities, _, _ = parse_bids_name(image.name)
    return bids_name({**entities, **(more or {})}, "x", "").removesuffix("x").removesuffix("_")


def check_folder(folder: Path, *, name: str = "OUT_DIR") -> None:
    """Raise, before any work, if results cannot go into a folder."""
    if folder.exists() and not folder.is_dir():
        msg = f"{folder}: {name} is a file; name a folder, which is made if it is not there"
        raise InputError(msg)
