"""What a simulated study takes for true, each number with where it comes from."""

from dataclasses import dataclass

from neurochem.registry import Registry


@dataclass(frozen=True, slots=True)
class MarkerAssumption:
    """What is taken for true of one marker.

    Attributes
    ----------
    name, region, unit, modality : str
        Marker, region, unit and where it is measured.
    mean, sd : float
        Of the true marker among patients before treatment.
    stderr : float
        Root mean squared standard error of one scan; those of people vary about it.
    prognostic : float
        Points at week 8 per SD of the true baseline, in both arms (negative = better).
    moderator : float
        Further points per SD in the drug arm.
    control_shift : float
        Mean of patients less that of controls, in SD.
    drug_change : float
        Mean true change in the drug arm at week 8, in the marker's unit.
    occupancy : (float, float)
        Mean and SD of the share that the drug occupies at week 8; (0, 0) for none.
    mediates : float
        Share of the drug's difference that runs through the change.
    change_sd : float
        SD of the true change between people, in SD of the marker.
    source : str
        Where the numbers come from.
    """

    name: str
    region: str
    unit: str
    modality: str
    mean: float
    sd: float
    stderr: float
    prognostic: float = 0.0
    moderator: float = 0.0
    control_shift: float = 0.0
    drug_change: float = 0.0
    occupancy: tuple[float, float] = (0.0, 0.0)
    mediates: float = 0.0
    change_sd: float = 0.2
    source: str = ""

    @property
    def reliability(self) -> float:
        """Share of the variance of a scan that is people: sd^2 / (sd^2 + stderr^2)."""
        return self.sd**2 / (self.sd**2 + self.stderr**2)


@dataclass(frozen=True, slots=True)
class TrialAssumption:
    """What is taken for true of the trial.

    Attributes
    ----------
    weeks : tuple of int
        Visits after the baseline.
    baseline_mean, baseline_sd, floor : float
        HAM-D17 at baseline among those screened, and the least score that is let in.
    visit_sd : float
        SD of one rating about the person's line.
    placebo_fall, drug_fall : float
        Mean fall by the last week, points.
    slope_sd : float
        SD of people's slopes, points per week.
    dropout : float
        Share who have left by the last week; people with high scores leave more often.
    failed : float
        Share of scans that cannot be used.
    site_shift, site_scale : float
        Largest additive site effect in SD, and largest factor.
    site_response : float
        Largest difference of the fall between sites, points.
    """

    weeks: tuple[int, ...] = (1, 2, 4, 6, 8)
    baseline_mean: float = 22.0
    baseline_sd: float = 3.5
    floor: float = 17.0
    visit_sd: float = 2.0
    placebo_fall: float = 7.0
    drug_fall: float = 9.0
    slope_sd: float = 0.6
    dropout: float = 0.15
    failed: float = 0.08
    site_shift: float = 0.5
    site_scale: float = 1.25
    site_response: float = 1.2

    @property
    def residual_sd(self) -> float:
        """SD of the last score that neither baseline nor marker explains, points."""
        return float((self.slope_sd**2 * self.weeks[-1] ** 2 + self.visit_sd**2) ** 0.5)


MARKERS: Registry[MarkerAssumption] = Registry("planned marker")

_DESIGN = "design value for simulation"
_ALL = (
    MarkerAssumption(
        "BP_5HT1A", "raphe", "ml/cm3", "pet", 1.50, 0.45, 0.25, moderator=-1.5,
        source=f"{_DESIGN}; direction after Miller 2013 Biol Psychiatry 74:760 (remitters +33 %, n = 24)",
    ),
    MarkerAssumption(
        "BPND_SERT", "midbrain", "", "pet", 1.60, 0.30, 0.15, control_shift=-0.45, occupancy=(0.78, 0.06),
        source="difference: Gryglewski 2014 (g -0.49); occupancy: Meyer 2007; no relation to outcome assumed",
    ),
    MarkerAssumption(
        "BPND_D2", "ventral-striatum", "", "pet", 2.40, 0.35, 0.12, prognostic=0.8,
        source=f"{_DESIGN}; direction after Pecina 2017; repeatability: Alakurtti 2015",
    ),
    MarkerAssumption(
        "Glx", "ACC", "mM", "mrs", 9.5, 1.0, 0.75, control_shift=-0.35,
        source="difference: Moriguchi 2019 (SMD -0.38); Evans 2018: baseline does not go with outcome",
    ),
    MarkerAssumption(
        "GABA", "ACC", "i.u.", "mrs", 2.0, 0.25, 0.22, drug_change=0.10, mediates=0.25, change_sd=0.4,
        source=f"{_DESIGN}; change after Levitt 2019 (+10 %)",
    ),
    MarkerAssumption(
        "theta", "rACC", "z", "eeg", 0.0, 1.0, 0.5, prognostic=-1.0, source="Pizzagalli 2018 (b = -1.05, both arms)"
    ),
    MarkerAssumption(
        "volume", "hippocampus", "mm3", "anat", 7600.0, 700.0, 120.0, prognostic=-1.0, change_sd=0.0,
        source="Colle 2018; log-odds of response 0.35 per SD, here as 0.35 x residual SD x sqrt(3) / pi points",
    ),
)  # fmt: skip
for _marker in _ALL:
    MARKERS.add(_marker, name=_marker.name, reference=_marker.source)
