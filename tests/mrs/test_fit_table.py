import csv
import math
import re

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.table import percent_sd, signal_to_noise
from neurochem.results import Estimate
from tests.mrs.conftest import TISSUE, TRUTH

# Four significant digits are written.
ROUNDING = 5.1e-4


def parsed(path):
    """Read a table the way scripts do: sections by $$, a stated number of lines, columns by blanks."""
    lines, sections = path.read_text().splitlines(), {}
    for number, line in enumerate(lines):
        head = re.match(r"\s*\$\$(\w{4})\s*(\d+) lines in following", line)
        if head:
            sections[head[1]] = lines[number + 1 : number + 1 + int(head[2])]
    heads = sections["CONC"][0].split()
    rows = [line.replace("%", " ").split() for line in sections["CONC"][1:]]
    table = {name: (float(conc), int(sd), ratio) for conc, sd, ratio, name in rows}
    found = re.match(r"\s*FWHM = +(\S+) ppm +S/N = *(\S+)$", sections["MISC"][0])
    return heads, table, found.groups(), sections


@pytest.fixture(scope="module")
def spectrum(basis):
    return mrs.simulate(basis, TRUTH, noise_sd=3.0, rng=np.random.default_rng(3), lorentz_hz=4.0, repetition_time_s=2.0)


@pytest.fixture(scope="module")
def fit(spectrum, basis):
    return mrs.fit(spectrum, basis)


@pytest.fixture(scope="module")
def concentrations(fit, water):
    return mrs.quantify(fit, water=water, tissue=TISSUE)


@pytest.mark.parametrize("which", ["fit", "concentrations"])
def test_a_table_holds_every_element_and_sum(request, tmp_path, which):
    result = request.getfixturevalue(which)
    heads, table, _, sections = parsed(mrs.write_table(result, tmp_path / "x.table"))
    assert heads == ["Conc.", "%SD", "/Cr+PCr", "Metabolite"]
    assert list(table) == [*result.covariance_names, "NAA+NAAG", "GPC+PCh", "Cr+PCr", "Glu+Gln"]
    assert len(sections["CONC"]) == 1 + len(table)
    creatine = result["tCr"].value
    same = {"NAA+NAAG": "tNAA", "GPC+PCh": "tCho", "Cr+PCr": "tCr", "Glu+Gln": "Glx"}
    for name, (value, percent, ratio) in table.items():
        estimate = result[same.get(name, name)]
        assert_allclose(value, estimate.value, rtol=ROUNDING, err_msg=name)
        assert percent == min(999, math.ceil(100 * estimate.stderr / estimate.value))
        assert_allclose(float(ratio), estimate.value / creatine, rtol=ROUNDING, err_msg=name)
    unit = result["NAA"].unit or "of the basis"
    assert any(f"unit='{unit}'" in line for line in sections["INPU"])


def test_width_and_noise_are_in_lcmodels_units(fit, tmp_path, spectrum):
    _, _, (width, noise), sections = parsed(mrs.write_table(fit, tmp_path / "x.table"))
    assert float(width) == pytest.approx(fit.diagnostics["fwhm_hz"] / spectrum.larmor_mhz, abs=5.1e-4)
    lines = sum(curve for name, curve in fit.components.items() if name != "baseline").real
    # the tallest point carries noise of its own, within 3 sd; the rms of a residual loses a few per cent to what was fitted
    expected = float(np.max(lines)) / (2.0 * fit.diagnostics["noise_sd"])
    assert abs(float(noise) - expected) < 1.5 + 0.05 * expected
    assert signal_to_noise(fit) == pytest.approx(float(noise), abs=0.5)
    assert sections["MISC"][1].split()[:2] == ["Data", "shift"]
    assert sections["MISC"][2].split()[0] == "Ph:"
    assert len(sections["DIAG"]) == len(fit.flags)


