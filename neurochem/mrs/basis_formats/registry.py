"""What a format of basis sets is, and the registry of them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neurochem.mrs.basis_formats.content import BasisContent
from neurochem.registry import Registry

if TYPE_CHECKING:
    from neurochem.mrs.basis import Basis


@dataclass(frozen=True, slots=True)
class BasisFormat:
    """How files of one kind are recognised, read and written.

    Attributes
    ----------
    recognises : callable
        (path, first bytes) -> whether the content says that it is this format; the bytes are empty for a folder.
    read : callable
        (path) -> BasisContent.
    write : callable
        (basis, path, step) -> path written.
    suffixes : tuple of str
        Endings of the file name, lower case; "" is a folder.
    precision : str
        What a round trip keeps.
    """

    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path], BasisContent]
    write: Callable[["Basis", Path, float], Path]
    suffixes: tuple[str, ...]
    precision: str


FORMATS: Registry[BasisFormat] = Registry("basis format", package="neurochem.mrs.basis_formats")
