"""What coupled molecules look like after the sequences in use.

Values were computed once with an independent density-matrix program: 127.731 MHz, Lorentzian lines of 2 Hz, band integral of
the real spectrum over that of pulse-acquire.  They were given with three digits and a tolerance of 0.01.
"""

import numpy as np
import pytest

from neurochem.errors import InputError
from neurochem.mrs.pulses import pulse
from neurochem.mrs.sequences.base import make_sequence
from neurochem.mrs.sequences.editing import clear_edit_times
from neurochem.mrs.sequences.engine import timed_events
from neurochem.mrs.sequences.events import RF, Delay, Filter
from neurochem.mrs.simulate_basis import simulate_basis

HEADER = {"larmor_mhz": 127.731, "dwell_s": 1 / 4000, "points": 16384, "linewidth_hz": 2.0, "cache": False}
# The independent program wrote three digits; so does a simulation that agrees with it (0.0005 of rounding, twice).
DIGITS = 0.0011


def spectrum(basis, name, factor=1):
    fid = basis[name].copy()
    fid[0] *= 0.5
    count = factor * basis.points
    ppm = 4.65 - np.fft.fftshift(np.fft.fftfreq(count, basis.dwell_s)) / basis.larmor_mhz
    return ppm, np.fft.fftshift(np.fft.fft(fid, count)).real


def area(basis, name, band):
    ppm, real = spectrum(basis, name)
    return real[(ppm > band[0]) & (ppm < band[1])].sum()


def share(name, band, basis):
    return area(basis, name, band) / area(simulate_basis("pulse-acquire", metabolites=[name], **HEADER), name, band)


PRESS = {
    ("Lac", (1.20, 1.42)): {
        0: 1.0, 30: 0.670, 68: -0.070, 72: -0.154, 97: -0.666, 135: -1.011, 144: -0.996, 216: 0.138, 288: 0.999,
    },
    ("Glu", (2.2, 2.5)): {30: 0.883, 35: 0.735, 80: -0.067, 97: 0.265, 144: 0.505},
    ("Gln", (2.3, 2.6)): {30: 0.770, 35: 0.570, 97: 0.246, 105: 0.373, 144: 0.316},
    ("GABA", (2.90, 3.15)): {30: 0.481, 68: -0.015, 80: 0.117, 105: 0.657, 144: 0.739},
    ("2HG", (2.1, 2.4)): {30: 0.684, 68: -0.084, 97: 0.173, 105: 0.305, 144: 0.096},
    ("Ins", (3.4, 3.75)): {30: 0.864, 68: 0.162, 144: -0.049},
    ("Tau", (3.1, 3.6)): {30: 0.982, 68: 0.050, 97: 0.010, 144: 0.776},
}  # fmt: skip


@pytest.mark.parametrize(("name", "band"), PRESS)
def test_press_leaves_what_the_independent_program_left(name, band):
    for echo_ms, expected in PRESS[name, band].items():
        basis = simulate_basis("press", echo_time_s=echo_ms / 1000, metabolites=[name], **HEADER)
        assert share(name, band, basis) == pytest.approx(expected, abs=DIGITS), f"TE {echo_ms} ms"


def mega(name, **options):
    return simulate_basis("mega-press", metabolites=[name], **{"echo_time_s": 0.068, **HEADER, **options})


@pytest.mark.parametrize(
    ("name", "echo_time_s", "expected"),
    [
        ("GABA", 0.068, {"on": 0.976, "off": -0.041, "difference": 0.509}),
        ("GABA", 0.080, {"difference": 0.449}),
        ("GABA_Govindaraju", 0.068, {"difference": 0.501}),
        ("GABA_Govindaraju", 0.080, {"difference": 0.435}),
    ],
)
def test_ideal_mega_press_edits_gaba_by_half(name, echo_time_s, expected):
    basis = mega(name, echo_time_s=echo_time_s)
    for result, value in expected.items():
        assert share(name, (2.8, 3.2), basis[result]) == pytest.approx(value, abs=DIGITS), result


