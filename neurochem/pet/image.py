"""Dynamic PET images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from neurochem.arguments import argument_error, checked_arguments, is_numeric_array
from neurochem.errors import FileFormatError, InputError
from neurochem.naming import sidecar_path
from neurochem.pet.compressed import UnpackedArray
from neurochem.pet.decay import isotope_name
from neurochem.pet.frames import Frames
from neurochem.pet.sidecar import read_sidecar, scan_timing
from neurochem.reading import load_nifti
from neurochem.units import BoolArray, FloatArray


@dataclass(frozen=True, eq=False)
class DynamicImage:
    """A 4-D image, read frame by frame when it comes from a file.

    Parameters
    ----------
    data : array_like, shape (x, y, z, n_stored_frames)
        Stored values: an array, or an array proxy that reads from a file when it is sliced.
    frames : Frames
        Frames in seconds after injection.
    affine : array_like, shape (4, 4)
        Voxel indices to millimetres.
    isotope : str, optional
        Isotope.
    scale : array_like, shape (n_frames,), optional
        What makes stored values kBq/mL decay corrected to injection; ones by default.
    kept : bool array_like, shape (n_stored_frames,), optional
        Stored frames that belong to the scan; all by default.
    where : str
        File, for messages.
    notes : tuple of str
        What was corrected on reading.
    """

    made_by: ClassVar[str] = "read_image gives one"

    data: Any
    frames: Frames
    affine: FloatArray
    isotope: str | None
    scale: FloatArray
    kept: BoolArray
    where: str
    notes: tuple[str, ...]

    @checked_arguments
    def __init__(  # noqa: PLR0913 - the description of a scan
        self,
        data: Any,
        frames: Frames,
        affine: ArrayLike,
        *,
        isotope: str | None = None,
        scale: ArrayLike | None = None,
        kept: ArrayLike | None = None,
        where: str = "",
        notes: tuple[str, ...] = (),
    ) -> None:
        if not (hasattr(data, "shape") and hasattr(data, "__getitem__")):
            raise argument_error(
                data, "data", "an array of numbers, shape (x, y, z, n_frames), or a proxy that reads one"
            )
        if isinstance(data, np.ndarray) and not is_numeric_array(data):
            raise argument_error(data, "data", "numbers")
        shape = tuple(data.shape)
        place = f"{where}: " if where else ""
        if len(shape) != 4:
            msg = (
                f"{place}the image has {len(shape)} dimensions {shape}; a dynamic image has 4, the last of them frames"
            )
            raise InputError(msg)
        chosen = np.ones(shape[3], dtype=bool) if kept is None else np.array(kept, dtype=bool)
        if chosen.size != shape[3] or np.count_nonzero(chosen) != len(frames):
            timed = chosen.size if kept is not None else len(frames)
            msg = (
                f"{place}the image holds {shape[3]} frames but {timed} are timed; they must agree. "
                "Check FrameTimesStart and FrameDuration."
            )
            raise InputError(msg)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "frames", frames)
        object.__setattr__(self, "affine", np.array(affine, dtype=float))
        object.__setattr__(self, "isotope", None if isotope is None else isotope_name(isotope))
        object.__setattr__(self, "scale", np.ones(len(frames)) if scale is None else np.array(scale, dtype=float))
        object.__setattr__(self, "kept", chosen)
        object.__setattr__(self, "where", where)
        object.__setattr__(self, "notes", tuple(notes))

    def __repr__(self) -> str:
        """Return sizes, duration and file on one line."""
        size = " x ".join(str(length) for length in self.shape)
        end = self.frames.end_s[-1]
        isotope = self.isotope or "no isotope"
        return f"<DynamicImage {size} voxels, {len(self.frames)} frames to {end:g} s, {isotope} {self.where}>"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Size of the volume in voxels."""
        x, y, z = self.data.shape[:3]
        return x, y, z

    def frame(self, index: int) -> FloatArray:
        """Return one frame as kBq/mL, decay corrected to injection, shape (x, y, z).

        Raises
        ------
        FileFormatError
            If the file ends too early or is damaged.
        """
        stored = int(np.flatnonzero(self.kept)[index])
        try:
            volume = np.asarray(self.data[..., stored], dtype=float)
        except InputError:
            raise
        except (OSError, EOFError, ValueError) as error:
            msg = f"{self.where}: frame {stored + 1} cannot be read ({error}); the file is truncated or damaged, copy it again"
            raise FileFormatError(msg) from error
        return volume * self.scale[index]


@checked_arguments
def read_image(
    path: str | Path,
    *,
    isotope: str | None = None,
    activity_unit: str | None = None,
    sidecar: str | Path | None = None,
    memory_limit_bytes: int | None = None,
) -> DynamicImage:
    """Open a dynamic PET image with its BIDS sidecar.

    Parameters
    ----------
    path : path
        `*_pet.nii.gz` (or .nii); the JSON file of the same name lies beside it, unless `sidecar` names another.
    isotope : str, optional
        Used where the sidecar does not name it.
    activity_unit : str, optional
        Unit of the stored values where the sidecar does not state it, for example "Bq/mL"; one that contradicts the
        sidecar is an error.
    sidecar : path, optional
        JSON file with frame times, unit and decay correction (the fields of BIDS PET), where none lies beside the image.
    memory_limit_bytes : int, optional
        A compressed image that is larger than this when unpacked is unpacked to a temporary file (in the folder that
        TMPDIR names), which is deleted with the image or at exit; by default half of the memory available.

    Returns
    -------
    DynamicImage
        Times in seconds after injection; data are read when they are needed.

    Raises
    ------
    MissingFileError, FileFormatError, FrameTimingError, InputError
        Each names file, field and remedy.
    """
    file = Path(path)
    image = load_nifti(file)
    record = sidecar_path(file) if sidecar is None else Path(sidecar)
    timing = scan_timing(read_sidecar(record), where=str(record), isotope=isotope, activity_unit=activity_unit)
    return DynamicImage(
        UnpackedArray(file, image.dataobj, memory_limit_bytes) if file.name.endswith(".gz") else image.dataobj,
        timing.frames,
        image.affine,
        isotope=timing.isotope,
        scale=timing.scale,
        kept=timing.kept,
        where=str(file),
        notes=timing.notes,
    )
