import pytest

from neurochem.errors import ConfigError, MissingFileError
from neurochem.study.config import Config, MarkerChoice, parse_config, read_config


def test_no_file_means_the_defaults(tmp_path):
    config = read_config(tmp_path)
    assert config == Config()
    assert (config.pet.model, config.mrs.ppm, config.response.at) == ("SRTM", (0.2, 4.2), ("baseline", "change"))


def test_the_file_of_the_dataset_is_read_and_another_overrides_it(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "neurochem.toml").write_text('[pet]\nmodel = "MRTM1"\n')
    other = tmp_path / "other.toml"
    other.write_text('[pet]\nreference = "pons"\n')
    assert read_config(tmp_path).pet.model == "MRTM1"
    assert (read_config(tmp_path, other).pet.model, read_config(tmp_path, other).pet.reference) == ("SRTM", "pons")


def test_every_key_of_every_table_is_understood():
    config = parse_config(
        {
            "pet": {
                "model": "MRTM2", "reference": "pons", "regions": ["a"], "parameters": ["BPND"], "segmentation": "s",
                "tacs": "t", "k2prime": 0.06, "t_star_s": 2100, "isotope": "C11",
            },
            "mrs": {"basis": "b", "metabolites": ["Glx"], "tissue": "t", "ppm": [0.5, 4], "relaxation": "x"},
            "response": {
                "outcome": "hamd17", "outcome_type": "response", "baseline_visit": "pre", "endpoint_visit": "post",
                "covariates": [], "at": "baseline", "markers": [{"marker": "BPND", "region": "midbrain"}, {"marker": "Glx"}],
            },
            "run": {"workers": 3, "engine": "serial", "scheduler": "tcp://x:1"},
        }
    )  # fmt: skip
    assert config.pet.t_star_s == 2100.0
    assert config.mrs.ppm == (0.5, 4.0)
    assert config.response.at == ("baseline",)
    assert config.response.markers == (MarkerChoice("BPND", "midbrain"), MarkerChoice("Glx"))
    assert config.run.workers == 3


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[pte]\n", ["table [pte] is unknown", "did you mean 'pet'"]),
        ('[pet]\nmodle = "SRTM"\n', ["[pet] key 'modle' is unknown", "did you mean 'model'", "reference"]),
        ("[pet]\nmodel = 3\n", ["[pet] model = 3", "text in quotes"]),
        ("[pet]\nk2prime = -0.1\n", ["k2prime = -0.1", "positive number"]),
        ("[pet]\nk2prime = true\n", ["k2prime = True", "positive number"]),
        ('[pet]\nregions = "putamen"\n', ["regions = 'putamen'", "list of texts"]),
        ("[mrs]\nppm = [4.2, 0.2]\n", ["ppm = [4.2, 0.2]", "low < high"]),
        ('[response]\noutcome_type = "remision"\n', ["outcome_type = 'remision'", "did you mean 'remission'"]),
        ('[response]\nat = ["week8"]\n', ["at = ['week8']", "baseline, change"]),
        ('[response]\nmarkers = ["BPND"]\n', ["markers = ['BPND']", "marker="]),
        ('[response]\nmarkers = [{marker = "BPND", roi = "x"}]\n', ["roi", "marker and, if wanted, region"]),
        ("[run]\nworkers = 0\n", ["workers = 0", "1 or more"]),
        ('[run]\nengine = "threads"\n', ["engine = 'threads'", "processes, serial, dask"]),
        ("run = 3\n", ["run is 3", "written [run]"]),
        ("[pet\n", ["not valid TOML"]),
    ],
)
def test_a_mistake_is_named_with_file_table_key_and_what_is_allowed(tmp_path, text, parts):
    file = tmp_path / "x.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path, file)
    message = str(caught.value)
    for part in [str(file), *parts]:
        assert part in message
    assert "\n" not in message


def test_a_file_that_was_named_must_exist(tmp_path):
    with pytest.raises(MissingFileError, match=r"absent\.toml: no such file"):
        read_config(tmp_path, tmp_path / "absent.toml")


def test_the_record_of_a_configuration_does_not_depend_on_the_workers():
    assert parse_config({"run": {"workers": 7}}).record() == Config().record()
