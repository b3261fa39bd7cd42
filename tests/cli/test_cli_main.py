import os
import resource
import subprocess
import sys

import pytest

import neurochem
from neurochem.cli import main as cli
from neurochem.cli.show import table
from neurochem.errors import InputError


def run_python(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False, timeout=60, **options)  # noqa: S603, RUF100 - our own interpreter


def test_importing_the_package_loads_the_standard_library_alone():
    code = "import sys, neurochem; print(*sorted({n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names))"
    loaded = set(run_python("-c", code).stdout.split())
    # what site-packages start with every interpreter (editable installs) is not ours
    before = set(run_python("-c", code.replace(", neurochem", "")).stdout.split())
    assert loaded - before == {"neurochem"}


def test_help_is_quick_and_loads_no_numerics():
    code = (
        "import sys; sys.argv = ['neurochem', '--help']; from neurochem.cli.main import main\n"
        "try: main()\nexcept SystemExit: print('numpy' in sys.modules, 'pandas' in sys.modules)"
    )
    run_python("-c", code)  # compiles what is not compiled yet
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = run_python("-c", code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert result.stdout.rstrip().endswith("False False"), result
    # the promise is 0.3 s of CPU, measured at a third of it on a slow core
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert f"usage: neurochem {command}" in text
    assert cli.COMMANDS[command][1].partition(";")[0].lower()[:12] in text.lower()


@pytest.mark.parametrize("words", [["--version"], ["run", "--version"]])
def test_the_version_is_printed(words, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"neurochem {neurochem.__version__}\n"


class Fake:
    """A command that ends as told."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def add_arguments(self, parser) -> None:
        pass

    def run(self, arguments) -> int:
        raise self.error


def test_an_interruption_is_130_without_a_traceback(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_module", lambda _: Fake(KeyboardInterrupt()))
    assert cli.main(["validate"]) == 130
    assert capsys.readouterr().err == "neurochem: interrupted\n"


def test_a_message_of_several_problems_is_one_line_each(monkeypatch, capsys):
    monkeypatch.setattr(cli, "_module", lambda _: Fake(InputError("first\nsecond")))
    assert cli.main(["validate"]) == 2
    assert capsys.readouterr().err == "neurochem: error: first\nneurochem: error: second\n"


def test_debug_shows_where_an_error_came_from(monkeypatch):
    monkeypatch.setattr(cli, "_module", lambda _: Fake(InputError("x")))
    with pytest.raises(InputError):
        cli.main(["validate", "--debug"])


def test_an_error_that_is_not_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli, "_module", lambda _: Fake(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["validate"])


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    process = subprocess.run(  # noqa: S603, RUF100 - our own interpreter
        [sys.executable, "-m", "neurochem.cli", "pet", "models"],
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(write)
    assert (process.returncode, process.stderr) == (0, b"")


def test_threads_of_linear_algebra_are_the_users_choice(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "4")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert (os.environ["OPENBLAS_NUM_THREADS"], os.environ["OMP_NUM_THREADS"]) == ("4", "1")


def test_a_table_lines_up_words_left_and_numbers_right():
    assert table(["a", "bb"], [["long", "1"], ["x", "22"]]) == "a     bb\nlong   1\nx     22"
