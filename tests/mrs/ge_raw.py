"""GE P-files written from spec2nii's table of header fields, with the blank scan that begins every coil."""

import ctypes

import numpy as np

# Where the data of this revision of the header begin.
REVISION, DATA_OFFSET = 27.0, 219_828
DEFAULTS = {
    "rhr_rh_rdbm_rev": REVISION, "rhr_rdb_hdr_off_data": DATA_OFFSET, "rhr_rh_point_size": 4, "rhr_spectral_width": 2000.0,
    "rhr_rh_ps_mps_freq": 1_277_500_000, "rhe_magstrength": 30_000, "rhi_nex": 2.0, "rhi_numecho": 1, "rhi_te": 30_000,
    "rhi_tr": 2_000_000, "rhi_ti": 0, "rhi_mr_flip": 90, "rhi_freq_dir": 1, "rhi_psdname": b"probe-p", "rhs_se_desc": b"press",
    "rhe_patsex": 2, "rhe_hospname": b"h", "rhe_ex_sysid": b"MR750", "rhe_patname": b"x", "rhi_cname": b"8HRBRAIN",
    "rhi_user8": 20.0, "rhi_user9": 25.0, "rhi_user10": 30.0, "rhi_user11": -1.0, "rhi_user12": -2.0, "rhi_user13": 3.0,
    "rhi_tlhc_R": 0.0, "rhi_trhc_R": -10.0, "rhi_trhc_A": 0.0, "rhi_tlhc_A": 0.0, "rhi_brhc_R": -10.0, "rhi_brhc_A": -10.0,
}  # fmt: skip


def write_pfile(path, coils, *, blank=True, cut=0, **changes):
    """Write a P-file.

    Parameters
    ----------
    path : Path
        File.
    coils : array, shape (n_coils, n_frames, n_points)
        Frames of every coil, in whole numbers.
    blank : bool
        Begin every coil with the blank scan.
    cut : int
        Bytes left out at the end.
    **changes
        Header fields.
    """
    from spec2nii.GE.ge_hdr_fields import get_pfile_hdr_fields

    class Header(ctypes.LittleEndianStructure):
        _pack_ = 1
        _fields_ = get_pfile_hdr_fields(REVISION)

    number, frames, points = coils.shape
    stored = np.concatenate([np.zeros((number, 1, points)), coils], axis=1) if blank else coils
    values = np.stack([stored.real, stored.imag], axis=-1).round().astype("<i4")
    header = Header()
    sizes = {
        "rhr_rh_frame_size": points, "rhr_rh_da_xres": points, "rhr_rh_da_yres": frames + 1, "rhr_rh_nframes": frames,
        "rhr_rh_raw_pass_size": values.nbytes, "rhr_rh_dab[0]_start_rcv": 0, "rhr_rh_dab[0]_stop_rcv": number - 1,
    }  # fmt: skip
    for key, value in (DEFAULTS | sizes | changes).items():
        setattr(header, key, value)
    content = bytes(header).ljust(DATA_OFFSET, b"\0") + values.tobytes()
    path.write_bytes(content[: len(content) - cut])
