"""The public entry: conventions, line positions, names, errors and the cache."""

import concurrent.futures
import os

import numpy as np
import pytest

from neurochem.errors import InputError, UnknownNameError
from neurochem.mrs.basis import Basis
from neurochem.mrs.sequences import SEQUENCES, make_sequence
from neurochem.mrs.simulate_basis import EditedBasis, sequences, simulate_basis, simulate_lines
from neurochem.mrs.spins import DEFAULT_METABOLITES, spin_systems

HEADER = {"larmor_mhz": 127.73, "dwell_s": 1 / 4000, "points": 2048}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("NEUROCHEM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lines"


def press(names=("Cr", "Lac"), **options):
    return simulate_basis("press", **{"echo_time_s": 0.03, "metabolites": list(names), **HEADER, **options})


def test_the_first_point_at_excitation_is_the_number_of_protons():
    basis = simulate_basis("pulse-acquire", metabolites=list(spin_systems()), **HEADER)
    expected = [molecule.proton_count for molecule in spin_systems().values()]
    # lines dropped as negligible may add up to 1e-10 of the whole
    np.testing.assert_allclose(basis.fids[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_j_evolution_is_never_scaled_away():
    basis = press(echo_time_s=0.041)
    turned = np.cos(np.pi * 6.933 * 0.041)
    # 2.13 of four protons by first-order evolution; strong coupling at 3 T moves it by a tenth, at 7 T hardly
    assert basis["Lac"][0].real == pytest.approx(3 * turned + turned**3, abs=0.15)
    assert press(echo_time_s=0.041, larmor_mhz=297.2)["Lac"][0].real == pytest.approx(3 * turned + turned**3, abs=0.01)
    assert basis["Cr"][0] == pytest.approx(5.0, abs=1e-9)
    assert basis.proton_amplitude == 1.0


# centres of multiplets and singlets, protons; lines within 0.15 ppm of them
POSITIONS = {
    "NAA": {2.008: 3, 2.6727: 1, 2.4863: 1, 4.3817: 1},
    "Cr": {3.027: 3, 3.913: 2},
    "Lac": {1.3142: 3, 4.0974: 1},
    "GABA": {1.888: 2, 2.284: 2, 3.013: 2},
    "sIns": {3.340: 6},
    "Gly": {3.548: 2},
}


@pytest.mark.parametrize("name", POSITIONS)
def test_lines_lie_where_the_shifts_say(name):
    lines = simulate_lines("pulse-acquire", larmor_mhz=127.73, metabolites=[name])[name]
    nearest = np.argmin(np.abs(lines.ppm[:, None] - np.array(list(POSITIONS[name]))), axis=1)
    for index, (shift, protons) in enumerate(POSITIONS[name].items()):
        weight = lines.amplitude.real[nearest == index]
        # strong coupling moves intensity between the two CH2 protons of NAA, and with it the mean by 0.015 ppm
        assert weight.sum() == pytest.approx(protons, rel=0.1)
        assert np.average(lines.ppm[nearest == index], weights=weight) == pytest.approx(shift, abs=0.02)


def test_strong_coupling_conserves_the_mean_shift_of_a_molecule():
    for name in ("GABA", "Glu", "Ins", "NAA", "Tau"):
        lines = simulate_lines("pulse-acquire", larmor_mhz=127.73, metabolites=[name])[name]
        groups = [g for part in spin_systems()[name].parts for g in part.groups if not g.exchangeable]
        mean = np.average([g.ppm for g in groups], weights=[g.protons for g in groups])
        assert np.average(lines.ppm, weights=lines.amplitude.real) == pytest.approx(mean, abs=1e-7)


def test_lactate_is_a_doublet_and_a_quartet():
    lines = simulate_lines("pulse-acquire", larmor_mhz=127.73, metabolites=["Lac"])["Lac"]

    def centres(low, high):
        inside = (lines.ppm > low) & (lines.ppm < high)
        hertz = (lines.ppm * 127.73)[inside]
        names = np.round(hertz - hertz.min()) // 5
        weights = lines.amplitude.real[inside]
        found = [
            (np.average(hertz[names == n], weights=weights[names == n]), weights[names == n].sum()) for n in set(names)
        ]
        return np.array(sorted(found))

    doublet, quartet = centres(1.2, 1.4), centres(4.0, 4.2)
    np.testing.assert_allclose(np.diff(doublet[:, 0]), 6.933, atol=0.2)
    np.testing.assert_allclose(doublet[:, 1], [1.5, 1.5], atol=0.1)
    np.testing.assert_allclose(np.diff(quartet[:, 0]), [6.933] * 3, atol=0.2)
    np.testing.assert_allclose(quartet[:, 1], np.array([1, 3, 3, 1]) / 8, atol=0.03)


def test_a_shift_above_the_reference_has_negative_frequency():
    basis = press(["Cr", "NAA"], points=8192, linewidth_hz=2.0)
    real = np.fft.fftshift(np.fft.fft(basis.fids, axis=1), axes=1).real
    assert basis.ppm[real[0].argmax()] == pytest.approx(3.027, abs=0.004)
    assert basis.ppm[real[1].argmax()] == pytest.approx(2.008, abs=0.004)
    assert basis.ppm[0] > basis.ppm[-1]


def test_width_sampling_and_reference_are_free():
    plain = press()
    wide = press(linewidth_hz=3.0)
    np.testing.assert_allclose(wide.fids, plain.fids * np.exp(-np.pi * 3.0 * plain.time_s), atol=1e-12)
    np.testing.assert_allclose(press(dwell_s=1 / 2000, points=1024).fids, plain.fids[:, ::2], atol=1e-10)
    moved = press(reference_ppm=4.70)
    turn = np.exp(2j * np.pi * 0.05 * 127.73 * plain.time_s)
    np.testing.assert_allclose(moved.fids, plain.fids * turn, atol=1e-10)
    assert (moved.reference_ppm, moved.echo_time_s, moved.larmor_mhz) == (4.70, 0.03, 127.73)


def test_names_are_kept_as_given_and_twenty_come_by_default():
    assert press(["mI", "tau"]).names == ("mI", "tau")
    assert simulate_basis("press", echo_time_s=0.03, **HEADER).names == DEFAULT_METABOLITES
    assert len(DEFAULT_METABOLITES) == 20


def test_exchangeable_protons_are_dropped_unless_asked_for():
    with_nh = simulate_basis("pulse-acquire", metabolites=["NAA"], exchangeable=True, **HEADER)
    assert with_nh["NAA"][0] == pytest.approx(7.0, abs=1e-8)


def test_a_molecule_of_exchangeable_protons_alone_says_so(tmp_path):
    own = tmp_path / "own.toml"
    own.write_text('[NH]\ngroups = [{ name = "x", ppm = 6.0, exchangeable = true }]\n')
    with pytest.raises(InputError, match="exchangeable=True"):
        press(["NH"], systems=own)
    assert press(["NH"], systems=own, exchangeable=True)["NH"][0] == pytest.approx(1.0, abs=1e-9)


def test_room_temperature_and_own_systems_reach_the_spectrum(tmp_path):
    warm, cold = press(["Glu"]), press(["Glu"], room_temperature=True)
    assert np.abs(warm.fids - cold.fids).max() > 0.1
    own = tmp_path / "own.toml"
    own.write_text('[Mine]\ngroups = [{ name = "x", ppm = 2.5, protons = 4 }]\n')
    assert press(["Mine", "Cr"], systems=own)["Mine"][0] == pytest.approx(4.0, abs=1e-9)


def test_the_edited_answer_has_one_basis_a_result():
    edited = simulate_basis("mega-press", echo_time_s=0.068, metabolites=["GABA", "Cr", "NAA"], **HEADER)
    assert isinstance(edited, EditedBasis)
    assert tuple(edited) == ("on", "off", "difference", "sum")
    assert edited.difference is edited["difference"]
    # creatine cancels exactly and is left out; a basis may not hold an element without signal
    assert edited.difference.names == ("GABA", "NAA")
    assert edited.on.names == ("GABA", "Cr", "NAA")
    np.testing.assert_allclose(edited.difference["GABA"], (edited.on["GABA"] - edited.off["GABA"]) / 2, atol=1e-12)
    np.testing.assert_allclose(edited.sum["NAA"], (edited.on["NAA"] + edited.off["NAA"]) / 2, atol=1e-12)
    assert edited.off.sequence == "mega-press off"
    with pytest.raises(UnknownNameError, match="difference"):
        edited["diff"]
    with pytest.raises(AttributeError, match="on, off, difference, sum"):
        edited.diff  # noqa: B018 - the look-up itself fails


def test_lines_of_an_edited_sequence_need_a_condition():
    options = {"echo_time_s": 0.068, "larmor_mhz": 127.73, "metabolites": ["GABA"]}
    with pytest.raises(InputError, match=r"condition is missing.*on, off, difference, sum"):
        simulate_lines("mega-press", **options)
    lines = simulate_lines("mega-press", condition="difference", **options)["GABA"]
    basis = simulate_basis("mega-press", echo_time_s=0.068, metabolites=["GABA"], **HEADER)
    np.testing.assert_allclose(lines.fid(dwell_s=1 / 4000, points=2048), basis.difference["GABA"], atol=1e-8)
    with pytest.raises(UnknownNameError, match="condition of the sequence"):
        simulate_lines("press", condition="on", **{**options, "echo_time_s": 0.03})


def test_every_sequence_is_registered_with_a_reference_and_aliases_work():
    assert {
        "pulse-acquire", "spin-echo", "press", "steam", "laser", "semi-laser", "mega-press", "mega-slaser", "hermes",
        "inversion-recovery",
    } == set(sequences())  # fmt: skip
    assert all(entry.reference for entry in SEQUENCES)
    assert type(make_sequence("sLASER", {"echo_time_s": 0.03})) is type(
        make_sequence("semi_laser", {"echo_time_s": 0.03})
    )


@pytest.mark.parametrize(
    ("sequence", "options", "told"),
    [
        ("pres", {}, "did you mean 'press'"),
        ("press", {}, "echo_time_s is missing"),
        ("press", {"echo_time_s": 30}, "seconds, not milliseconds"),
        ("press", {"echo_time_s": 0.03, "te1_s": 0.04}, "te1_s is 0.04.*between 0 and 0.03"),
        ("press", {"echo_time_s": 0.03, "tm_s": 0.01}, "unknown option of the sequence press 'tm_s'"),
        ("press", {"echo_time_s": float("nan")}, "echo_time_s is nan"),
        ("steam", {"echo_time_s": 0.02}, "mixing_time_s is missing"),
        ("semi-laser", {"echo_time_s": 0.03, "echo_times_s": (0.01, 0.02)}, "4 times that add up"),
        ("laser", {"echo_time_s": 0.03, "echo_times_s": (0.01,) * 6}, "adds up to 0.06"),
        ("mega-press", {"echo_time_s": 0.03}, "editing pulses at 21, 36 ms"),
        ("mega-press", {"echo_time_s": 0.068, "difference": "third"}, "Available: half, full"),
        ("mega-press", {"echo_time_s": 0.068, "edit_width_ppm": 0.0}, "edit_width_ppm is 0.0"),
        ("inversion-recovery", {"echo_time_s": 0.03}, "inversion_times_s is missing"),
        ("inversion-recovery", {"inversion_times_s": 900, "echo_time_s": 0.03}, "inversion_times_s is 900"),
        ("press", {"echo_time_s": 0.03, "t1_s": {"Cr": 1.3}}, "no inversion"),
        ("press", {"echo_time_s": 0.03, "nucleus": "31P"}, "only '1H'"),
        ("press", {"echo_time_s": 0.03, "metabolites": "Cr"}, "list of names"),
        ("press", {"echo_time_s": 0.03, "metabolites": []}, "list of names"),
        ("press", {"echo_time_s": 0.03, "metabolites": ["Crr"]}, "unknown metabolite 'Crr'"),
        ("press", {"echo_time_s": 0.03, "points": 0}, "points is 0"),
        ("press", {"echo_time_s": 0.03, "linewidth_hz": -1.0}, "linewidth_hz is -1"),
        ("press", {"echo_time_s": 0.03, "larmor_mhz": 127.73e6}, "Give MHz, not Hz"),
        ("press", {"echo_time_s": 0.03, "dwell_s": 0.25}, "seconds, not milliseconds"),
        ("press", {"echo_time_s": 0.03, "dwell_s": 1 / 400}, "Cr: a line at 3.0.. ppm lies outside the band"),
    ],
)
def test_what_cannot_be_is_refused_by_name(sequence, options, told):
    with pytest.raises((InputError, UnknownNameError), match=told):
        simulate_basis(sequence, **{"metabolites": ["Cr"], **HEADER, **options})


def test_options_beside_a_finished_sequence_are_refused():
    made = make_sequence("press", {"echo_time_s": 0.03})
    assert isinstance(simulate_basis(made, metabolites=["Cr"], **HEADER), Basis)
    with pytest.raises(InputError, match="te1_s given beside a sequence"):
        simulate_basis(made, te1_s=0.01, metabolites=["Cr"], **HEADER)


def test_the_second_call_reads_what_the_first_wrote(folder):
    first = press()
    files = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(files) == 2
    second = press()
    assert first.fids.tobytes() == second.fids.tobytes()
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == files


def test_the_key_follows_the_content_and_not_the_name(folder, tmp_path):
    press(["Cr"])
    press(["creatine"], dwell_s=1 / 2000, linewidth_hz=2.0, reference_ppm=4.7)
    assert len(list(folder.iterdir())) == 1
    own = tmp_path / "own.toml"
    own.write_text('[Cr]\ngroups = [{ name = "x", ppm = 3.02, protons = 3 }]\n')
    press(["Cr"], systems=own)
    press(["Cr"], te1_s=0.0100001)
    press(["Cr"], larmor_mhz=127.731)
    press(["Cr"], exchangeable=True)
    assert len(list(folder.iterdir())) == 5


@pytest.mark.parametrize("damage", ["empty", "cut", "flipped", "text", "shape"])
def test_a_damaged_file_is_made_anew(folder, damage):
    first = press(["Lac"])
    (path,) = folder.iterdir()
    content = path.read_bytes()
    if damage == "shape":
        np.savez(path, condition_0=np.zeros((2, 5)))
    else:
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 0xFF]) + content[middle + 1 :]
        path.write_bytes({"empty": b"", "cut": content[:middle], "flipped": flipped, "text": b"lines"}[damage])
    assert press(["Lac"]).fids.tobytes() == first.fids.tobytes()
    assert len(path.read_bytes()) == len(content)


def test_without_cache_nothing_is_written_or_read(folder):
    press(cache=False)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(folder):
    folder.parent.write_text("a file where the folder should be")
    assert press()["Cr"][0] == pytest.approx(5.0, abs=1e-9)


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "HOME"])
def test_the_cache_lies_where_the_platform_keeps_caches(tmp_path, monkeypatch, variable):
    if variable == "HOME" and os.name != "posix":
        pytest.skip("the home folder is not HOME here")
    monkeypatch.delenv("NEUROCHEM_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(variable, str(tmp_path / "home"))
    press(["Cr"])
    assert len(list((tmp_path / "home").rglob("neurochem/lines/*.npz"))) == 1


def test_writers_at_once_leave_whole_files(folder):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: press(["Lac", "Glu"]).fids.tobytes(), range(8)))
    assert len(set(made)) == 1
    assert len(list(folder.iterdir())) == 2


def test_nothing_is_printed_where_there_is_no_terminal(capsys):
    press()
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""
