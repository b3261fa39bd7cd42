"""Reading and writing NIfTI-MRS."""

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from neurochem.arguments import checked_arguments
from neurochem.errors import FileFormatError, InputError, unknown_name
from neurochem.mrs.spectra import DYNAMIC, TIME, Acquisition, Spectrum
from neurochem.naming import write_via
from neurochem.units import to_seconds

_SPATIAL = ("x", "y", "z")
# The standard gives dimensions without a place a side of 10 m.
_UNLOCALISED_MM = 1000.0
_TRANSIENTS = "NumberOfTransients"
_DEFAULT_TAGS = ("DIM_COIL", "DIM_DYN", "DIM_INDIRECT_0")


def from_nifti_mrs(image: Any, path: Path) -> Acquisition:
    """Return the acquisition that a `nifti_mrs.NIFTI_MRS` object holds.

    Parameters
    ----------
    image : nifti_mrs.nifti_mrs.NIFTI_MRS
        From a file or from a converter.
    path : Path
        The file, for messages and `source`.

    Returns
    -------
    Acquisition
        Data as stored (the object's own indexing conjugates them), spatial dimensions of size one left out.

    Raises
    ------
    FileFormatError
        If a field is missing or cannot be.
    """
    header = image.hdr_ext.to_dict()
    # image[...] conjugates to the opposite convention; the stored array is what the standard defines.
    data = np.asarray(image.image[:])
    data = data.reshape(data.shape + (1,) * (4 - data.ndim))
    data = np.moveaxis(data, 3, -1)
    dims = [*_SPATIAL, *_tags(header, data.ndim - 4), TIME]
    keep = [index for index, dim in enumerate(dims) if dim == TIME or data.shape[index] > 1]
    data = data.reshape([data.shape[index] for index in keep])
    data, dims = _one_dynamic(data, [dims[index] for index in keep])
    echo, repetition = (_seconds_field(header, key, path) for key in ("EchoTime", "RepetitionTime"))
    return Acquisition(
        data,
        dims=tuple(dims),
        dwell_s=_dwell(image, path),
        larmor_mhz=float(np.atleast_1d(header["SpectrometerFrequency"])[0]),
        echo_time_s=echo,
        repetition_time_s=repetition,
        nucleus=str(np.atleast_1d(header["ResonantNucleus"])[0]),
        name=path.name.split(".", 1)[0],
        source=str(path),
        header=_plain(header) | _place(image),
    )


def _one_dynamic(data: np.ndarray, dims: list[str]) -> tuple[np.ndarray, list[str]]:
    """Return averages and repetitions, which a Siemens file counts apart, as one dimension in the order of measurement."""
    while dims.count(DYNAMIC) > 1:
        fast = dims.index(DYNAMIC)
        slow = dims.index(DYNAMIC, fast + 1)
        # the later dimension is the outer loop
        data = np.moveaxis(data, slow, fast)
        data = data.reshape([*data.shape[:fast], -1, *data.shape[fast + 2 :]])
        dims = dims[:slow] + dims[slow + 1 :]
    return data, dims