def test_the_full_difference_is_twice_the_half_one():
    full, half = mega("GABA", difference="full"), mega("GABA")
    assert share("GABA", (2.8, 3.2), full["difference"]) == pytest.approx(2 * 0.509, abs=2 * DIGITS)
    for result, factor in (("on", 1), ("off", 1), ("difference", 2), ("sum", 2)):
        np.testing.assert_allclose(full[result]["GABA"], factor * half[result]["GABA"], atol=1e-12)


def test_edited_gaba_is_a_pseudo_doublet():
    ppm, real = spectrum(mega("GABA")["difference"], "GABA", factor=4)
    inside = np.flatnonzero((ppm > 2.85) & (ppm < 3.15))
    tops = [i for i in inside if real[i] > max(real[i - 1], real[i + 1]) and real[i] > 0.1 * real[inside].max()]
    np.testing.assert_allclose(sorted(ppm[tops]), [2.957, 3.014, 3.073], atol=0.001)
    heights = real[tops] / real[inside].max()
    np.testing.assert_allclose(heights[np.argsort(ppm[tops])], [1.0, 0.17, 0.92], atol=0.01)


GAUSSIAN = [
    ("GABA", (2.8, 3.2), 0.492),
    ("GABA_Govindaraju", (2.8, 3.2), 0.485),
    ("Glu", (3.6, 3.9), 0.398),
    ("Gln", (3.6, 3.9), 0.405),
    ("NAA", (1.9, 2.1), -0.499),
    pytest.param("Lys", (2.90, 3.15), 0.437, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "band", "expected"), GAUSSIAN)
def test_mega_press_with_gaussian_pulses_edits_a_little_less(name, band, expected):
    edit = pulse("gaussian", duration_s=0.014)
    # stated width 110 Hz, to the nearest ten
    assert edit.inversion_fwhm_hz == pytest.approx(110.0, abs=5.0)
    difference = mega(name, editing=edit)["difference"]
    assert share(name, band, difference) == pytest.approx(expected, abs=DIGITS)


def test_macromolecule_suppression_leaves_gaba_and_removes_lysine():
    # OFF at 1.5 ppm inverts what ON at 1.9 ppm inverts of lysine's neighbours alike
    edit = pulse("gaussian", duration_s=0.020)
    basis = mega("GABA", echo_time_s=0.080, edit_off_ppm=1.5, editing=edit)
    assert 0.3 < share("GABA", (2.8, 3.2), basis["difference"]) < 0.5


def test_mega_semi_laser_edits_gaba_whatever_its_times():
    for times in (None, (0.004, 0.006, 0.024, 0.034)):
        basis = simulate_basis("mega-slaser", echo_time_s=0.068, echo_times_s=times, metabolites=["GABA"], **HEADER)
        # 0.5 if all coupling were weak; the rest is strong coupling between echoes
        assert share("GABA", (2.8, 3.2), basis["difference"]) == pytest.approx(0.5, abs=0.05)


def left_of_creatine(basis):
    return float(np.abs(basis["difference"]["Cr"]).max() / np.abs(basis["off"]["Cr"]).max())


@pytest.mark.parametrize(("echo_s", "pulse_s"), [(0.060, 0.016), (0.068, 0.008), (0.068, 0.012), (0.080, 0.014)])
def test_mega_semi_laser_edits_gaba_and_leaves_creatine_as_mega_press_does(echo_s, pulse_s):
    scan = {"echo_time_s": echo_s, "editing": pulse("gaussian", duration_s=pulse_s), "metabolites": ["GABA", "Cr"]}
    press, laser = (simulate_basis(name, **scan, **HEADER) for name in ("mega-press", "mega-slaser"))
    # an uncoupled spin feels the pulses' flip alone, which is that of MEGA-PRESS: 14 % at 8 ms, 0.04 % at 16 ms
    assert left_of_creatine(laser) == pytest.approx(left_of_creatine(press), abs=1e-6)
    one, two = (share("GABA", (2.8, 3.2), basis["difference"]) for basis in (press, laser))
    # strong coupling between other pulses: 7 % less at 60 ms, 1 % at 68 ms, 2 % at 80 ms
    assert two == pytest.approx(one, rel=0.08 if echo_s == 0.060 else 0.03)


