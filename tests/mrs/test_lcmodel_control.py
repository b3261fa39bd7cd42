import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from neurochem import mrs
from neurochem.errors import FileFormatError, InputError, MissingFileError, NeurochemWarning, UnknownNameError
from neurochem.mrs.lcmodel_parameters import PARAMETERS, STATUSES
from neurochem.mrs.lcmodel_ratios import parse_chrato
from neurochem.mrs.ratios import BIG3
from tests.mrs.conftest import DWELL_S, LARMOR_MHZ, TRUTH


def written(folder, body, name="x.control"):
    file = folder / name
    file.write_text(f" $LCMODL\n{body}\n $END\n")
    return file


def read(folder, body, **keywords):
    return mrs.read_lcmodel_control(written(folder, body), **keywords)


def record(control, name):
    (found,) = [record for record in control.records if record.name == name]
    return found


def test_the_real_control_file_is_read_and_names_its_scan_and_basis(real_data):
    control = mrs.read_lcmodel_control(real_data / "mrs" / "lcmodel_test" / "control.file")
    assert [item.name for item in control.records] == ["key", "nunfil", "deltat", "hzpppm", "filbas", "filraw", "filps"]
    assert dict(control.header) == {"dwell_s": 5e-4, "larmor_mhz": 127.786142, "points": 1024}
    assert dict(control.options) == {}
    assert control.without_counterpart == ()
    spectrum, basis = control.read_data().spectrum(), control.read_basis()
    assert (spectrum.points, spectrum.dwell_s, len(basis)) == (1024, 5e-4, 17)
    assert control.read_water() is None
    fit = mrs.fit(spectrum, control.basis(basis), **control.options)
    assert fit.success


@pytest.mark.parametrize(
    ("parameters", "options"),
    [
        ({"ppmst": 4.0, "ppmend": 0.5}, {"ppm": (0.5, 4.0)}),
        ({"PPMST": 4}, {"ppm": (0.2, 4.0)}),
        ({"ppmend": 1.8}, {"ppm": (1.8, 4.2)}),
        ({"dkntmn": 0.5}, {"baseline_dimension_per_ppm": 2.0}),
        ({"dkntmn": 0.15}, {}),
        ({"nobase": True, "dkntmn": 0.5}, {"baseline": "none"}),
        ({"nobase": False}, {}),
        ({"nratio": 0}, {"ratios": None}),
        ({"nsimul": 0}, {"macromolecules": None, "lipids": None}),
        ({"nsimul": 13}, {"macromolecules": "LCModel"}),
        ({"sddegz": 999.0}, {}),
        ({"ppmst": None}, {}),
        ({"chomit": ["MM09", "MM12", "MM14", "MM17", "MM20"]}, {"macromolecules": None}),
        ({"chomit": ["Lip13a", "Lip13b", "Lip09", "Lip20"]}, {"lipids": None}),
    ],
)
def test_parameters_become_options_that_the_fit_takes(parameters, options):
    control = mrs.lcmodel_options(**parameters)
    assert dict(control.options) == options
    from neurochem.mrs.options import FitOptions

    FitOptions(**control.options).check()


def test_a_knot_spacing_beyond_the_default_says_what_differs():
    assert "effective dimension itself" in record(mrs.lcmodel_options(dkntmn=0.25), "dkntmn").text
    assert record(mrs.lcmodel_options(dkntmn=0.15), "dkntmn").status == "same"