def _plain(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header with the number of transients as a number: what is no standard field comes with a description."""
    count = header.get(_TRANSIENTS)
    return {**header, _TRANSIENTS: count["Value"]} if isinstance(count, Mapping) and "Value" in count else dict(header)


def _place(image: Any) -> dict[str, Any]:
    """Return {"affine": rows of voxel to world in mm}, or nothing where the scan was not localised."""
    affine = np.asarray(image.image.nibImage.affine, dtype=float)
    if not np.isfinite(affine).all() or np.linalg.norm(affine[:3, :3], axis=0).max() >= _UNLOCALISED_MM:
        return {}
    return {"affine": tuple(tuple(float(value) for value in row) for row in affine)}


def dimension_header(data: Acquisition, tag: str) -> Mapping[str, Any]:
    """Return what the NIfTI-MRS header says of the elements of a dimension, for example of the edit conditions.

    Parameters
    ----------
    data : Acquisition
        Any.
    tag : str
        Such as "DIM_EDIT".

    Returns
    -------
    mapping
        For example {"EditCondition": ["ON", "OFF"]}; empty where the header says nothing.
    """
    for index in (5, 6, 7):
        if data.header.get(f"dim_{index}") == tag:
            return dict(data.header.get(f"dim_{index}_header") or {})
    return {}


def with_dimension_header(data: Acquisition, tag: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the header of the acquisition with another entry for a dimension."""
    header = dict(data.header)
    index = next((number for number in (5, 6, 7) if header.get(f"dim_{number}") == tag), 0)
    if not index:
        index = next((number for number in (5, 6, 7) if f"dim_{number}" not in header), 7)
        header[f"dim_{index}"] = tag
    header[f"dim_{index}_header"] = dict(entry)
    return header


def _tags(header: Mapping[str, Any], count: int) -> list[str]:
    return [str(header.get(f"dim_{index + 5}") or _DEFAULT_TAGS[index]) for index in range(count)]


def _seconds_field(header: Mapping[str, Any], key: str, path: Path) -> float | None:
    value = header.get(key)
    if value is None:
        return None
    number = float(np.atleast_1d(value)[0])
    # what a scanner or an anonymiser leaves where it has nothing to say
    if number == 0:
        return None
    limit = 5.0 if key == "EchoTime" else 100.0
    if not 0 < number <= limit:
        msg = f"{path}: header field {key} is {number:g}; it must be seconds, above 0 and at most {limit:g}. Correct the file."
        raise FileFormatError(msg)
    return number


def _dwell(image: Any, path: Path) -> float:
    """Return pixdim[4] in seconds: it wins over any SpectralWidth, and its unit is that of xyzt_units."""
    unit = image.header.get_xyzt_units()[1]
    unit = {"sec": "s", "msec": "ms", "usec": "us", "unknown": "s"}.get(unit, unit)
    value = float(to_seconds(float(image.header["pixdim"][4]), unit, where=f"{path}, xyzt_units"))
    if not 0 < value < 0.1:
        msg = f"{path}: dwell time pixdim[4] is {value:g} s; it must lie between 0 and 0.1 s. Correct pixdim or xyzt_units."
        raise FileFormatError(msg)
    # pixdim of NIfTI-1 is single precision: 0.0005 is stored as 0.00050000002
    return float(f"{value:.7g}") if image.header["pixdim"].dtype == np.float32 else value


def read_nifti_mrs(path: Path) -> Acquisition:
    """Read a NIfTI-MRS file through the nifti-mrs package.

    Raises
    ------
    FileFormatError
        If the file is truncated, is no NIfTI, or is a NIfTI image without MRS data.
    """
    from nifti_mrs.nifti_mrs import NIFTI_MRS, NotNIFTI_MRS
    from nifti_mrs.validator import headerExtensionError

    try:
        image = NIFTI_MRS(str(path))
        return from_nifti_mrs(image, path)
    except (NotNIFTI_MRS, headerExtensionError, KeyError) as error:
        msg = (
            f"{path}: not valid NIfTI-MRS data ({error}); give a file with the intent name 'mrs_v0_...' and the MRS "
            "header extension, for example one that spec2nii wrote."
        )
        raise FileFormatError(msg) from error
    except InputError:
        raise
    except Exception as error:
        # nibabel, zlib and fslpy each raise their own class for a damaged file
        said = " ".join(str(error).split())
        msg = f"{path}: cannot be read as NIfTI ({type(error).__name__}: {said}); it may be truncated. Copy it again."
        raise FileFormatError(msg) from error


@checked_arguments
def write(data: Spectrum | Acquisition, path: str | Path, *, header: Mapping[str, Any] | None = None) -> Path:
    """Write NIfTI-MRS; the same input gives the same bytes.

    Parameters
    ----------
    data : Spectrum or Acquisition
        What to write, as complex128.
    path : str or Path
        File name, ending in `.nii` or `.nii.gz`.
    header : mapping, optional
        More NIfTI-MRS header fields, for example {"WaterSuppressed": True}.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        If the file name has another ending or there are more than three dimensions besides space and time.
    """
    file = Path(path)
    if not file.name.endswith((".nii", ".nii.gz")):
        msg = f"{file}: NIfTI-MRS file names end in .nii or .nii.gz. Change the name."
        raise InputError(msg)
    content = _nifti_bytes(data, dict(header or {}))
    if file.name.endswith(".gz"):
        # no time stamp and no file name inside: equal spectra give equal files
        content = gzip.compress(content, compresslevel=6, mtime=0)
    return write_via(file, lambda temporary: temporary.write_bytes(content))


def _nifti_bytes(data: Spectrum | Acquisition, extra: dict[str, Any]) -> bytes:
    from nifti_mrs.create_nmrs import gen_nifti_mrs_hdr_ext
    from nifti_mrs.definitions import standard_defined
    from nifti_mrs.hdr_ext import Hdr_Ext

    values, tags = _storage_layout(data)
    extension = Hdr_Ext(data.larmor_mhz, data.nucleus, dimensions=values.ndim)
    for index, tag in enumerate(tags):
        entry = dimension_header(data, tag) if isinstance(data, Acquisition) else {}
        extension.set_dim_info(index, tag, hdr=dict(entry) or None)
    known = {"EchoTime": data.echo_time_s, "RepetitionTime": data.repetition_time_s}
    for key, value in {**{k: v for k, v in known.items() if v is not None}, **extra}.items():
        if key not in standard_defined:
            raise unknown_name(key, standard_defined, kind="header field of NIfTI-MRS")
        extension.set_standard_def(key, value)
    place = data.header.get("affine") if isinstance(data, Acquisition) else None
    affine = None if place is None else np.array(place)
    image = gen_nifti_mrs_hdr_ext(values, data.dwell_s, extension, affine=affine, no_conj=True)
    return image.image.nibImage.to_bytes()


def _storage_layout(data: Spectrum | Acquisition) -> tuple[np.ndarray, list[str]]:
    """Return the array as (x, y, z, time, ...) and the tags of the dimensions after time."""
    if isinstance(data, Spectrum):
        return np.asarray(data.fid).reshape(1, 1, 1, -1), []
    tags = [dim for dim in data.dims if dim != TIME and dim not in _SPATIAL]
    if len(tags) > 3:
        msg = f"{data.name}: {len(tags)} dimensions besides space and time ({', '.join(tags)}); NIfTI-MRS holds 3. Combine some."
        raise InputError(msg)
    order = [*(dim for dim in _SPATIAL if dim in data.dims), TIME, *tags]
    values = np.transpose(data.data, [data.dims.index(dim) for dim in order])
    spatial = [data.size(dim) for dim in _SPATIAL]
    return values.reshape([*spatial, data.size(TIME), *(data.size(tag) for tag in tags)]), tags