def test_an_even_number_of_pulses_between_editing_pulses_leaves_creatine():
    scan = {"echo_time_s": 0.068, "editing": pulse("gaussian", duration_s=0.012), "metabolites": ["Cr"]}
    equal = {"echo_times_s": (0.017,) * 4}
    with pytest.raises(InputError, match="an even number of refocusing pulses"):
        simulate_basis("mega-slaser", **scan, **equal, **HEADER)
    # given times are taken as they are
    even = simulate_basis("mega-slaser", **scan, **equal, edit_times_s=(0.017, 0.051), **HEADER)
    odd = simulate_basis("mega-slaser", **scan, **HEADER)
    assert left_of_creatine(even) > 5 * left_of_creatine(odd)


@pytest.mark.parametrize(
    ("echo_s", "editing_s", "refocusing_s"), [(0.060, 0.016, 0.0032), (0.068, 0.016, 0.0054), (0.080, 0.016, 0.0064)]
)
def test_default_times_of_mega_semi_laser_hold_long_pulses(echo_s, editing_s, refocusing_s):
    shaped = pulse("gaussian", duration_s=refocusing_s)
    sequence = make_sequence("mega-slaser", {
        "echo_time_s": echo_s, "editing": pulse("gaussian", duration_s=editing_s), "refocusing_1": shaped, "refocusing_2": shaped,
    })  # fmt: skip
    for condition in ("on", "off"):
        delays = [event.duration_s for event in timed_events(sequence.events(condition)) if isinstance(event, Delay)]
        assert len(delays) == 7
        assert sum(delays) == pytest.approx(echo_s - 2 * editing_s - 4 * refocusing_s, abs=1e-12)


@pytest.mark.parametrize("name", ["mega-press", "mega-slaser", "hermes"])
@pytest.mark.parametrize("echo_s", [0.060, 0.068, 0.080])
def test_default_sequences_refocus_shift_and_what_editing_pulses_turn_uncoupled_spins_by(name, echo_s):
    sequence = make_sequence(name, {"echo_time_s": echo_s})
    shift, turned, order = 0.0, [], 0
    for event in sequence.events(sequence.conditions[0]):
        if isinstance(event, Delay):
            shift += order * event.duration_s
        elif isinstance(event, Filter):
            order = event.order
        elif isinstance(event, RF) and event.carrier_ppm is None and getattr(event.pulse, "bands_ppm", None):
            turned.append(order)
    assert shift == pytest.approx(0.0, abs=1e-12)
    assert sorted(turned) == [-1, 1]


@pytest.mark.parametrize("train", [(0.0068, 0.00408, 0.05032, 0.0068), (0.004, 0.006, 0.024, 0.034), (0.014, 0.054)])
def test_chosen_editing_times_turn_uncoupled_spins_by_nothing_and_refocus_coupling(train):
    (first, second), widest = clear_edit_times(train)
    total = sum(train)
    centres = [sum(train[:k]) + time / 2 for k, time in enumerate(train)]

    def order(at):
        return (-1) ** sum(centre < at for centre in centres)

    assert order(first) == -order(second)
    assert second - first == pytest.approx(total / 2, abs=1e-9)
    rooms = [
        min(abs(at - edge) for edge in (0.0, total, *centres) for at in pair) for pair in ((first, second), widest)
    ]
    assert 0.0 < rooms[0] <= rooms[1]