@pytest.mark.parametrize(
    ("text", "name", "mean", "sd", "references"),
    [
        ("GABA/Big3 = .04 +- .04", "GABA", 0.04, 0.04, dict(BIG3)),
        ("Lip09/Lip13*=.267+-.1", "Lip09", 0.267, 0.1, {"Lip13a": 1.0, "Lip13b": 1.0}),
        ("GSH/(Gln+GSH) = 2.86e-1 +- 1.26d-1", "GSH", 0.286, 0.126, {"Gln": 1.0, "GSH": 1.0}),
        ("-CrCH2/totCr = .1 +- .25", "-CrCH2", 0.1, 0.25, {"Cr": 1.0, "PCr": 1.0, "tCr": 1.0}),
        ("Glc / NAA+3*GPC + .5*Ins=-1 +- 2", "Glc", -1.0, 2.0, {"NAA": 1.0, "GPC": 3.0, "Ins": 0.5}),
    ],
)
def test_chrato_is_parsed(text, name, mean, sd, references):
    ratio = parse_chrato(text)
    assert (ratio.name, ratio.mean, ratio.sd, dict(ratio.references)) == (name, mean, sd, references)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("GABA = .04 +- .04", "does not read"),
        ("GABA/Big3 = .04", "does not read"),
        ("GABA/Big3 = .04 +- 0", "positive"),
        ("GABA/Glx* = .04 +- .1", "Lip13"),
        ("GABA/NAA+ = .04 +- .1", "cannot read"),
        ("GABA/Big3 = .04 +- .1 +WT= Cr", "no counterpart"),
    ],
)
def test_a_chrato_that_cannot_be_followed_is_refused_in_one_line(text, why):
    with pytest.raises(InputError, match=why) as caught:
        mrs.lcmodel_options(nratio=1, chrato=[text])
    assert "\n" not in str(caught.value)


def test_ratios_count_as_in_lcmodel():
    names = [ratio.name for ratio in mrs.lcmodel_options(nratio=12).options["ratios"]]
    # those of macromolecules, lipids and -CrCH2 come with the set 'LCModel'
    assert names == ["Asp", "GABA", "Glc", "Scyllo", "sIns", "sI", "Tau"]
    only = mrs.lcmodel_options(nratio=1, chrato=["GABA/totCr = .2 +- .1"])
    assert [(ratio.name, ratio.mean) for ratio in only.options["ratios"]] == [("GABA", 0.2)]
    freed = mrs.lcmodel_options(norato=["GABA"])
    assert "GABA" not in [ratio.name for ratio in freed.options["ratios"]]
    assert "Asp" in [ratio.name for ratio in freed.options["ratios"]]
    with pytest.raises(InputError, match=r"CHRATO\(13\)"):
        mrs.lcmodel_options(nratio=13)


def test_ratios_of_macromolecules_are_passed_on_where_the_basis_has_its_own():
    bare = mrs.lcmodel_options(nsimul=0, nratio=12).options
    assert [ratio.name for ratio in bare["ratios"]][:4] == ["Lip09", "Lip20", "MM20", "MM12"]
    # amplitudes of another set would be on another scale
    changed = mrs.lcmodel_options(nratio=1, chrato=["MM20/MM09 = 1.2 +- .1"]).options
    assert changed["macromolecules"] == "LCModel"
    assert [ratio.name for ratio in changed["ratios"]] == ["MM20"]


def test_ratios_reach_the_fit(basis, rng):
    spectrum = mrs.simulate(basis, TRUTH, noise_sd=2.0, rng=rng, lorentz_hz=4.0)
    control = mrs.lcmodel_options(nratio=1, chrato=["GABA/totCr = .15 +- .0001"], chomit=["Lac", "Ala"])
    left = control.basis(basis)
    assert set(basis.names) - set(left.names) == {name for name in ("Lac", "Ala") if name in basis.names}
    fit = mrs.fit(spectrum, left, **control.options)
    assert next(item["name"] for item in fit.settings["soft_ratios"]) == "GABA"
    # the prior is a ten-thousandth wide; the row is scaled by first estimates of creatine
    assert fit["GABA"].value / fit["tCr"].value == pytest.approx(0.15, rel=0.02)


def test_elements_are_left_out_without_regard_to_case_and_absent_ones_are_named(basis):
    control = mrs.lcmodel_options(nomit=2, chomit=["naa", "Nothing", "Cr"])
    assert control.omit == ("naa", "Nothing")
    assert control.absent(basis) == ("Nothing",)
    with pytest.warns(NeurochemWarning, match="CHOMIT names what the basis does not have: Nothing"):
        left = control.basis(basis)
    assert set(basis.names) - set(left.names) == {"NAA"}