def test_a_spreadsheet_has_three_columns_a_metabolite(fit, tmp_path):
    path = mrs.write_table(fit, tmp_path / "x.csv")
    with path.open(newline="") as file:
        heads, cells = list(csv.reader(file))
    assert heads[:2] == ["Row", "Col"]
    assert cells[:2] == ["1", "1"]
    names = heads[2::3]
    assert heads[3::3] == [f"{name} %SD" for name in names]
    assert heads[4::3] == [f"{name}/Cr+PCr" for name in names]
    row = dict(zip(heads, cells, strict=True))
    assert_allclose(float(row["Glu"]), fit["Glu"].value, rtol=1e-5)
    assert_allclose(float(row["Glu+Gln/Cr+PCr"]), fit["Glx"].value / fit["tCr"].value, rtol=1e-5)


def test_amplitudes_of_any_size_and_sign_keep_their_digits(fit, tmp_path):
    from dataclasses import replace

    for scale in (1e-9, 1e-3, 1.0, 1e5, -1e-7):
        scaled = {name: replace(item, value=scale * item.value) for name, item in fit.estimates.items()}
        table = parsed(mrs.write_table(replace(fit, estimates=scaled), tmp_path / "x.table"))[1]
        for name in fit.covariance_names:
            assert_allclose(table[name][0], scale * fit[name].value, rtol=ROUNDING)


def test_a_basis_without_two_creatines_takes_the_one_it_has(spectrum, basis, tmp_path):
    fit = mrs.fit(spectrum, basis.drop("PCr"))
    heads, table, _, _ = parsed(mrs.write_table(fit, tmp_path / "x.table"))
    assert heads[2] == "/Cr"
    assert float(table["Cr"][2]) == 1.0


def test_the_reference_can_be_chosen_and_left_out(fit, tmp_path):
    heads, table, _, _ = parsed(mrs.write_table(fit, tmp_path / "x.TABLE", reference="NAA+NAAG", totals=["Glu+Gln"]))
    assert heads[2] == "/NAA+NAAG"
    assert "Cr+PCr" not in table
    assert_allclose(float(table["Glu+Gln"][2]), fit["Glx"].value / fit["tNAA"].value, rtol=ROUNDING)
    _, table, _, _ = parsed(mrs.write_table(fit, tmp_path / "y.table", reference=None))
    assert {ratio for _, _, ratio in table.values()} == {"****"}
    with pytest.raises(UnknownNameError, match="did you mean 'Cr'"):
        mrs.write_table(fit, tmp_path / "z.table", reference="Crr")
    assert not (tmp_path / "z.table").exists()


@pytest.mark.parametrize("ending", ["table", "csv"])
def test_a_failed_fit_has_no_numbers_and_says_why(spectrum, basis, tmp_path, ending):
    failed = mrs.fit(spectrum.with_fid(np.zeros(spectrum.points)), basis)
    path = mrs.write_table(failed, tmp_path / f"x.{ending}")
    if ending == "csv":
        heads, cells = list(csv.reader(path.read_text().splitlines()))
        assert len(heads) == len(cells)
        assert set(cells[2::3]) == {""}
        assert set(cells[3::3]) == {"999"}
        return
    _, table, (width, noise), sections = parsed(path)
    assert table == {}
    assert (width, noise) == ("****", "****")
    assert "FATAL" in sections["DIAG"][0]
    assert "every point of the FID is zero" in sections["DIAG"][0]


def test_percent_is_rounded_up_and_at_most_999():
    assert percent_sd(Estimate("x", 10.0, 0.101)) == 2
    assert percent_sd(Estimate("x", -10.0, 0.1)) == 1
    for value, stderr in ((0.0, 1.0), (1.0, 50.0), (1.0, math.inf), (math.nan, math.nan)):
        assert percent_sd(Estimate("x", value, stderr)) == 999


def test_what_is_no_table_is_refused(fit, tmp_path):
    with pytest.raises(InputError, match=r"ends in \.table or \.csv, not '\.txt'"):
        mrs.write_table(fit, tmp_path / "x.txt")
    with pytest.raises(InputError, match="no elements with a covariance"):
        mrs.write_table(_bare(fit), tmp_path / "x.csv")


def _bare(fit):
    from dataclasses import replace

    return replace(fit, covariance=np.zeros((0, 0)), covariance_names=())
