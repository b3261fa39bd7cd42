"""Macromolecules: published sets, their ratios, and measured spectra."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from neurochem import mrs
from neurochem.errors import BasisMismatchError, InputError, UnknownNameError
from neurochem.figures import save_figure
from neurochem.mrs.lineshape import gauss_variance

GRID = {"dwell_s": 5e-4, "points": 2048, "larmor_mhz": 127.7}
# set, element, ppm, full width in Hz at 127.7 MHz, protons: a few lines of each source, written down independently
FACTS = [
    ("LCModel", "MM09", 0.91, 0.14 * 127.7, 3.0),
    ("LCModel", "Lip13b", 1.28, 0.089 * 127.7, 2.0),
    ("Birch2017_3T", "MM17", 1.63, 7.5, 3.0 * 0.05 / 0.72),
    ("Bell2024", "M0.95", 0.95, 32.0 * 127.7 / 297.2, 3.0),
    ("Osprey_MM15", "MM42", 4.20, 0.15 * 127.7, 2.0),
    ("MEGA_GABA", "MM3co", 3.00, 14.0, 2.0),
    ("MEGA_GSH", "MM14", 1.385, 0.095 * 127.7, 2.0),
]


@pytest.mark.parametrize(("name", "element", "ppm", "width_hz", "protons"), FACTS)
def test_lines_have_the_place_width_and_area_of_their_source(name, element, ppm, width_hz, protons):
    made = mrs.macromolecules(name, like=GRID)
    time_s = made.time_s
    expected = protons * np.exp(2j * np.pi * (4.65 - ppm) * 127.7 * time_s - gauss_variance(width_hz) * time_s**2)
    assert_allclose(made[element], expected, rtol=0, atol=1e-12)
    assert element in made.macromolecules


@pytest.mark.parametrize("name", list(mrs.macromolecule_sets()))
def test_widths_are_the_same_in_ppm_at_every_field(name):
    low, high = (mrs.macromolecules(name, like=GRID | {"larmor_mhz": f, "dwell_s": 0.05 / f}) for f in (127.7, 297.2))
    # a field twice as high with a dwell time twice as short is the same picture in ppm
    assert_allclose(low.fids, high.fids, rtol=0, atol=1e-11)
    assert all(source for source in (mrs.macromolecule_sets()[name].source, low.source))


def test_groups_and_lines():
    grouped, single = (mrs.macromolecules("LCModel", like=GRID, grouped=grouped) for grouped in (True, False))
    assert grouped.names == ("MM09", "MM12", "MM14", "MM17", "MM20", "Lip09", "Lip13a", "Lip13b", "Lip20", "-CrCH2")
    assert_allclose(grouped["MM20"], sum(single[f"MM20{letter}"] for letter in "abcd"), rtol=0, atol=1e-12)
    assert {"Lip13c", "Lip13d"} <= set(single.names)
    assert len(mrs.macromolecules("Birch2017", like=GRID, grouped=False)) == 13


def test_negative_creatine_takes_the_width_of_the_metabolites():
    made = mrs.macromolecules("LCModel", like=GRID)
    assert "-CrCH2" not in made.macromolecules
    assert_allclose(np.abs(made["-CrCH2"]), 2.0, rtol=1e-12)
    assert_allclose(made["-CrCH2"][0], -2.0, rtol=1e-12)


def test_elements_follow_the_basis_they_are_made_for(basis):
    like = basis.rescaled(1e-3)
    made = mrs.macromolecules("LCModel", like=like)
    assert_allclose(np.abs(made["MM09"][0]), 3e-3, rtol=1e-12)
    whole = basis.drop(*basis.macromolecules).with_elements(made)
    assert_allclose(np.abs(whole["MM09"][0]), 3.0, rtol=1e-12)
    assert whole.macromolecules == made.macromolecules
    data = mrs.simulate(basis, {"NAA": 1.0})
    assert mrs.macromolecules(like=data).points == data.points


def test_the_default_of_the_fit_is_the_default_set(basis):
    made = mrs.macromolecules(like=basis)
    assert made.names == basis.macromolecules
    assert_array_equal(made.fids, basis.select(basis.macromolecules).fids)


def test_exact_ratios_make_one_element():
    free = mrs.macromolecules("MEGA_GABA", like=GRID)
    osprey = mrs.macromolecules("MEGA_GABA", like=GRID, ratio="3to2")
    fsl = mrs.macromolecules("MEGA_GABA", like=GRID, ratio="FSL-MRS")
    assert osprey.names == fsl.names == ("MM09+MM3co",)
    assert_allclose(osprey.fids[0], free["MM09"] + free["MM3co"], rtol=0, atol=1e-12)  # 3 : 2
    assert_allclose(fsl.fids[0], free["MM09"] + 0.8 * free["MM3co"], rtol=0, atol=1e-12)  # 3.75 : 2.0
    assert osprey.macromolecules == osprey.names


def test_mm3co_gets_the_area_of_gaba_in_the_difference():
    edited = mrs.simulate_basis(
        "mega-press",
        echo_time_s=0.068,
        metabolites=["GABA", "Glu"],
        larmor_mhz=127.73,
        dwell_s=5e-4,
        points=2048,
        cache=False,
    )["difference"]
    made = mrs.macromolecules("MEGA_GABA", like=edited, ratio="1to1GABA")
    inside = (edited.ppm > 2.8) & (edited.ppm < 3.2)

    def area(fid):
        return np.fft.fftshift(np.fft.fft(fid * np.exp(-2 * np.pi * edited.time_s))).real[inside].sum()

    assert_allclose(area(made["MM3co"]), area(edited["GABA"]), rtol=1e-9)
    assert mrs.macromolecule_ratios("MEGA_GABA", "1to1GABA")[0].reference == "GABA"
    with pytest.raises(InputError, match="give the difference basis that holds GABA"):
        mrs.macromolecules("MEGA_GABA", like=GRID, ratio="1to1GABA")
    with pytest.raises(UnknownNameError, match="GABA"):
        mrs.macromolecules("MEGA_GABA", like=edited.select(["Glu"]), ratio="1to1GABA")


def test_soft_ratios_come_with_the_set():
    ratios = {entry.name: entry for entry in mrs.macromolecule_ratios("LCModel")}
    assert (ratios["MM20"].reference, ratios["MM20"].mean, ratios["MM20"].sd) == ("MM09", 1.5, 0.375)
    assert ratios["Lip20"].reference == "Lip13a+Lip13b"
    assert mrs.macromolecule_ratios("LCModel", "free") == ()
    elements = {name: set(entry.elements) for name, entry in mrs.macromolecule_sets().items()}
    for name, entry in mrs.macromolecule_sets().items():
        for model in entry.ratios:
            assert {ratio.name for ratio in mrs.macromolecule_ratios(name, model)} <= elements[name]


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"name": "Birch"}, None, ""),
        ({"name": "LCmodell"}, UnknownNameError, "did you mean 'LCModel'"),
        ({"ratio": "3to2"}, UnknownNameError, "unknown ratio model of Birch2017_3T '3to2'"),
        ({"name": "MEGA_GABA", "ratio": "3to2", "grouped": False}, InputError, "grouped is False"),
        ({"like": 3.0}, InputError, "like is 3.0; it takes a Basis, a Spectrum or a mapping"),
        ({"like": {"dwell_s": 5e-4}}, InputError, "like lacks points, larmor_mhz"),
        ({"like": GRID | {"dwel_s": 1.0}}, UnknownNameError, "did you mean 'dwell_s'"),
        ({"like": GRID | {"dwell_s": -1.0}}, InputError, "dwell_s is -1"),
    ],
)
def test_wrong_requests_are_refused(given, error, words):
    if error is None:
        assert len(mrs.macromolecules(**({"like": GRID} | given))) == 7
        return
    with pytest.raises(error, match=words):
        mrs.macromolecules(**({"like": GRID} | given))


def test_another_nucleus_has_no_macromolecules(basis):
    phosphorus = mrs.Basis(["ATP"], np.ones((1, 64)), dwell_s=5e-4, larmor_mhz=51.7, nucleus="31P")
    with pytest.raises(InputError, match="nucleus 31P"):
        mrs.macromolecules(like=phosphorus)
    with pytest.raises(BasisMismatchError, match="nucleus"):
        phosphorus.with_elements(mrs.macromolecules(like=basis))


@pytest.fixture(scope="module")
def nulled():
    """A metabolite-nulled spectrum of known content: Birch's lines, inverted tNAA, creatine's CH2, water, noise."""
    truth = mrs.macromolecules(like=GRID, grouped=False)
    time_s = truth.time_s

    def singlet(ppm, area, width_hz=5.0):
        return area * np.exp(2j * np.pi * (4.65 - ppm) * 127.7 * time_s - np.pi * width_hz * time_s)

    clean = truth.fids.sum(axis=0)
    fid = clean + singlet(2.008, -0.4) + singlet(3.92, 0.5) + singlet(4.65, 60.0)
    rng = np.random.default_rng(5)
    fid = fid * np.exp(2.0j) + 0.04 * (rng.standard_normal(2048) + 1j * rng.standard_normal(2048))
    return clean, mrs.Spectrum(fid, dwell_s=5e-4, larmor_mhz=127.7, echo_time_s=0.03, name="nulled")


def correlation(first, second, inside):
    one, two = (np.fft.fftshift(np.fft.fft(fid)).real[inside] for fid in (first, second))
    return np.corrcoef(one, two)[0, 1]


def test_a_nulled_spectrum_becomes_an_element_without_metabolites_water_and_phase(nulled):
    clean, spectrum = nulled
    found = mrs.measured_macromolecules(spectrum)
    inside = (spectrum.ppm > 0.3) & (spectrum.ppm < 4.0)
    # noise of 4 % of a proton a point leaves this much; with the singlets still inside it would be 0.985
    assert correlation(found.basis["MM"], clean, inside) > 0.998
    assert_allclose(found.residual_metabolites["tNAA"], -0.4, atol=0.1)  # one standard error is about 0.03 protons
    assert_allclose(found.residual_metabolites["tCr CH2"], 0.5, atol=0.15)
    assert found.flags == ()
    assert 0.9 < found.residual_over_noise < 1.1
    lines = found.to_frame().set_index("name")
    assert_allclose(lines.loc["MM0.90", ["ppm", "fwhm_hz", "protons"]].to_numpy(float), [0.90, 21.2, 3.0], rtol=0.05)


def test_the_element_can_be_appended_and_fitted(nulled, basis):
    found = mrs.measured_macromolecules(nulled[1])
    metabolites = basis.drop(*basis.macromolecules)
    whole = metabolites.with_elements(found.basis)
    assert whole.macromolecules == ("MM",)
    data = mrs.simulate(
        whole, {"NAA": 10.0, "Cr": 8.0, "GPC": 1.5, "Glu": 9.0, "MM": 4.0}, lorentz_hz=3.0, gauss_hz=2.0
    )
    fit = mrs.fit(data, whole)
    assert_allclose([fit["NAA"].value, fit["MM"].value], [10.0, 4.0], rtol=0.02)


def test_spectra_that_cannot_be_used_are_refused(nulled):
    spectrum = nulled[1]
    with pytest.raises(InputError, match="nucleus is 31P"):
        mrs.measured_macromolecules(spectrum.with_fid(spectrum.fid, nucleus="31P"))
    with pytest.raises(InputError, match="not finite"):
        mrs.measured_macromolecules(spectrum.with_fid(np.full(2048, np.nan)))
    with pytest.raises(InputError, match=r"holds .* points for 13 lines; at least 52"):
        mrs.measured_macromolecules(spectrum, ppm=(1.0, 1.1))


def test_a_spectrum_of_other_lines_is_flagged():
    rng = np.random.default_rng(1)
    time_s = np.arange(512) * 5e-4
    lone = 20.0 * np.exp(2j * np.pi * (4.65 - 1.75) * 127.7 * time_s - np.pi * 4.0 * time_s)
    noise = 0.01 * (rng.standard_normal(512) + 1j * rng.standard_normal(512))
    spectrum = mrs.Spectrum(lone + noise, dwell_s=5e-4, larmor_mhz=127.7)
    found = mrs.measured_macromolecules(spectrum, remove_water=False)
    assert "residual" in {flag.name for flag in found.flags}


@pytest.fixture(scope="module")
def real_nulled(mrs_scans):
    folder = mrs_scans / "philips_press30"
    scan = mrs.read(folder / "sub-01_ses-01_PRESS-Inverted_TI-600_raw-act_noID.SDAT")
    water = mrs.read(folder / "sub-01_ses-01_PRESS_raw-ref_noID.SDAT")
    return mrs.measured_macromolecules(mrs.preprocess(scan, water=water).spectrum)


def test_the_real_nulled_scan_gives_the_known_macromolecules(real_nulled, tmp_path):
    found = real_nulled
    lines = found.to_frame().set_index("name")
    # positions of Birch 2017; another brain, another scanner
    for name, ppm in (("MM0.90", 0.90), ("MM1.21", 1.21), ("MM1.38", 1.38), ("MM1.63", 1.63), ("MM2.96", 2.96)):
        assert abs(lines.loc[name, "ppm"] - ppm) < 0.03
    assert found.residual_over_noise < 1.3
    assert found.flags == ()
    # an inversion of 0.6 s leaves creatine's CH2 upright (short T1) and the methyl of NAA inverted (long T1)
    assert found.residual_metabolites["tCr CH2"] > 0.1
    assert found.residual_metabolites["tNAA"] < -0.1
    ax = found.plot()
    assert save_figure(ax.figure, tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_the_real_element_is_smooth_where_metabolites_were(real_nulled):
    element = real_nulled.basis
    spectrum = np.fft.fftshift(np.fft.fft(element["MM"])).real
    for place in (2.008, 3.03, 3.92):
        near = np.abs(element.ppm - place) < 0.04
        centre = np.polyfit(element.ppm[near] - place, spectrum[near], 2)
        left = spectrum[near] - np.polyval(centre, element.ppm[near] - place)
        # a singlet of 5 Hz would leave a fifth of its height on a parabola over 10 Hz
        assert np.abs(left).max() < 0.01 * spectrum.max()
