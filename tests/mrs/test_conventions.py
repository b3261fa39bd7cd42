"""Signs, axes and references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.mrs.singlets import line_amplitude
from neurochem.mrs.spectra import to_hz, to_ppm

TIME = np.arange(2048) * 5e-4


def line(ppm, larmor=127.73):
    return np.exp(2j * np.pi * (4.65 - ppm) * larmor * TIME - 5.0 * TIME)


def peak_ppm(spectrum, low, high):
    inside = (spectrum.ppm > low) & (spectrum.ppm < high)
    return spectrum.ppm[inside][np.argmax(np.abs(spectrum.spectrum[inside]))]


def test_a_line_below_the_reference_has_positive_frequency_and_lies_to_the_right():
    spectrum = mrs.Spectrum(line(2.008) + line(3.027), dwell_s=5e-4, larmor_mhz=127.73)
    step = 1.0 / (2048 * 5e-4 * 127.73)
    assert np.all(np.diff(spectrum.ppm) < 0)
    assert abs(peak_ppm(spectrum, 1.5, 2.5) - 2.008) <= step
    assert abs(peak_ppm(spectrum, 2.6, 3.5) - 3.027) <= step
    frequency = np.fft.fftfreq(2048, 5e-4)[np.argmax(np.abs(np.fft.fft(spectrum.fid)))]
    assert frequency > 0


def test_real_water_lies_above_naa(mrs_scans):
    folder = mrs_scans / "philips_press35"
    water = mrs.read(folder / "sub-01_PRESS_35_ref.sdat").spectrum()
    data = mrs.read(folder / "sub-01_PRESS_35_act.sdat").spectrum()
    # water is the strongest line of all; NAA the strongest between 1.8 and 2.2 ppm, which fails if the axis is mirrored
    assert abs(water.ppm[np.argmax(np.abs(water.spectrum))] - 4.65) < 0.03
    assert abs(peak_ppm(data, 1.8, 2.2) - 2.01) < 0.03
    naa = np.abs(data.spectrum[(data.ppm > 1.95) & (data.ppm < 2.05)]).max()
    mirrored = np.abs(data.spectrum[(data.ppm > 7.25) & (data.ppm < 7.35)]).max()
    # the tail of residual water is as high on both sides; the singlet stands on one
    assert naa > 3 * mirrored
    assert water.ppm[np.argmax(np.abs(water.spectrum))] > peak_ppm(data, 1.8, 2.2)


@given(st.floats(0.0, 10.0), st.floats(20.0, 500.0), st.floats(4.0, 5.0))
def test_ppm_and_hertz_are_inverse(ppm, larmor, reference):
    back = to_ppm(to_hz(np.array([ppm]), larmor, reference), larmor, reference)
    assert_allclose(back, [ppm], atol=1e-9)  # rounding of two products of numbers below 5000


def test_conjugating_twice_is_the_identity():
    spectrum = mrs.Spectrum(line(2.0), dwell_s=5e-4, larmor_mhz=127.73)
    once = spectrum.with_fid(np.conj(spectrum.fid))
    assert abs(peak_ppm(once, 7.0, 7.6) - 7.3) < 0.01
    assert_allclose(once.with_fid(np.conj(once.fid)).fid, spectrum.fid, rtol=0, atol=0)


def test_a_spectrum_is_immutable_and_leaves_its_input_alone():
    fid = line(2.0)
    spectrum = mrs.Spectrum(fid, dwell_s=5e-4, larmor_mhz=127.73)
    with pytest.raises(ValueError, match="read-only"):
        spectrum.fid[0] = 0.0
    fid[0] = 99.0
    assert spectrum.fid[0] != 99.0


def test_noise_is_measured_within_five_percent(rng):
    noise = 0.3 * (rng.standard_normal(2048) + 1j * rng.standard_normal(2048))
    spectrum = mrs.Spectrum(50 * line(2.0) + noise, dwell_s=5e-4, larmor_mhz=127.73)
    # 260 complex points give a relative standard error of 3 %; two of them
    assert_allclose(mrs.noise_sd(spectrum), 0.3 * np.sqrt(2048), rtol=0.09)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dwell_s": 0.0}, "dwell_s is 0.0; it must be a positive number"),
        ({"dwell_s": 0.5}, "dwell_s is 0.5 s"),
        ({"larmor_mhz": 127730000.0}, "Give MHz, not Hz"),
        ({"echo_time_s": 30.0}, "echo_time_s is 30 s; at most 5 s is plausible. Give seconds, not milliseconds"),
        ({"repetition_time_s": 2000.0}, "Give seconds, not milliseconds"),
        ({"fid": np.zeros((2, 20))}, "a spectrum is one FID of at least 16 points"),
    ],
)
def test_impossible_headers_are_refused(change, words):
    keywords = {"fid": line(2.0), "dwell_s": 5e-4, "larmor_mhz": 127.73} | change
    with pytest.raises(InputError, match=words):
        mrs.Spectrum(keywords.pop("fid"), **keywords)


def test_line_amplitude_is_the_value_at_time_zero():
    fid = 7.0 * line(2.0)
    assert_allclose(
        line_amplitude(fid, 5e-4, 2.65 * 127.73, 12.0), 7.0, rtol=2e-3
    )  # the straight baseline bends little


def test_noise_of_a_narrow_band_is_measured_in_the_tail_of_the_fid(rng):
    # 1000 Hz at 3 T end at 0.7 ppm: the usual range of the spectrum does not exist
    time_s = np.arange(1024) * 1e-3
    noise = 0.3 * (rng.standard_normal(1024) + 1j * rng.standard_normal(1024))
    narrow = mrs.Spectrum(50 * np.exp(2j * np.pi * 300 * time_s - 20 * time_s) + noise, dwell_s=1e-3, larmor_mhz=127.73)
    assert_allclose(mrs.noise_sd(narrow), 0.3 * np.sqrt(1024), rtol=0.15)  # 205 complex points: 3.5 %, three of them
