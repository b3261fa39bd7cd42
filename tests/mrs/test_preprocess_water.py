"""Residual water of 100 times NAA of every shape: what its removal does to metabolites."""

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import UnknownNameError
from neurochem.mrs.simulate_raw import RawDisturbances, simulate_raw
from tests.mrs.test_raw import CONTENT, SAMPLING, of

T = np.arange(2048) * 4e-4
AMPLITUDE = 100 * 3 * CONTENT["NAA"]


def lorentz(hertz):
    return np.exp(-np.pi * hertz * T)


def gauss(hertz):
    return np.exp(-((np.pi * hertz * T) ** 2) / (4 * np.log(2)))


def turned(hertz):
    return np.exp(2j * np.pi * hertz * T)


ONE_LINE = {
    "lorentz": lorentz(12),
    "gauss": gauss(10),
    "voigt": lorentz(5) * gauss(5),
    "voigt, beside": lorentz(5) * gauss(5) * turned(-8),
}
# A shim with a tail to one side: a gamma distribution of offsets, whose characteristic function is known.
LOPSIDED = lorentz(4) * turned(-3) / (1 - 2j * np.pi * 1.5 * T) ** 2
UNLIKE = 0.6 * lorentz(6) + 0.25j * lorentz(9) * turned(4) - 0.15 * lorentz(14) * turned(-7)
EDDY = lorentz(5) * gauss(5) * np.exp(0.7j * (1 - np.exp(-T / 0.05)) * np.exp(-T / 0.3))


@pytest.fixture(scope="module")
def basis():
    return mrs.simulate_basis("press", echo_time_s=0.03, te1_s=0.015, **SAMPLING)


@pytest.fixture(scope="module")
def press(basis):
    return of(basis)


def change(press, line, **options):
    """Return the spectrum after the removal minus what it was, and the step."""
    wet = press.with_fid(press.fid + AMPLITUDE * np.exp(0.7j) * line)
    clean = mrs.preprocess(wet, steps=[("remove_water", options)])
    return clean.spectrum.spectrum - press.spectrum, clean.steps[0]


@pytest.mark.parametrize("shape", ONE_LINE)
def test_one_line_of_water_of_any_voigt_shape_goes_and_metabolites_change_by_less_than_half_a_percent(press, shape):
    inside = (press.ppm > 0.5) & (press.ppm < 4.2)
    left, step = change(press, ONE_LINE[shape])
    assert np.linalg.norm(left[inside]) < 0.005 * np.linalg.norm(press.spectrum[inside])
    assert step.effect["kind"] == ["line"]
    near = np.abs(press.ppm - 4.65) < 0.15
    assert np.abs(left[near]).max() < 2e-3 * np.abs(np.fft.fft(AMPLITUDE * ONE_LINE[shape])).max()


def test_exponentials_alone_change_metabolites_by_more_where_water_is_gaussian(press):
    inside = (press.ppm > 0.5) & (press.ppm < 4.2)
    left, step = change(press, ONE_LINE["gauss"], method="hsvd")
    assert np.linalg.norm(left[inside]) > 0.02 * np.linalg.norm(press.spectrum[inside])
    assert step.effect["kind"] == ["damped exponentials"]


@pytest.mark.parametrize("line", [LOPSIDED, UNLIKE, EDDY], ids=["lopsided", "three lines", "eddy currents"])
def test_water_of_no_simple_shape_changes_fitted_metabolites_by_less_than_half_a_percent(press, basis, line):
    """What is left is the smooth tail of the first point, which a baseline takes up; of the norm it is 1 to 2 %."""
    inside = (press.ppm > 0.5) & (press.ppm < 4.2)
    shapes = np.fft.fft(basis.fids * lorentz(4) * gauss(4), axis=1)
    columns = np.fft.fftshift(shapes, axes=1)[:, inside].T
    bend = np.vander(np.linspace(-1, 1, inside.sum()), 7)
    table = np.block([[columns.real, bend, 0 * bend], [columns.imag, 0 * bend, bend]])
    left, _ = change(press, line)
    moved = np.linalg.lstsq(table, np.concatenate([left[inside].real, left[inside].imag]), rcond=None)[0]
    relative = dict(zip(basis.names, moved[: len(basis.names)] / [CONTENT[name] for name in basis.names], strict=True))
    for name in ("NAA", "Cr", "GPC", "Ins", "Glu", "GABA"):
        assert abs(relative[name]) < 0.005, name
    assert np.linalg.norm(left[inside]) < 0.03 * np.linalg.norm(press.spectrum[inside])


def test_where_there_is_no_water_nothing_is_removed(press, rng):
    noise = rng.standard_normal(2048) + 1j * rng.standard_normal(2048)
    for dry in (press, press.with_fid(press.fid + noise)):
        clean = mrs.preprocess(dry, steps=["remove_water"])
        np.testing.assert_allclose(clean.spectrum.fid, dry.fid, rtol=0, atol=0)
        assert "no water stands out" in clean.steps[0].what


def test_an_unknown_method_is_refused(press):
    with pytest.raises(UnknownNameError, match="method of remove_water"):
        mrs.preprocess(press, steps=[("remove_water", {"method": "hlsvd"})])


def test_alignment_keeps_what_metabolites_tell_where_there_is_no_water(press):
    """Bounds of Cramer and Rao at an SNR of 10: 1.4 to 1.7 degrees without, 1.9 to 2.2 with the filter of water."""
    spread = {}
    for water in (True, "auto"):
        off = []
        for seed in range(6):
            quiet = RawDisturbances(residual_water=0.0, corrupted=0.0, eddy_deg=0.0)
            scan = simulate_raw(press, rng=np.random.default_rng(seed), coils=1, transients=32, disturbances=quiet)
            steps = ["combine_coils", ("align", {"water_filter": water})]
            found = np.ravel(mrs.preprocess(scan.data, steps=steps).steps[-1].effect["phase_deg"])
            left = found - scan.truth.phase_deg[0]
            off.append(np.std((left - np.median(left) + 180.0) % 360.0 - 180.0))
        spread[water] = np.sqrt(np.mean(np.square(off)))
    assert spread["auto"] < 0.95 * spread[True]
    assert spread["auto"] < 1.75


def test_alignment_filters_water_that_is_there(press):
    scan = simulate_raw(press, rng=np.random.default_rng(3), coils=1, transients=32)
    found = [
        mrs.preprocess(scan.data, steps=["combine_coils", ("align", {"water_filter": water})]).steps[-1].effect
        for water in (True, "auto")
    ]
    assert found[0]["shift_hz"] == found[1]["shift_hz"]


def test_water_that_fast_eddy_currents_bent_is_told():
    time_s = np.arange(1024) / 2000
    scan = 10.0 * np.exp((2j * np.pi * 335.0 - np.pi * 5.0) * time_s) + 3000.0 * np.exp(-np.pi * 8.0 * time_s)
    rng = np.random.default_rng(0)
    noise = 0.3 * (rng.standard_normal(1024) + 1j * rng.standard_normal(1024))
    told = []
    for turn in (0.0, 250.0):
        bent = scan * np.exp(1j * np.deg2rad(turn) * np.exp(-time_s / 0.02)) + noise
        data = mrs.Acquisition(bent, dwell_s=1 / 2000, larmor_mhz=127.73)
        told.append("CHECK" in mrs.preprocess(data, steps=["remove_water"]).steps[-1].what)
    assert told == [False, True]
