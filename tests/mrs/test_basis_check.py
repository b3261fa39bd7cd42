"""What `Basis.check` finds, and the figure of a basis."""

import dataclasses

import numpy as np
import pytest
from numpy.testing import assert_allclose

from neurochem import mrs
from neurochem.errors import InputError
from neurochem.figures import save_figure

NAMES = ["NAA", "Cr", "sIns", "Lac", "Glu", "GABA", "Ins", "Asp"]


@pytest.fixture(scope="module")
def press():
    """A basis that is right."""
    return mrs.simulate_basis(
        "press", echo_time_s=0.030, larmor_mhz=127.73, dwell_s=2.5e-4, points=4096, metabolites=NAMES,
        linewidth_hz=2.0, cache=False,
    )  # fmt: skip


def changed(basis, name, factor):
    rows = np.array([factor if name == known else 1.0 for known in basis.names])
    return dataclasses.replace(basis, fids=basis.fids * rows[:, None])


def flagged(basis):
    return {(flag.name, flag.parameter) for flag in basis.check().flags}


@pytest.mark.parametrize(
    ("sequence", "timing"),
    [("press", {"echo_time_s": 0.144}), ("steam", {"echo_time_s": 0.02, "mixing_time_s": 0.01}), ("pulse-acquire", {})],
)
@pytest.mark.parametrize("larmor_mhz", [63.9, 127.73, 297.2])
def test_simulated_bases_have_every_peak_in_its_place(sequence, timing, larmor_mhz):
    basis = mrs.simulate_basis(
        sequence, **timing, larmor_mhz=larmor_mhz, dwell_s=2e-4, points=4096, linewidth_hz=1.0, cache=False
    )
    # STEAM keeps half of the signal: a scale, which a file would state
    report = dataclasses.replace(basis, proton_amplitude=0.5 if sequence == "steam" else 1.0).check()
    assert report.success, report.summary()
    assert len(report.elements) == 20


def test_the_report_holds_places_protons_and_widths(press):
    frame = press.check().to_frame().set_index("name")
    assert_allclose(frame.loc["NAA", "peak_ppm"], 2.008, atol=1e-3)
    assert_allclose(frame.loc["Cr", ["protons", "expected_protons"]].to_numpy(float), [5.0, 5.0], rtol=1e-9)
    assert frame.loc["Lac", "protons"] < frame.loc["Lac", "expected_protons"] == 4.0  # J evolution of 30 ms, no flag
    assert_allclose(frame.loc["sIns", "linewidth_hz"], 2.0, rtol=0.01)  # the FID has lost 99.8 % at its end
    assert (frame["flags"] == "").all()


def test_the_report_cannot_be_changed(press):
    report = press.check()
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.flags = ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        report.elements[0].peak_ppm = 0.0


def test_a_mirrored_basis_is_recognised(press):
    assert flagged(press.conjugated()) == {("mirrored", name) for name in NAMES}


def test_one_mirrored_or_misplaced_element_is_named(press):
    fids = press.fids.copy()
    fids[0] = np.conj(fids[0])
    assert flagged(dataclasses.replace(press, fids=fids)) == {("mirrored", "NAA")}
    assert flagged(press.shifted(ppm=0.1, names=["Cr"])) == {("misplaced", "Cr")}
    assert flagged(press.shifted(ppm=0.02)) == set()  # within the tolerance: a reference of 4.63 or 4.67 ppm


def test_wrong_scale_sign_and_width_are_flagged(press):
    assert flagged(changed(press, "Cr", 1.5)) == {("protons", "Cr")}
    assert flagged(changed(press, "Cr", 0.9)) == {("protons", "Cr")}
    assert flagged(changed(press, "Lac", 1.6)) == {("protons", "Lac")}
    assert flagged(changed(press, "Cr", -1.0)) == {("inverted", "Cr")}
    assert flagged(dataclasses.replace(press, fids=1j * press.fids)) == {("phase", "")}
    stated = dataclasses.replace(press, linewidth_hz=8.0)
    assert flagged(stated) == {("linewidth", "Cr"), ("linewidth", "sIns")}


def test_duplicates_and_unknown_names_are_told(press):
    twice = press.with_elements(press.select(["Glu"]).renamed({"Glu": "Glutamate"}).rescaled(3.0))
    assert ("duplicate", "Glutamate") in flagged(twice)
    report = press.renamed({"Cr": "Mystery"}).check()
    assert [(flag.name, flag.severity) for flag in report.flags] == [("unknown_molecule", "info")]
    assert report.success


def test_a_halved_first_point_is_noted_and_counted_twice(press):
    fids = press.fids.copy()
    fids[:, 0] *= 0.5
    report = dataclasses.replace(press, fids=fids).check()
    assert [flag.name for flag in report.flags] == ["halved_first_point"]
    assert_allclose(report.elements[1].protons, 5.0, rtol=1e-9)


def test_real_files_pass_apart_from_what_is_known(mrs_scans):
    osprey = mrs.read_basis(mrs_scans / "philips_press35/3T_PRESS_Philips_35ms_noMM.BASIS").check()
    assert [flag.name for flag in osprey.flags] == ["halved_first_point"]
    # its header says 0.1 ppm, its lines are 2 Hz wide
    spant = mrs.read_basis(mrs_scans / "lcmodel_test/3t.basis").check()
    assert {flag.name for flag in spant.flags} == {"halved_first_point", "linewidth"}


def test_the_figure_runs_from_high_to_low_shift_with_a_name_for_each_element(press, tmp_path):
    whole = press.with_elements(mrs.macromolecules("MEGA_GABA", like=press))
    ax = whole.plot(ppm=(0.5, 4.2))
    assert ax.get_xlim() == (4.2, 0.5)
    assert ax.get_xlabel() == "chemical shift (ppm)"
    assert [text.get_text().split()[0] for text in ax.texts] == list(whole.names)
    # every element fills its row
    curves = [drawn for drawn in ax.lines if len(drawn.get_xdata()) > 2]
    levels = [-1.25 * row for row in range(len(whole))]
    assert_allclose([np.abs(c.get_ydata() - level).max() for c, level in zip(curves, levels, strict=True)], 1.0)
    peak = curves[0].get_xdata()[np.argmax(curves[0].get_ydata())]
    assert abs(peak - 2.008) < 0.01
    path = save_figure(ax.figure, tmp_path / "x.png")
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="Give a range inside it"):
        press.plot(ppm=(40.0, 41.0))