def test_a_misspelt_element_is_told_and_one_that_lcmodel_simulates_is_not(basis):
    with pytest.warns(NeurochemWarning, match=r"NAAGG \(did you mean NAAG\?\)"):
        assert mrs.lcmodel_options(chomit=["NAAGG", "Lac"]).basis(basis).names == basis.drop("Lac").names
    omitted = mrs.lcmodel_options(chomit=["Lip13a", "Lip13b", "Lip09", "Lip20", "-CrCH2", "Gln"])
    assert omitted.basis(basis).names == basis.drop("Gln").names


def test_the_table_gets_its_reference_and_sums():
    control = mrs.lcmodel_options(namrel="tNAA", ncombi=1, chcomb=["Glu+Gln", "NAA+NAAG"])
    assert dict(control.table) == {"reference": "tNAA", "totals": ("Glu+Gln",)}
    assert control.without_counterpart == ()


def test_namelists_are_read_as_fortran_reads_them(tmp_path):
    body = """ title='it''s a=1 / $END! of "x"' ! a comment, ppmst=9
    PPMST = 4.0, ppmend=5d-1 dows = .true. nobase=F
    chomit(2) = 'Gly', 'Ala' chomit(1)='Lac'
    nomit=3 ppmst=3.9"""
    control = read(tmp_path, body)
    assert record(control, "title").value == 'it\'s a=1 / $END! of "x"'
    assert control.omit == ("Lac", "Gly", "Ala")
    assert control.options["ppm"] == (0.5, 3.9)
    assert record(control, "dows").value is True
    other = tmp_path / "dos.control"
    other.write_bytes(b"junk before\r\n &LCMODL\r\n ppmst=4.\r\n ppmend=2*1.\r\n /\r\nafter")
    with pytest.raises(InputError, match=r"PPMEND is .*one value"):
        mrs.read_lcmodel_control(other)


def test_a_name_without_a_value_changes_nothing(tmp_path):
    control = read(tmp_path, "echot = , ppmgap = , ppmst=4.0")
    assert (record(control, "echot").status, record(control, "ppmgap").status) == ("same", "same")
    assert (dict(control.header), control.without_counterpart) == ({}, ())


def test_file_names_are_relative_to_the_control_file(tmp_path):
    files = read(tmp_path, "filbas='b/3t.basis' filraw='/abs/x.RAW' filh2o='w.h2o'").files
    assert dict(files) == {"basis": tmp_path / "b/3t.basis", "data": Path("/abs/x.RAW"), "water": tmp_path / "w.h2o"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("ppmst=4.0\n", r"no \$LCMODL"),
        (" $LCMODL\n ppmst=4.0\n", r"no \$END"),
        (" $LCMODL\n ppmst=4.0\n title='open\n $END\n", "line 3: cannot read"),
        (" $LCMODL\n 4.0\n $END\n", "line 2: cannot read"),
        (" $LCMODL\n\n chomit(x)='a'\n $END\n", "line 3: index of chomit"),
        (" $LCMODL\n chomit(0)='a'\n $END\n", "line 2: index of chomit"),
        (" $LCMODL\0\n $END\n", "not a text file"),
    ],
)
def test_a_damaged_control_file_is_refused_with_file_and_line(tmp_path, text, why):
    file = tmp_path / "x.control"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=why) as caught:
        mrs.read_lcmodel_control(file)
    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)


