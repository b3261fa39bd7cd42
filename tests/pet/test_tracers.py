"""The table of tracers and the analysis it leads to."""

import pytest

from neurochem.errors import InputError, UnknownNameError
from neurochem.pet.model import MODELS
from neurochem.pet.tracers import choose, tracer, tracers

BRAIN = ["cerebellum", "midbrain", "putamen", "frontal cortex"]
NAMES = [row["name"] for row in tracers()]


@pytest.mark.parametrize("name", ["DASB", "dasb", "[11C]DASB", "11C-DASB", "[C-11] dasb", "C11_DASB"])
def test_a_tracer_is_found_with_and_without_its_label(name):
    assert tracer(name).name == "DASB"


def test_aliases_and_hyphens_do_not_matter():
    assert tracer("WAY100635") is tracer("[11C]WAY-100635")
    assert tracer("[11C]-(+)-PHNO").name == "PHNO"
    assert tracer("[18F]FEPE2I").name == "FE-PE2I"


def test_unknown_names_and_wrong_labels_are_told():
    with pytest.raises(UnknownNameError, match="did you mean 'raclopride'"):
        tracer("racloprid")
    with pytest.raises(InputError, match="labelled F18, but DASB in the table is C11"):
        tracer("[18F]DASB")
    with pytest.raises(InputError, match="carries C11"):
        choose("DASB", BRAIN, False, isotope="F18")


@pytest.mark.parametrize("name", NAMES)
def test_every_row_can_be_used(name):
    item = tracer(name)
    assert item.source
    assert item.checked
    assert item.isotope in {"C11", "F18"}
    assert all(model in MODELS for model in (*item.models_reference, *item.models_blood))
    assert bool(item.models_reference) == bool(item.reference_regions)
    assert item.models_blood
    assert item.prefer in {"reference", "blood"}
    assert 0 < item.scan_min[0] <= item.scan_min[1]
    assert all(caveat.text and len(caveat.text) > 10 for caveat in item.caveats)
    assert item.k2prime is None or (0.01 < item.k2prime[0] <= item.k2prime[1] < 0.5 and item.k2prime_source)
    assert item.t_star_min is None or item.t_star_source


@pytest.mark.parametrize("name", NAMES)
def test_every_tracer_gets_an_analysis_with_blood(name):
    item = tracer(name)
    regions = [*BRAIN, "pons", "cerebellar white matter", "centrum semiovale", "occipital cortex"]
    choice = choose(item, regions, True)
    assert choice.model in MODELS
    assert choice.notes


def test_dasb_takes_the_cerebellum_without_vermis_and_white_matter():
    choice = choose("DASB", ["vermis of cerebellum", "cerebellar white matter", "Cerebellum", "putamen"], False)
    assert choice.reference == "Cerebellum"
    grey = choose("DASB", ["Cerebellum", "Cerebellum_gray_matter", "putamen"], False, model="SRTM")
    assert grey.reference == "Cerebellum_gray_matter"
    assert "as given" in grey.notes[0]


def test_a_published_k2prime_is_given_and_flagged_when_the_model_needs_one():
    choice = choose("DASB", BRAIN, False, model="mrtm2")
    assert choice.model == "MRTM2"
    assert choice.options == {"k2prime": pytest.approx(0.063)}
    flag = next(flag for flag in choice.caveats if flag.name == "population_k2prime")
    assert flag.severity == "warning"
    assert "Kim" in flag.message


def test_t_star_goes_only_to_models_that_have_one():
    assert choose("raclopride", BRAIN, False, model="LoganRef").options["t_star_s"] == 1500.0
    assert "t_star_s" not in choose("raclopride", BRAIN, False, model="SRTM").options


def test_raclopride_outside_the_striatum_is_flagged():
    choice = choose("raclopride", BRAIN, False)
    assert choice.reference == "cerebellum"
    assert [flag.severity for flag in choice.regional["frontal cortex"]] == ["warning"]
    assert choice.regional["putamen"] == ()
    assert "cerebellum" not in choice.regional
    assert set(choice.flags("frontal cortex")) > set(choice.caveats)


def test_flb457_is_flagged_inside_the_striatum_only():
    choice = choose("FLB457", BRAIN, False)
    assert choice.regional["putamen"]
    assert choice.regional["frontal cortex"] == ()


def test_blood_is_used_where_it_is_preferred_and_not_asked_for_where_it_is_not():
    with_blood = choose("PBR28", BRAIN, True)
    assert MODELS[with_blood.model].inputs == "plasma"
    assert with_blood.reference is None
    assert MODELS[choose("DASB", BRAIN, True).model].inputs == "reference"
    without = choose("WAY-100635", BRAIN, False)
    assert without.reference == "cerebellum"
    assert "blood input is preferred" in without.notes[0]
    assert "first choice" in without.notes[1]


def test_an_impossible_analysis_says_what_is_missing():
    with pytest.raises(InputError, match="no recommended model of PBR28"):
        choose("PBR28", BRAIN, False)
    with pytest.raises(InputError, match="SRTM needs a reference region"):
        choose("DASB", ["putamen", "midbrain"], False, model="SRTM")
    with pytest.raises(InputError, match="Left-Cerebellum-Cortex, Right-Cerebellum-Cortex"):
        choose("DASB", ["Left-Cerebellum-Cortex", "Right-Cerebellum-Cortex", "putamen"], False)
    with pytest.raises(UnknownNameError, match="unknown region"):
        choose("DASB", BRAIN, False, reference="pons")


def test_a_short_scan_is_flagged():
    names = [flag.name for flag in choose("DASB", BRAIN, False, scan_min=60.0).caveats]
    assert "short_scan" in names
    assert "short_scan" not in [flag.name for flag in choose("DASB", BRAIN, False, scan_min=90.0).caveats]


def test_defaults_is_choose():
    assert tracer("DASB").defaults(BRAIN).reference == choose("DASB", BRAIN, False).reference


def test_a_shared_k2prime_of_the_scan_is_preferred_to_a_published_one():
    choice = choose("DASB", BRAIN, False)
    assert choice.model == "SRTM2"
    assert "k2prime" not in choice.options


def test_a_model_that_needs_a_window_is_not_chosen_unasked():
    with pytest.raises(InputError, match="no recommended model of altanserin"):
        choose("altanserin", BRAIN, False)
    assert choose("altanserin", BRAIN, False, model="Equilibrium").reference == "cerebellum"


def test_a_reference_curve_counts_as_a_reference():
    choice = choose("DASB", ["putamen", "midbrain"], False, reference=[1.0, 2.0])
    assert choice.reference == "reference"
    assert set(choice.regional) == {"putamen", "midbrain"}
