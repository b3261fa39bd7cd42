"""The configuration of a run, read from TOML and checked key by key."""

import difflib
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from neurochem.errors import ConfigError, MissingFileError
from neurochem.study.mrs_config import METHODS, SPLITS, TARGETS, EditedConfig, MrsConfig

CONFIG_FILE = "code/neurochem.toml"
OUTCOME_TYPES = ("change", "percent_change", "percent_reduction", "response", "remission", "endpoint")
TIMES = ("baseline", "change")
# As `neurochem.response.associate` has them; named here because reading a configuration loads no statistics.
ERROR_MODELS = ("ml", "reml", "rc", "simex", "none")
ENGINES = ("processes", "serial", "dask")
# Methods that keep the regions of the label image; the others make tissues of them.
PVC_METHODS = ("gtm", "sgtm", "rbv", "iy")


@dataclass(frozen=True, slots=True)
class PetConfig:
    """How PET scans are quantified.

    Attributes
    ----------
    model, reference : str
        Kinetic model and name of the reference region.
    regions : tuple of str
        Regions to fit; empty means all but the reference.
    parameters : tuple of str
        Estimates that become markers; empty means BPND, or VT where the model has no BPND.
    segmentation : str
        Folder, relative to the dataset, with dseg.tsv and one label image a scan.
    tacs : str
        Folder with `*_tacs.tsv`, used instead of images and segmentation.
    k2prime : float or None
        Washout rate of the reference region in 1/min, for models that need it.
    t_star_s : float or None
        Start of the linear part in seconds.
    VB : float or None
        Blood volume fraction, for plasma-input models; fitted or zero, according to the model, where it is not given.
    parent_fraction, plasma_ratio : str
        Models of the parent fraction and of whole blood over plasma (see `neurochem.pet.fit_parent_fraction` and
        `fit_blood_to_plasma`); an empty ratio joins the plasma samples by lines.
    isotope : str
        Radionuclide, for a sidecar that lacks it.
    maps : bool
        Whether to fit the model to every voxel as well.
    maps_smooth_fwhm_mm : tuple of float
        Gaussian smoothing of the frames before maps, one width or three; empty for none. Regional curves are not smoothed.
    threads : int or None
        Threads that make the maps of one scan; by default one where several workers run, else one a core.
    pvc : str
        Method of partial-volume correction of the regional curves; empty for none.
    pvc_fwhm_mm : tuple of float
        Resolution that it corrects for, one width or three.
    """

    model: str = "SRTM"
    reference: str = "cerebellum"
    regions: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    segmentation: str = "derivatives/segmentation"
    tacs: str = ""
    k2prime: float | None = None
    t_star_s: float | None = None
    VB: float | None = None
    parent_fraction: str = "interpolation"
    plasma_ratio: str = ""
    isotope: str = ""
    maps: bool = False
    maps_smooth_fwhm_mm: tuple[float, ...] = ()
    threads: int | None = None
    pvc: str = ""
    pvc_fwhm_mm: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class MarkerChoice:
    """One marker of the outcome analysis; an empty region means every region it has."""

    marker: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class ResponseConfig:
    """How markers are related to outcome; names as in `neurochem.response.associate`.

    Attributes
    ----------
    arms : tuple of str
        Reference and other arm that markers may tell apart; needed where there are more than two.
    predict : str
        Outcome type of a prediction model to be made and judged as well; empty for none.
    predictors : tuple of str
        Its candidates, for example "BPND midbrain"; empty for all markers at baseline with severity, age and sex.
    error : str
        How the scans' standard errors enter: "ml", "reml", "rc", "simex", or "none", which leaves slopes attenuated.
    test_retest_sd : mapping of str to float
        SD of one person's true value from day to day, by marker ("GABA", "BPND midbrain"), in the marker's unit.
    """

    outcome: str = "madrs"
    outcome_type: str = "change"
    baseline_visit: str = "baseline"
    endpoint_visit: str = "week8"
    covariates: tuple[str, ...] = ("age", "sex")
    at: tuple[str, ...] = TIMES
    markers: tuple[MarkerChoice, ...] = ()
    arms: tuple[str, ...] = ()
    predict: str = ""
    predictors: tuple[str, ...] = ()
    error: str = "ml"
    test_retest_sd: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How the work is spread; nothing here changes a result."""

    workers: int = 1
    engine: str = "processes"
    scheduler: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything a run can be told."""

    pet: PetConfig = field(default_factory=PetConfig)
    mrs: MrsConfig = field(default_factory=MrsConfig)
    response: ResponseConfig = field(default_factory=ResponseConfig)
    run: RunConfig = field(default_factory=RunConfig)

    def record(self) -> dict[str, Any]:
        """Return what determines the results, as plain values; the table [run] and threads are left out since they do not."""
        tables = asdict(self)
        del tables["run"]
        del tables["pet"]["threads"]
        return tables