def test_an_absent_control_file_is_named(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        mrs.read_lcmodel_control(tmp_path / "none")


@pytest.mark.parametrize(
    ("parameters", "why"),
    [
        ({"ppmst": "four"}, "PPMST is 'four'; it must be a number"),
        ({"ppmst": True}, "must be a number"),
        ({"ppmst": float("nan")}, "must be a number"),
        ({"ppmst": 0.2, "ppmend": 4.0}, "Exchange"),
        ({"dkntmn": -1.0}, "positive"),
        ({"nobase": 1}, "T or F"),
        ({"nomit": 1.5}, "whole number"),
        ({"nratio": -1}, "whole number"),
        ({"nomit": 2, "chomit": ["Gly"]}, r"CHOMIT\(2\) is not given"),
        ({"chomit": [3]}, "text in quotes"),
        ({"deltat": 0.0}, "positive"),
    ],
)
def test_values_of_the_wrong_kind_are_refused(parameters, why):
    with pytest.raises(InputError, match=why):
        mrs.lcmodel_options(**parameters)


def test_an_unknown_name_is_an_error_with_the_nearest(tmp_path):
    with pytest.raises(
        UnknownNameError, match=r"x\.control: unknown LCModel parameter 'DKNTM'; nearest: DKNTMN"
    ) as caught:
        read(tmp_path, "dkntm=0.5")
    assert "\n" not in str(caught.value)
    passed = read(tmp_path, "dkntm=0.5 ppmst=4.", ignore=["DKNTM"])
    assert record(passed, "dkntm").status == "ignored"
    assert passed.options["ppm"] == (0.2, 4.0)
    assert "baseline_dimension_per_ppm" not in mrs.lcmodel_options(dkntmn=0.5, ignore=["dkntmn"]).options


@pytest.mark.parametrize(
    "parameters",
    [
        {"ppmgap": [1.0, 2.0]},
        {"sddegz": 5.0},
        {"sptype": "tumor"},
        {"chomit": ["Lip09"]},
        {"norato": ["MM20"], "nnorat": 1},
    ],
)
def test_what_would_change_estimates_and_is_not_followed_warns(parameters):
    name = next(iter(parameters))
    with pytest.warns(NeurochemWarning, match=name.upper()):
        control = mrs.lcmodel_options(**parameters)
    (found,) = control.without_counterpart
    assert found.name == name
    assert found.text in control.summary()


def test_a_second_group_is_recorded(tmp_path):
    file = tmp_path / "x.control"
    file.write_text(" $SEQPAR\n echot=35\n $END\n $LCMODL\n ppmst=4.0\n $END\n")
    with pytest.warns(NeurochemWarning, match="SEQPAR"):
        control = mrs.read_lcmodel_control(file)
    assert control.options["ppm"] == (0.2, 4.0)


# one value of the right kind for each parameter of which the kind is checked
VALUES = {
    "nobase": True, "chrato": "GABA/Big3=.1+-.1", "norato": "Asp", "chomit": "Gly", "namrel": "Cr", "chcomb": "Glu+Gln",
    "filbas": "x", "filraw": "x", "filh2o": "x", "nnorat": 0, "nomit": 0, "ncombi": 0, "ppmend": 1.0, "ppmst": 4.0,
}  # fmt: skip


@pytest.mark.parametrize("name", PARAMETERS)
def test_no_parameter_is_ignored_in_silence(name):
    bare = mrs.lcmodel_options()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        control = mrs.lcmodel_options(**{name: VALUES.get(name, 1)})
    (found,) = control.records
    assert found.name == name
    assert found.status in STATUSES
    assert found.text
    assert bool(caught) == (found.status == "none")
    state = [(c.options, c.omit, c.table, c.files, c.header) for c in (control, bare)]
    if found.status in {"none", "same", "elsewhere", "output"}:
        assert state[0] == state[1]


def test_the_documentation_lists_every_parameter_and_no_other():
    text = (Path(__file__).parents[2] / "docs" / "spectral_fit.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[A-Z0-9`, ]+`) \| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE)
    listed = {name.lower(): row[1:] for row in rows for name in re.findall(r"`([A-Z0-9]+)`", row[0])}
    assert listed == {name: (STATUSES[item.status], item.text) for name, item in PARAMETERS.items()}


def raw_text(fid):
    values = "\n".join(f"  {point.real:.9E}  {point.imag:.9E}" for point in fid)
    return f" $NMID\n ID='x', FMTDAT='(2E18.9)'\n VOLUME=1\n TRAMP=1\n $END\n{values}\n"


@pytest.fixture(scope="module")
def lcmodel_folder(tmp_path_factory, basis, water):
    """A scan, its water and a basis as LCModel has them, with a control file."""
    folder = tmp_path_factory.mktemp("lcmodel")
    spectrum = mrs.simulate(basis, TRUTH, noise_sd=2.0, rng=np.random.default_rng(5), lorentz_hz=4.0)
    (folder / "met.RAW").write_text(raw_text(spectrum.fid))
    (folder / "h2o.RAW").write_text(raw_text(water.fid))
    mrs.write_basis(basis, folder / "press.BASIS")
    body = f"""filraw='met.RAW' filh2o='h2o.RAW' filbas='press.BASIS' deltat={DWELL_S} hzpppm={LARMOR_MHZ}
    nunfil={spectrum.points}
    echot=30. ppmst=4.0 ppmend=0.5 nomit=2 chomit='sIns','Gly' ppmgap(1,1)=1.2,1.1 namrel='tCr' namrel='Cr+PCr'"""
    written(folder, body, "control")
    return folder


def test_the_command_line_follows_a_control_file(lcmodel_folder, capsys, tmp_path):
    from neurochem.cli.main import main

    table = tmp_path / "x.table"
    assert main(["mrs", "fit", "--control", str(lcmodel_folder / "control"), "--table", str(table)]) == 0
    printed, said = capsys.readouterr()
    assert "PPMST = 4.0: an option of fit: ppm=(0.5, 4.0)" in printed
    assert f"wrote {table}" in printed
    assert "not followed: PPMGAP: the window is one piece" in said
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NeurochemWarning)
        control = mrs.read_lcmodel_control(lcmodel_folder / "control")
    clean = mrs.preprocess(control.read_data(), water=control.read_water())
    fit = mrs.fit(clean.spectrum, control.read_basis(), **control.options)
    assert table.read_text() == mrs.write_table(fit, tmp_path / "own.table", **control.table).read_text()
    assert " sIns" not in table.read_text()


def test_the_water_of_a_control_file_scales_concentrations(lcmodel_folder, tmp_path, capsys):
    from neurochem.cli.main import main

    words = ["mrs", "fit", "--control", str(lcmodel_folder / "control"), "--gm", "0.6", "--wm", "0.3", "--csf", "0.1"]
    times = ["--repetition-time-s", "2", "--water-repetition-time-s", "2", "--table", str(tmp_path / "x.table")]
    assert main([*words, *times]) == 0
    capsys.readouterr()
    assert "unit='mmol/kg'" in (tmp_path / "x.table").read_text()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--control", "CONTROL", "--table", "x.txt"], "ends in .table or .csv"),
        (["--control", "SHORT"], "FILRAW is not given"),
        (["--control", "CONTROL", "--gm", "0.6"], "together"),
    ],
)
def test_the_command_line_says_in_one_line_what_is_missing(lcmodel_folder, tmp_path, capsys, words, why):
    from neurochem.cli.main import main

    short = written(tmp_path, "ppmst=4.0", "short")
    files = {"CONTROL": str(lcmodel_folder / "control"), "SHORT": str(short), "x.txt": str(tmp_path / "x.txt")}
    assert main(["mrs", "fit", *(files.get(word, word) for word in words)]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert why in line


@pytest.mark.parametrize("words", [["--basis", "b.BASIS"], ["x.nii.gz"], []])
def test_without_a_control_file_scan_and_basis_are_required(words, capsys):
    from neurochem.cli.main import main

    with pytest.raises(SystemExit) as caught:
        main(["mrs", "fit", *words])
    assert caught.value.code == 2
    assert "error: DATA and --basis FILE are required" in capsys.readouterr().err


def test_a_wrong_number_of_points_is_told(lcmodel_folder):
    text = (
        (lcmodel_folder / "control")
        .read_text()
        .replace("nunfil=2048", "nunfil=1024")
        .replace("ppmgap(1,1)=1.2,1.1", "")
    )
    (lcmodel_folder / "other").write_text(text)
    with pytest.raises(InputError, match="2048 points, but NUNFIL is 1024"):
        mrs.read_lcmodel_control(lcmodel_folder / "other").read_data()
