"""Whether a scan is edited: by its dimensions, else by NAA, which every second transient lacks where ON and OFF alternate."""

import numpy as np

from neurochem import mrs
from neurochem.mrs.spectra import COIL, DYNAMIC, EDIT, TIME, frequency_axis, to_ppm
from neurochem.units import ComplexArray, FloatArray

_NAA_PPM, _OTHERS_PPM = (1.90, 2.12), (2.9, 3.3)
# ON leaves less than a tenth of NAA; motion or drift never change its height over that of creatine and choline by so much.
_LEAST_FACTOR = 3.0
# Height over the noise that creatine and choline need in each half, or nothing can be said.
_LEAST_SNR = 5.0


def find_edits(data: mrs.Acquisition, split: str = "") -> tuple[mrs.Acquisition, str]:
    """Return the scan with its edit conditions as a dimension, and one sentence on how they were found.

    Parameters
    ----------
    data : Acquisition
        As read.
    split : str
        "interleaved" or "blocked" where ON and OFF lie among the transients and the user knows how; empty to look.

    Returns
    -------
    data : Acquisition
        Unchanged where it has DIM_EDIT already or is not edited.
    note : str
        Empty where it is not edited.

    Notes
    -----
    By content: the height of NAA's methyl line over that of creatine and choline, in the magnitude of the mean of every
    second transient (of each half of the transients), all coils together.  Where the two differ by a factor of three the
    scan is one of MEGA edited for GABA.  Editing of GSH leaves no such trace, and HERMES is not looked for.
    """
    if data.size(EDIT) > 1:
        return data, f"{data.size(EDIT)} edit conditions, a dimension of the file"
    if split and data.size(DYNAMIC) > 1:
        return mrs.split_edits(data, order=split), f"2 edit conditions among the transients, {split} as stated"
    for order in ("interleaved", "blocked"):
        if _differs(data, order):
            note = f"2 edit conditions among the transients, {order}: NAA is suppressed in one of them"
            return mrs.split_edits(data, order=order), note
    return data, ""


def is_edited(data: mrs.Acquisition, split: str = "") -> bool:
    """Say whether a scan is edited; arguments as for `find_edits`."""
    return find_edits(data, split)[0].size(EDIT) > 1


def _differs(data: mrs.Acquisition, order: str) -> bool:
    count = data.size(DYNAMIC)
    ppm = to_ppm(frequency_axis(data.shape[-1], data.dwell_s), data.larmor_mhz, data.reference_ppm)
    known = set(data.dims) <= {COIL, DYNAMIC, EDIT, TIME}
    covered = all(ppm.min() < low and ppm.max() > high for low, high in (_NAA_PPM, _OTHERS_PPM))
    if count < 2 or count % 2 or not known or not covered or data.nucleus != "1H":
        return False
    axis = data.dims.index(DYNAMIC)
    index = np.arange(count)
    first = index % 2 == 0 if order == "interleaved" else index < count // 2
    ratios = []
    for chosen in (first, ~first):
        mean = np.compress(chosen, data.data, axis=axis).mean(axis=axis)
        naa, others, noise = _heights(mean.reshape(-1, mean.shape[-1]), ppm)
        if not others > _LEAST_SNR * noise:
            return False
        ratios.append(max(naa, noise) / others)
    return max(ratios) > _LEAST_FACTOR * min(ratios)


def _heights(fids: ComplexArray, ppm: FloatArray) -> tuple[float, float, float]:
    """Return the heights of NAA and of creatine or choline over their surroundings, and the noise, of all coils together."""
    size = np.sqrt(np.sum(np.abs(np.fft.fftshift(np.fft.fft(fids, axis=-1), axes=-1)) ** 2, axis=0))
    heights = []
    for low, high in (_NAA_PPM, _OTHERS_PPM):
        inside = (ppm >= low) & (ppm <= high)
        around = (ppm >= low - 0.3) & (ppm <= high + 0.3) & ~inside
        heights.append(float(size[inside].max() - np.median(size[around])))
    far = size[(ppm < 0.0) | (ppm > 9.0)] if ((ppm < 0.0) | (ppm > 9.0)).any() else size
    return heights[0], heights[1], float(np.std(far))
