import numpy as np
import pytest
from small_study import edit, small_study

from neurochem.errors import InputError, UnknownNameError
from neurochem.response import missingness


@pytest.fixture
def cohort(tmp_path):
    study = small_study(np.random.default_rng(2), patients=20)
    edit(study.madrs, 1, score="n/a")  # the first patient, placebo, at week 8
    edit(study.markers, 0, value="n/a", se="n/a", qc="failed")
    edit(study.markers, 4, value="n/a", se="n/a", qc="not_acquired")
    return study.read(tmp_path)


def test_gaps_are_counted_by_measure_visit_and_group_with_their_reasons(cohort):
    table = missingness(cohort).set_index(["measure", "visit", "by", "level"]).sort_index()
    score = table.loc[("madrs", "week8")]
    assert score.loc[("", ""), ["patients", "missing", "percent"]].tolist() == [20, 1, 5.0]
    assert score.loc[("arm", "placebo"), ["patients", "missing"]].tolist() == [10, 1]
    assert score.loc[("arm", "ssri"), "missing"] == 0
    scan = table.loc[("BPND midbrain", "baseline", "", "")]
    assert (scan["missing"], scan["reasons"]) == (2, "failed 1, not acquired 1")
    severity = table.loc[("madrs", "week8", "baseline severity")]
    assert severity["patients"].sum() == 20
    assert severity["missing"].sum() == 1


def test_one_split_or_none_may_be_asked_for(cohort):
    assert set(missingness(cohort, by=[])["by"]) == {""}
    assert set(missingness(cohort, by=["sex"])["by"]) == {"", "sex"}
    with pytest.raises(UnknownNameError, match="'armm'; did you mean 'arm'"):
        missingness(cohort, by=["armm"])
    with pytest.raises(InputError, match="by is 'arm'"):
        missingness(cohort, by="arm")
