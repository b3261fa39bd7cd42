import pytest

from neurochem import phantoms
from neurochem.cli.main import main


@pytest.mark.parametrize(("value", "code"), [(0.1, 0), (9.0, 1)])
def test_the_exit_code_says_whether_every_check_passed(value, code, monkeypatch, capsys):
    report = phantoms.ValidationReport((phantoms.Check("BPND", "largest bias", value, 1.0, "reason"),))
    monkeypatch.setattr(phantoms, "validate", lambda: report)
    assert main(["validate"]) == code
    assert capsys.readouterr().out == f"{report}\n"
