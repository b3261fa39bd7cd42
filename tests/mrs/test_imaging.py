"""Grids and series of spectra with known truth."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs import Acquisition, Basis, fit, simulate_basis
from neurochem.mrs.imaging.fitting import fit_image
from neurochem.mrs.imaging.maps import MetaboliteMaps, SpectrumStatus
from neurochem.mrs.imaging.series import fit_series

NAMES = ("Cr", "Glu", "Ins", "NAA", "GPC")
TRUTH = dict(zip(NAMES, (8.0, 9.0, 5.0, 11.0, 1.6), strict=True))
LARMOR, DWELL, POINTS = 127.7, 1 / 2000, 1024
OPTIONS = {"macromolecules": None, "lipids": None, "lineshape": "voigt", "shifts": "shared", "ratios": None}


@pytest.fixture(scope="module")
def basis() -> Basis:
    return simulate_basis(
        "press", echo_time_s=0.03, larmor_mhz=LARMOR, dwell_s=DWELL, points=POINTS, metabolites=list(NAMES)
    )


def clean(basis: Basis, amounts: dict[str, float], width: float = 5.0) -> np.ndarray:
    time = np.arange(POINTS) * DWELL
    return sum(amounts[name] * basis[name] for name in NAMES) * np.exp(-np.pi * width * time)


def noise_level(basis: Basis, snr: float) -> float:
    one = clean(basis, {**dict.fromkeys(NAMES, 0.0), "NAA": TRUTH["NAA"]})
    return float(np.abs(np.fft.fft(one)).max()) / snr / np.sqrt(POINTS)


def noisy(fid: np.ndarray, sd: float, rng: np.random.Generator) -> np.ndarray:
    return fid + sd * (rng.normal(size=fid.shape) + 1j * rng.normal(size=fid.shape))


def acquisition(data: np.ndarray, dims: tuple[str, ...]) -> Acquisition:
    return Acquisition(data, dims=(*dims, "time"), dwell_s=DWELL, larmor_mhz=LARMOR, echo_time_s=0.03)


@pytest.fixture(scope="module")
def grid(basis: Basis) -> np.ndarray:
    """A 5 x 4 x 2 grid: amplitude falls along x, shift and phase change from voxel to voxel."""
    rng = np.random.default_rng(3)
    time = np.arange(POINTS) * DWELL
    data = np.empty((5, 4, 2, POINTS), dtype=complex)
    for place in np.ndindex(5, 4, 2):
        fid = (1.0 - 0.1 * place[0]) * clean(basis, TRUTH)
        data[place] = fid * np.exp(1j * 0.2 * place[1]) * np.exp(2j * np.pi * 3.0 * place[0] * time)
    data = noisy(data, noise_level(basis, 60.0), rng)
    data[0, 0, 0] = np.nan
    data[1, 0, 0] = 0.0
    data[2, 0, 0] = noisy(np.zeros(POINTS), 1.0, rng)
    return data


@pytest.fixture(scope="module")
def maps(grid: np.ndarray, basis: Basis) -> MetaboliteMaps:
    inside = np.ones((5, 4, 2))
    inside[4, 3, 1] = 0
    return fit_image(acquisition(grid, ("x", "y", "z")), basis, mask=inside, **OPTIONS)


def test_every_voxel_gets_its_truth_within_its_error(maps: MetaboliteMaps) -> None:
    fitted = maps.status <= SpectrumStatus.FLAGGED
    assert fitted.sum() == 36
    scale = np.broadcast_to(1.0 - 0.1 * np.arange(5)[:, None, None], (5, 4, 2))
    for name in NAMES:
        known = maps[name]
        z = (known.data - scale * TRUTH[name])[fitted] / known.stderr[fitted]
        # 36 values: a mean within 3 / 6, and none beyond 4 standard errors
        assert abs(z.mean()) < 0.5
        assert np.abs(z).max() < 4.0


def test_what_cannot_be_fitted_says_so(maps: MetaboliteMaps) -> None:
    assert maps.status[0, 0, 0] == SpectrumStatus.FAILED
    assert maps.status[1, 0, 0] == SpectrumStatus.FAILED
    assert maps.status[2, 0, 0] == SpectrumStatus.LOW_SIGNAL
    assert maps.status[4, 3, 1] == SpectrumStatus.OUTSIDE
    assert np.isnan(maps["NAA"].data[2, 0, 0])
    assert sum(maps.counts().values()) == 40


def test_a_voxel_is_what_a_single_fit_says(maps: MetaboliteMaps, grid: np.ndarray, basis: Basis) -> None:
    single = fit(acquisition(grid[3, 2, 1], ()), basis, **OPTIONS)
    assert maps["Glu"].data[3, 2, 1] == single["Glu"].value
    assert maps["Glu"].stderr[3, 2, 1] == single["Glu"].stderr
    assert maps.quality["fqn"][3, 2, 1] == single.diagnostics["fqn"]


def test_fit_takes_a_grid_too(maps: MetaboliteMaps, grid: np.ndarray, basis: Basis) -> None:
    found = fit(acquisition(grid[3:, 2:], ("x", "y", "z")), basis, **OPTIONS)
    assert found["Glu"].data[0, 0, 1] == maps["Glu"].data[3, 2, 1]
    with pytest.raises(InputError, match="more than one FID"):
        fit(acquisition(grid[0, 0], ("DIM_DYN",)), basis, **OPTIONS)


def test_a_fit_gone_astray_follows_its_neighbours(basis: Basis) -> None:
    rng = np.random.default_rng(9)
    data = np.stack([noisy(clean(basis, TRUTH), noise_level(basis, 60.0), rng) for _ in range(9)]).reshape(3, 3, -1)
    time = np.arange(POINTS) * DWELL
    # a spurious line beside NAA draws the coarse alignment of the middle voxel away
    data[1, 1] += 60.0 * np.exp(2j * np.pi * (4.65 - 2.2) * LARMOR * time - np.pi * 5.0 * time)
    alone = fit_image(acquisition(data, ("x", "y")), basis, spread_starts=False, **OPTIONS)
    helped = fit_image(acquisition(data, ("x", "y")), basis, **OPTIONS)
    others = np.ones((3, 3), dtype=bool)
    others[1, 1] = False
    np.testing.assert_array_equal(alone["NAA"].data[others], helped["NAA"].data[others])
    before, after = (found.quality["fqn"][1, 1] for found in (alone, helped))
    assert not after > before


def test_processes_change_nothing(grid: np.ndarray, basis: Basis, maps: MetaboliteMaps) -> None:
    two = fit_image(acquisition(grid, ("x", "y", "z")), basis, workers=2, **OPTIONS)
    inside = maps.status != SpectrumStatus.OUTSIDE
    np.testing.assert_array_equal(two["Glu"].data[inside], maps["Glu"].data[inside])


def test_maps_are_saved_and_read_back(maps: MetaboliteMaps, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give affine"):
        maps.save(tmp_path)
    written = maps.save(tmp_path, "grid", affine=np.diag([10.0, 10.0, 15.0, 1.0]))
    names = {path.name for path in written}
    assert {"grid_NAA.nii.gz", "grid_NAA_stderr.nii.gz", "grid_fqn.nii.gz", "grid_status.nii.gz"} <= names
    image = nibabel.load(tmp_path / "grid_NAA.nii.gz")
    assert image.shape == (5, 4, 2)
    np.testing.assert_allclose(image.get_fdata(), maps["NAA"].data, rtol=1e-6)
    assert (tmp_path / "grid_status.json").read_text().count("low_signal") == 1
    assert maps.plot("NAA").axes
    frame = maps.to_frame()
    assert set(frame.columns) == {"x", "y", "z", "name", "value", "stderr", "status"}
    assert len(frame) == 36 * len(maps.names)


def test_what_cannot_be_asked_is_refused(grid: np.ndarray, basis: Basis, maps: MetaboliteMaps) -> None:
    with pytest.raises(InputError, match="the mask has shape"):
        fit_image(acquisition(grid, ("x", "y", "z")), basis, mask=np.ones((3, 3)))
    with pytest.raises(InputError, match="mask is empty"):
        fit_image(acquisition(grid, ("x", "y", "z")), basis, mask=np.zeros((5, 4, 2)))
    with pytest.raises(InputError, match="DIM_COIL"):
        fit_image(acquisition(grid[0, 0], ("DIM_COIL",)), basis)
    with pytest.raises(UnknownNameError, match="baselin"):
        fit_image(acquisition(grid, ("x", "y", "z")), basis, baselin="none")
    with pytest.raises(InputError, match="workers"):
        fit_image(acquisition(grid, ("x", "y", "z")), basis, workers=0)
    with pytest.raises(UnknownNameError, match="metabolite map"):
        maps["naa2"]
    with pytest.raises(InputError, match="slice 7"):
        maps.plot("NAA", slice_index=7)
    with pytest.raises(InputError, match="exactly one dimension"):
        fit_series(acquisition(grid, ("x", "y", "z")), basis)


def course(basis: Basis, rng: np.random.Generator, snr: float, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A series in which Glu rises by 10 % in the second half."""
    glu = TRUTH["Glu"] * (1.0 + 0.1 * (np.arange(count) >= count // 2))
    fids = np.stack([clean(basis, {**TRUTH, "Glu": value}) for value in glu])
    return noisy(fids, noise_level(basis, snr), rng), glu


def test_a_series_shares_its_lines_and_is_surer(basis: Basis) -> None:
    data, glu = course(basis, np.random.default_rng(1), 25.0)
    series = fit_series(acquisition(data, ("DIM_DYN",)), basis, **OPTIONS)
    widths = {round(result.diagnostics["lorentz_hz"], 9) for result in series.results.values()}
    assert len(widths) == 1
    values, covariance = series.combine("Glu")
    z = (values - glu) / np.sqrt(np.diag(covariance))
    assert np.abs(z).max() < 4.0
    alone = fit(acquisition(data[0], ()), basis, **OPTIONS)
    assert np.sqrt(covariance[0, 0]) < alone["Glu"].stderr


def test_a_signed_element_is_negative_in_every_spectrum_of_a_series(basis: Basis) -> None:
    data, glu = course(basis, np.random.default_rng(4), 40.0)
    inverted = basis.drop("Glu").joined(["inverted"], -basis["Glu"][None, :])
    series = fit_series(acquisition(data, ("DIM_DYN",)), inverted, signed=["inverted"], **OPTIONS)
    values, covariance = series.combine("inverted")
    assert np.abs((values + glu) / np.sqrt(np.diag(covariance))).max() < 4.0


def test_the_users_model_of_a_course(basis: Basis) -> None:
    data, _ = course(basis, np.random.default_rng(2), 40.0)
    series = fit_series(acquisition(data, ("DIM_DYN",)), basis, **OPTIONS)
    step = (np.arange(12) >= 6).astype(float)
    found = series.model("Glu", np.column_stack([np.ones(12), step]), ["rest", "rise"])
    assert abs(found["rise"].value - 0.9) < 3.0 * found["rise"].stderr
    assert found.diagnostics["dof"] == 10
    with pytest.raises(InputError, match="do not determine"):
        series.model("Glu", np.column_stack([step, step]), ["a", "b"])
    with pytest.raises(InputError, match="12 rows"):
        series.model("Glu", np.ones((3, 1)), ["a"])
    with pytest.raises(InputError, match="not among"):
        series.combine("Gln")


@pytest.mark.slow
def test_errors_of_a_series_are_what_repeats_show(basis: Basis) -> None:
    rng = np.random.default_rng(8)
    step = (np.arange(8) >= 4).astype(float)
    found = []
    for _ in range(200):
        data, _ = course(basis, rng, 25.0, count=8)
        series = fit_series(acquisition(data, ("DIM_DYN",)), basis, **OPTIONS)
        model = series.model("Glu", np.column_stack([np.ones(8), step]), ["rest", "rise"])
        found.append(
            [(model["rest"].value - 9.0) / model["rest"].stderr, (model["rise"].value - 0.9) / model["rise"].stderr]
        )
    z = np.array(found)
    # a standard deviation of 200 values is known to 5 %, a mean to 0.07
    assert np.abs(z.std(axis=0) - 1.0).max() < 0.16
    assert np.abs(z.mean(axis=0)).max() < 0.25


def test_one_bad_spectrum_is_a_gap_and_not_the_end(basis: Basis) -> None:
    data, _ = course(basis, np.random.default_rng(3), 40.0)
    holed = data.copy()
    holed[0], holed[5] = np.nan, 0.0
    series = fit_series(acquisition(holed, ("DIM_DYN",)), basis, **OPTIONS)
    good = np.setdiff1d(np.arange(12), [0, 5])
    without = fit_series(acquisition(data[good], ("DIM_DYN",)), basis, **OPTIONS)
    np.testing.assert_allclose(series.values[good], without.values, rtol=1e-12)
    assert np.isnan(series.values[[0, 5]]).all()
    results = list(series.results.values())
    assert [result.success for result in results] == [k in good for k in range(12)]
    assert {flag.name for flag in results[0].flags} == {"not_finite"}
    assert {flag.name for flag in results[5].flags} == {"no_signal"}
    step = (np.arange(12) >= 6).astype(float)
    design = np.column_stack([np.ones(12), step])
    one, two = (item.model("Glu", rows, ["rest", "rise"]) for item, rows in ((series, design), (without, design[good])))
    np.testing.assert_allclose(one["rise"].value, two["rise"].value, rtol=1e-9)
    assert one.diagnostics["dof"] == 8
    maps = fit_image(acquisition(holed, ("DIM_DYN",)), basis, **OPTIONS)
    assert maps.status.tolist() == [SpectrumStatus.FAILED if k in (0, 5) else SpectrumStatus.OK for k in range(12)]
    assert np.array_equal(np.isnan(maps["Glu"].data), [k in (0, 5) for k in range(12)])
    with pytest.raises(InputError, match="no other spectrum of the series"):
        fit_series(acquisition(np.zeros_like(data), ("DIM_DYN",)), basis, **OPTIONS)
