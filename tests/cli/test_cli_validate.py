import pytest

from neurochem import phantoms
from neurochem.cli.main import main


@pytest.mark.parametrize(("value", "code"), [(0.1, 0), (9.0, 1)])
def test_the_exit_code_says_whether_every_check_passed(value, code, monkeypatch, capsys):
    report = phantoms.ValidationReport((phantoms.Check("BPND", "largest bias", value, 1.0, "reason"),))
    monkeypatch.setattr(phantoms, "validate", lambda **_: report)
    assert main(["validate"]) == code
    assert capsys.readouterr().out == f"{report}\n"


def test_remake_writes_the_reference_objects_of_this_version(tmp_path, capsys):
    assert main(["validate", "--remake", str(tmp_path / "objects")]) == 0
    assert "their sums are those of this version" in capsys.readouterr().out
    assert (tmp_path / "objects" / "checksums.json").is_file()
    assert main(["validate", "--replicates", "1"]) == 2
    assert "--replicates is 1; give 2 or more" in capsys.readouterr().err
