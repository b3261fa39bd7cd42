"""`neurochem pet static`: the mean of an image over a window, as activity, SUV or SUVR."""

import argparse
from pathlib import Path
from typing import Any

from neurochem.cli import image_options as shared
from neurochem.errors import InputError


def add_parser(actions: Any) -> None:
    """Describe the command."""
    static = actions.add_parser(
        "static",
        help="average an image over a window; SUV and SUVR",
        description="Average a dynamic image between two times: activity, or with --suv or --suvr what is made of it.",
    )
    static.set_defaults(act=average)
    shared.add_image(static)
    static.add_argument("out", metavar="OUT.nii.gz", type=Path, help="image to write, with its JSON sidecar")
    static.add_argument(
        "--start-s", "--start", type=float, required=True, metavar="S", help="start after injection (s)"
    )
    static.add_argument("--end-s", "--end", type=float, metavar="S", help="end (s; default: of the last frame)")
    static.add_argument("--suv", action="store_true", help="standardised uptake value (g/mL); needs --weight")
    static.add_argument("--weight", type=float, metavar="KG", help="body weight (kg)")
    static.add_argument("--dose", type=float, metavar="MBQ", help="injected dose (MBq; default: of the sidecar)")
    static.add_argument(
        "--suvr", metavar="X", help="ratio to a reference: a mask (.nii, .nii.gz) or a region of --labels"
    )
    shared.add_labels(static)


def average(arguments: argparse.Namespace) -> int:
    """Average, write, and say what was written."""
    from neurochem import pet
    from neurochem.cli.show import say, wrote

    _check(arguments)
    image = shared.read_image(arguments)
    static = pet.time_average(image, arguments.start_s, arguments.end_s)
    if arguments.suv:
        static = pet.suv(static, arguments.dose, arguments.weight)
    if arguments.suvr is not None:
        static = pet.suvr(static, shared.reference_mask(arguments, arguments.suvr, "--suvr", image))
    path = static.save(arguments.out)
    say(static.description)
    wrote(path)
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not arguments.out.name.endswith(shared.IMAGES):
        msg = f"{arguments.out}: a NIfTI image is named .nii or .nii.gz; give such a name"
        raise InputError(msg)
    if arguments.out.resolve() == arguments.image.resolve():
        msg = f"{arguments.out}: IMAGE and OUT are the same file; name another, the image is never changed"
        raise InputError(msg)
    if arguments.suv and arguments.suvr is not None:
        msg = "--suv and --suvr are both given; the ratio is the same of either, leave --suv out"
        raise InputError(msg)
    if arguments.suv and arguments.weight is None:
        msg = "--suv needs --weight, the body weight in kg; no PET sidecar holds it (participants.tsv may)"
        raise InputError(msg)
    for name in ("weight", "dose"):
        if not arguments.suv and getattr(arguments, name) is not None:
            msg = f"--{name} is given without --suv, which alone uses it; add --suv or leave it out"
            raise InputError(msg)