class _NotAllowedError(ValueError):
    """A value that is not allowed; the text says what is."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        msg = "a text in quotes"
        raise _NotAllowedError(msg)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        msg = 'a list of texts, for example ["age", "sex"]'
        raise _NotAllowedError(msg)
    return tuple(value)


def _positive(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        msg = "a positive number"
        raise _NotAllowedError(msg)
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        msg = "a whole number, 1 or more"
        raise _NotAllowedError(msg)
    return value


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        msg = "true or false"
        raise _NotAllowedError(msg)
    return value


def _widths(value: Any) -> tuple[float, ...]:
    """Return one width or three."""
    given = value if isinstance(value, list) else [value]
    try:
        widths = tuple(_positive(item) for item in given)
    except _NotAllowedError:
        widths = ()
    if len(widths) not in (1, 3):
        msg = "a positive number of millimetres, or three in a list (one an axis)"
        raise _NotAllowedError(msg)
    return widths


def _ppm_range(value: Any) -> tuple[float, float]:
    numbers = isinstance(value, list) and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or len(value) != 2 or not value[0] < value[1]:
        msg = "two numbers [low, high] in ppm with low < high, for example [0.2, 4.2]"
        raise _NotAllowedError(msg)
    return float(value[0]), float(value[1])


def _two_arms(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) not in (0, 2) or not all(isinstance(item, str) for item in value):
        msg = 'two arms, the reference first, for example ["placebo", "ssri"]'
        raise _NotAllowedError(msg)
    return tuple(value)


def _one_of(*allowed: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            near = difflib.get_close_matches(str(value), allowed, n=1)
            hint = f" (did you mean '{near[0]}'?)" if near else ""
            msg = f"one of {', '.join(allowed)}{hint}"
            raise _NotAllowedError(msg)
        return str(value)

    return check


def _times(value: Any) -> tuple[str, ...]:
    check = _one_of(*TIMES)
    return tuple(check(item) for item in ([value] if isinstance(value, str) else _texts(value)))


def _sd_by_marker(value: Any) -> dict[str, float]:
    try:
        return {str(name): _positive(sd) for name, sd in value.items()}
    except (AttributeError, _NotAllowedError):
        msg = "a table of markers and the SD of each, above zero and in its unit: "
        msg += '{GABA = 0.1, "BPND midbrain" = 0.08}'
        raise _NotAllowedError(msg) from None


def _markers(value: Any) -> tuple[MarkerChoice, ...]:
    keys = {"marker", "region"}
    rows: list[Any] = value if isinstance(value, list) else [None]
    for row in rows:
        known = isinstance(row, dict) and "marker" in row and set(row) <= keys
        if not known or not all(isinstance(item, str) for item in row.values()):
            msg = 'a list of tables with the keys marker and, if wanted, region: [{marker="BPND", region="midbrain"}]'
            raise _NotAllowedError(msg)
    return tuple(MarkerChoice(row["marker"], row.get("region", "")) for row in rows)


_SCHEMA: dict[str, tuple[type, dict[str, Callable[[Any], Any]]]] = {
    "pet": (
        PetConfig,
        {
            "model": _text, "reference": _text, "regions": _texts, "parameters": _texts, "segmentation": _text,
            "tacs": _text, "k2prime": _positive, "t_star_s": _positive, "VB": _positive,
            "parent_fraction": _text, "plasma_ratio": _text, "isotope": _text, "maps": _truth,
            "maps_smooth_fwhm_mm": _widths, "threads": _count, "pvc": _one_of(*PVC_METHODS), "pvc_fwhm_mm": _widths,
        },
    ),
    "mrs": (
        MrsConfig,
        {
            "basis": _text, "metabolites": _texts, "tissue": _text, "tissue_maps": _texts, "anatomical": _truth,
            "nulled": _text, "ppm": _ppm_range, "relaxation": _text, "water_scale": _positive,
        },
    ),
    "mrs.edited": (
        EditedConfig,
        {
            "basis": _text, "sequence": _one_of("mega-press", "mega-slaser", "hermes"), "te1_s": _positive,
            "edit_on_ppm": _positive, "edit_off_ppm": _positive, "edit_pulse_s": _positive, "simulated": _texts,
            "target": _one_of(*TARGETS), "method": _one_of(*METHODS), "macromolecules": _text, "split": _one_of(*SPLITS),
            "order": _texts,
            "metabolites": _texts, "ppm": _ppm_range,
        },
    ),
    "response": (
        ResponseConfig,
        {
            "outcome": _text, "outcome_type": _one_of(*OUTCOME_TYPES), "baseline_visit": _text,
            "endpoint_visit": _text, "covariates": _texts, "at": _times, "markers": _markers, "arms": _two_arms,
            "predict": _one_of("", *OUTCOME_TYPES), "predictors": _texts, "error": _one_of(*ERROR_MODELS),
            "test_retest_sd": _sd_by_marker,
        },
    ),
    "run": (RunConfig, {"workers": _count, "engine": _one_of(*ENGINES), "scheduler": _text}),
}  # fmt: skip


def read_config(bids_dir: Path, path: Path | None = None) -> Config:
    """Return the configuration of a run.

    Parameters
    ----------
    bids_dir : Path
        Root of the dataset; `code/neurochem.toml` in it is read when no file is named.
    path : Path, optional
        A TOML file that is read instead.

    Returns
    -------
    Config
        Defaults where the file says nothing.

    Raises
    ------
    MissingFileError
        If the named file does not exist.
    ConfigError
        If the file is not TOML, or a key or a value is not allowed.
    """
    file = bids_dir / CONFIG_FILE if path is None else path
    if not file.is_file():
        if path is None:
            return Config()
        msg = f"{file}: no such file; --config names a TOML file"
        raise MissingFileError(msg)
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{file}: not valid TOML ({error}); correct the file at that place"
        raise ConfigError(msg) from error
    return parse_config(tables, where=str(file))


def parse_config(tables: Mapping[str, Any], *, where: str = "configuration") -> Config:
    """Return the configuration that TOML tables describe; errors as for `read_config`.

    Examples
    --------
    >>> parse_config({"pet": {"model": "MRTM1"}}).pet.model
    'MRTM1'
    """
    known = {name: entry for name, entry in _SCHEMA.items() if "." not in name}
    for name in tables:
        if name not in known:
            msg = f"{where}: table [{name}] is unknown{_nearest(name, known)}; allowed: {_listed(known)}"
            raise ConfigError(msg)
    return Config(**{name: _parse_table(name, tables.get(name, {}), where) for name in known})


def _parse_table(name: str, given: Any, where: str) -> Any:
    kind, checks = _SCHEMA[name]
    if not isinstance(given, dict):
        msg = f"{where}: {name} is {given!r}; it must be a table, written [{name}]"
        raise ConfigError(msg)
    values = {}
    inner = {key.removeprefix(f"{name}.") for key in _SCHEMA if key.startswith(f"{name}.")}
    for key, value in given.items():
        if key in inner:
            values[key] = _parse_table(f"{name}.{key}", value, where)
            continue
        if key not in checks:
            known = [*checks, *inner]
            msg = f"{where}: [{name}] key '{key}' is unknown{_nearest(key, known)}; allowed: {_listed(known)}"
            raise ConfigError(msg)
        try:
            values[key] = checks[key](value)
        except _NotAllowedError as error:
            msg = f"{where}: [{name}] {key} = {value!r} is not allowed; it must be {error}"
            raise ConfigError(msg) from None
    return kind(**values)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" (did you mean '{near[0]}'?)" if near else ""


def _listed(known: Iterable[str]) -> str:
    return ", ".join(known)
