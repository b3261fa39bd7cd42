import json

import pytest

from neurochem.cli import demo
from neurochem.cli.main import main
from neurochem.errors import InputError
from neurochem.study.derivatives import read_rows
from neurochem.study.scoring import score_markers


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demo of three people, and what it printed."""
    import contextlib
    import io

    folder = tmp_path_factory.mktemp("demo") / "demo"
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
        assert main(["demo", str(folder), "--participants", "3", "--workers", "2"]) == 0
    return folder, printed.getvalue()


def test_the_demo_prints_estimates_beside_truth_and_where_the_pages_are(made):
    folder, printed = made
    assert "Estimates beside truth" in printed
    assert "within 3 standard errors of truth; 0 failed" in printed
    assert "planted effect" in printed
    assert str(folder / "results" / "index.html") in printed


def test_every_marker_of_the_demo_is_scored_and_near_its_truth(made):
    folder, _ = made
    scores = score_markers(folder / "bids", folder / "results")
    assert sum(score.scans for score in scores) == len(read_rows(folder / "results" / "markers.tsv"))
    assert {score.usable for score in scores} == {6}
    for score in scores:
        # three standard errors of one scan; the bias of the mean of six must be smaller
        assert abs(score.bias) < 3 * score.mean_stderr, score
    within, usable = (sum(getattr(score, name) for score in scores) for name in ("within", "usable"))
    # 99 % are promised for many scans; of these 72 at most two may lie outside
    assert within >= usable - 2


def test_every_scan_of_the_demo_has_a_page_that_the_study_page_links(made):
    folder, _ = made
    page = (folder / "results" / "index.html").read_text()
    pages = [path.relative_to(folder / "results").as_posix() for path in (folder / "results").rglob("sub-*.html")]
    assert len(pages) == 12
    assert all(f'href="{name}"' in page for name in pages)
    assert max((folder / "results" / name).stat().st_size for name in pages) < 500_000


def test_a_demo_is_replaced_only_when_asked(made):
    folder, _ = made
    with pytest.raises(InputError, match="--overwrite"):
        demo.prepare_folder(folder, overwrite=False)


def test_replacing_a_demo_removes_what_the_demo_made_and_nothing_else(tmp_path):
    for name in ("bids", "results"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").touch()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / demo.STAMP).write_text(json.dumps({}))
    demo.prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_that_holds_something_else_is_never_touched(tmp_path, overwrite, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(["demo", str(tmp_path), *(["--overwrite"] if overwrite else [])]) == 2
    assert "not an empty folder or an earlier demo" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
