"""`neurochem pet tacs`: curves of regions from an image."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neurochem.cli import image_options as shared
from neurochem.errors import InputError

if TYPE_CHECKING:
    from neurochem.pet import RegionStatistics

_COLUMNS: dict[str, dict[str, Any]] = {
    "region": {"Description": "Region"},
    "frame_start": {"Description": "Start of the frame after injection", "Units": "s"},
    "frame_end": {"Description": "End of the frame after injection", "Units": "s"},
    "mean": {"Description": "Mean of the voxels, weighted where regions are maps", "Units": "kBq/mL"},
    "median": {"Description": "Median of the voxels, weighted where regions are maps", "Units": "kBq/mL"},
    "sd": {"Description": "Standard deviation between voxels; no standard error of the mean", "Units": "kBq/mL"},
    "voxels": {"Description": "Voxels; of maps the effective number (sum w)^2 / sum(w^2)"},
    "left_out": {"Description": "Voxels left out because they are not finite in some frame"},
}


def add_parser(actions: Any) -> None:
    """Describe the command."""
    tacs = actions.add_parser(
        "tacs",
        help="take curves of regions from an image",
        description="Take the time-activity curve of every region from a dynamic image, by labels or probabilistic maps.",
    )
    tacs.set_defaults(act=extract)
    shared.add_image(tacs)
    tacs.add_argument("out", metavar="OUT_tacs.tsv", type=Path, help="table to write, with its JSON sidecar")
    shared.add_labels(tacs)
    tacs.add_argument(
        "--maps",
        nargs="+",
        metavar="NAME=FILE",
        help="instead of labels: the share of each voxel, 0 to 1, one image a region",
    )
    tacs.add_argument("--statistic", choices=("mean", "median"), default="mean", help="what makes the curve (mean)")
    tacs.add_argument(
        "--statistics", type=Path, metavar="X.tsv", help="write mean, median, SD and voxels of each frame too"
    )
    tacs.add_argument(
        "--leave-out-non-finite", action="store_true", help="leave voxels out that are not finite in some frame"
    )


def extract(arguments: argparse.Namespace) -> int:
    """Take curves, write, and say what was written."""
    from neurochem import pet
    from neurochem.cli.show import say, table, wrote

    _check(arguments)
    image = shared.read_image(arguments)
    labels, names = arguments.labels, None if arguments.labels is None else shared.read_names(arguments)
    found = pet.extract_statistics(
        image,
        labels,
        names,
        maps=None if arguments.maps is None else _maps(arguments.maps),
        skip_absent=labels is not None,
        non_finite="leave_out" if arguments.leave_out_non_finite else "refuse",
    )
    paths = [pet.write_tacs(found.tacs(arguments.statistic), arguments.out)]
    if arguments.statistics is not None:
        paths += _write_statistics(found, arguments.statistics)
    rows = [
        [name, f"{size:.6g}", f"{lost}"]
        for name, size, lost in zip(found.regions, found.voxels, found.left_out, strict=True)
    ]
    say(table(["region", "voxels", "left out"], rows))
    for path in paths:
        wrote(path)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if (arguments.labels is None) == (arguments.maps is None):
        msg = "give either --labels (a label image) or --maps (NAME=FILE, one probabilistic map a region)"
        raise InputError(msg)
    for path in (arguments.out, arguments.statistics):
        if path is not None and path.suffix != ".tsv":
            msg = f"{path}: a table of curves is named .tsv; give such a name"
            raise InputError(msg)


def _maps(given: list[str]) -> dict[str, Path]:
    maps = {}
    for text in given:
        name, equals, file = text.partition("=")
        if not (name and equals and file) or name in maps:
            problem = f"'{name}' twice" if name in maps else f"'{text}'"
            msg = f"--maps {problem}; give NAME=FILE, each name once: putamen=putamen.nii.gz"
            raise InputError(msg)
        maps[name] = Path(file)
    return maps


def _write_statistics(found: "RegionStatistics", path: Path) -> list[Path]:
    from neurochem.study.derivatives import write_table

    rows = [{str(key): value for key, value in row.items()} for row in found.to_frame().to_dict("records")]
    return write_table(path, rows, descriptions=_COLUMNS)