def test_hermes_separates_gaba_and_glutathione():
    basis = simulate_basis("hermes", metabolites=["GABA", "GSH", "Cr"], **HEADER)
    assert set(basis) == {"a", "b", "c", "d", "difference_gaba", "difference_gsh", "sum"}
    # ideal bands do not touch the other molecule
    assert basis["difference_gaba"].names == ("GABA",)
    assert basis["difference_gsh"].names == ("GSH",)
    alone = mega("GABA", echo_time_s=0.080)["difference"]
    np.testing.assert_allclose(basis["difference_gaba"]["GABA"], alone["GABA"], atol=1e-12)
    assert share("GSH", (2.85, 3.05), basis["difference_gsh"]) > 0.25
    np.testing.assert_allclose(
        basis["difference_gaba"]["GABA"],
        sum(s * basis[k]["GABA"] for k, s in zip("abcd", (1, 1, -1, -1), strict=True)) / 4,
        atol=1e-12,
    )
    full = simulate_basis("hermes", metabolites=["GABA"], difference="full", **HEADER)
    np.testing.assert_allclose(full["difference_gaba"]["GABA"], 2 * alone["GABA"], atol=1e-12)


def test_singlets_keep_their_protons_in_every_sequence():
    times = {
        "spin-echo": {"echo_time_s": 0.03}, "press": {"echo_time_s": 0.03, "te1_s": 0.012}, "laser": {"echo_time_s": 0.04},
        "semi-laser": {"echo_time_s": 0.03}, "steam": {"echo_time_s": 0.02, "mixing_time_s": 0.01},
    }  # fmt: skip
    for name, options in times.items():
        basis = simulate_basis(name, metabolites=["Cr", "sIns"], **options, **HEADER)
        left = 0.5 if name == "steam" else 1.0
        np.testing.assert_allclose(basis.fids[:, 0], left * np.array([5.0, 6.0]), atol=1e-9)


def test_steam_depends_on_tm_through_zero_quantum_coherence_alone():
    short, long = (
        simulate_basis("steam", echo_time_s=0.02, mixing_time_s=tm, metabolites=["NAA", "Cr"], **HEADER)
        for tm in (0.010, 0.017)
    )
    np.testing.assert_allclose(short["Cr"], long["Cr"], atol=1e-9)
    assert np.abs(short["NAA"] - long["NAA"]).max() > 0.02


def test_short_spacing_holds_back_j_evolution():
    # the methyl doublet of lactate is weakly coupled and does not care, glutamate does
    press, laser = (
        simulate_basis(name, echo_time_s=0.068, metabolites=["Glu", "Lac"], **HEADER) for name in ("press", "laser")
    )
    assert share("Glu", (2.2, 2.5), laser) > share("Glu", (2.2, 2.5), press) + 0.1


def test_inversion_recovery_nulls_by_t1():
    null = {"inversion_times_s": 0.9, "echo_time_s": 0.03}
    names = ["Cr", "NAA"]
    plain = simulate_basis("inversion-recovery", metabolites=names, **null, **HEADER)
    upright = simulate_basis("press", echo_time_s=0.03, metabolites=names, **HEADER)
    np.testing.assert_allclose(plain.fids, -upright.fids, atol=1e-9)
    t1 = {"NAA": 0.9 / np.log(2.0), "Cr": 1.2, "Cr/CH2": 0.8}
    relaxed = simulate_basis("inversion-recovery", metabolites=names, t1_s=t1, **null, **HEADER)
    # nulled altogether, and a basis holds no element without signal
    assert relaxed.names == ("Cr",)
    left = 3 * (1 - 2 * np.exp(-0.9 / 1.2)) + 2 * (1 - 2 * np.exp(-0.9 / 0.8))
    assert relaxed["Cr"][0] == pytest.approx(left, abs=1e-9)
    double = simulate_basis(
        "inversion-recovery", readout="steam", inversion_times_s=(2.0, 0.6), echo_time_s=0.02, mixing_time_s=0.01,
        metabolites=["Gly"], t1_s={"Gly": 1.0}, **HEADER,
    )  # fmt: skip
    first = 1 - 2 * np.exp(-2.0)
    assert double["Gly"][0] == pytest.approx(0.5 * 2 * (1 - (1 + first) * np.exp(-0.6)), abs=1e-9)
