"""The tables [mrs] and [mrs.edited]: what is understood, and what excludes what."""

import pytest

from neurochem.errors import ConfigError
from neurochem.study.config import parse_config
from neurochem.study.mrs_config import check_mrs_config


def test_every_key_of_spectroscopy_is_understood():
    edited = {
        "basis": "b", "sequence": "mega-slaser", "te1_s": 0.01, "edit_on_ppm": 1.9, "edit_off_ppm": 1.5,
        "edit_pulse_s": 0.02, "simulated": ["GABA"], "target": "GSH", "method": "peaks", "macromolecules": "free",
        "split": "blocked", "order": ["off", "on"], "metabolites": ["GABA+"], "ppm": [1, 4],
    }  # fmt: skip
    given = {"tissue_maps": ["derivatives/x"], "anatomical": False, "nulled": "acq-nulled", "edited": edited}
    found = parse_config({"mrs": given}).mrs
    assert (found.tissue_maps, found.anatomical, found.nulled_entity) == (("derivatives/x",), False, ("acq", "nulled"))
    assert {key: list(v) if isinstance(v := getattr(found.edited, key), tuple) else v for key in edited} == edited
    assert parse_config({"mrs": {"nulled": "group/mm-nulled.nii.gz"}}).mrs.nulled_entity is None


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({"editd": {}}, ["[mrs] key 'editd' is unknown", "did you mean 'edited'"]),
        ({"edited": {"traget": "GABA"}}, ["[mrs.edited] key 'traget' is unknown", "did you mean 'target'"]),
        ({"edited": {"target": "GABBA"}}, ["[mrs.edited] target = 'GABBA'", "one of GABA, GSH", "did you mean 'GABA'"]),
        ({"edited": 3}, ["mrs.edited is 3", "written [mrs.edited]"]),
        ({"tissue_maps": "x"}, ["tissue_maps = 'x'", "list of texts"]),
        ({"edited": {"edit_pulse_s": -1}}, ["edit_pulse_s = -1", "positive"]),
    ],
)
def test_a_mistake_names_table_key_and_what_is_allowed(table, parts):
    with pytest.raises(ConfigError) as caught:
        parse_config({"mrs": table})
    assert all(part in str(caught.value) for part in parts), caught.value


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({"tissue": "t.tsv", "tissue_maps": ["."]}, ["tissue = 't.tsv'", "tissue_maps", "Leave one of them out"]),
        (
            {"edited": {"basis": "m.BASIS", "te1_s": 0.01}},
            ["basis = 'm.BASIS'", "te1_s = 0.01", "Leave one of them out"],
        ),
        ({"edited": {"method": "peaks", "target": "GSH"}}, ["method = 'peaks'", "target = 'GSH'", 'method = "basis"']),
    ],
)
def test_choices_that_exclude_each_other_are_named(table, parts):
    with pytest.raises(ConfigError) as caught:
        check_mrs_config(parse_config({"mrs": table}).mrs)
    assert all(part in str(caught.value) for part in parts), caught.value
