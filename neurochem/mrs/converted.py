"""What converters of vendor files have in common."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# What a converter gives: NIfTI-MRS objects, and one name for each.
Converted = tuple[Sequence[Any], Sequence[str]]
Convert = Callable[[Sequence[Path], str | None], Converted]


def count_transients(image: Any, count: Any, where: str) -> None:
    """Note of how many transients an image is made of, where the file says it."""
    try:
        number = int(float(count))
    except (TypeError, ValueError):
        return
    if number > 0:
        image.add_hdr_field("NumberOfTransients", number, doc=where)
