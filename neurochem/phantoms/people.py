"""People of a phantom study: true markers before and after treatment, and outcomes that depend on them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

VISITS = ("baseline", "week8")
WEEKS = {"baseline": 0, "week8": 8}
ARMS = ("placebo", "ssri")
SITES = ("A", "B")

# Region: (R1, mean BPND). Design values for a [11C]DASB-like tracer, chosen for plausibility, not measured.
REGIONS = {
    "midbrain": (0.85, 3.2),
    "thalamus": (1.05, 1.9),
    "putamen": (1.05, 1.6),
    "hippocampus": (0.80, 0.7),
    "cortex": (0.95, 0.3),
}
REFERENCE = "cerebellum"
K2PRIME_PER_MIN = 0.060
K1_REFERENCE = 0.45

# Metabolite: (mean in mmol/kg, between-person SD). Healthy ranges, from memory in the literature and for simulation only.
METABOLITES = {
    "NAA": (10.0, 0.8), "NAAG": (1.2, 0.2), "Cr": (4.5, 0.3), "PCr": (3.5, 0.3), "GPC": (1.1, 0.12), "PCh": (0.5, 0.06),
    "Ins": (5.5, 0.6), "Glu": (8.5, 0.9), "Gln": (2.8, 0.4), "GABA": (1.4, 0.25), "GSH": (1.3, 0.2), "Lac": (0.7, 0.2),
    "Tau": (1.2, 0.2), "sIns": (0.35, 0.05),
}  # fmt: skip

OCCUPANCY = (0.78, 0.05)


@dataclass(frozen=True)
class Effects:
    """What the outcome depends on: points of MADRS at week 8.

    Attributes
    ----------
    bpnd_baseline : float
        Points per unit of true baseline midbrain BPND (negative: more binding, lower score).
    glx_change : float
        Points per mmol/kg of true change of Glx from baseline to week 8.
    arm : float
        Points in the ssri arm against placebo.
    severity : float
        Points per point of baseline MADRS.
    residual_sd : float
        Standard deviation of what nothing explains, in points.
    """

    bpnd_baseline: float = -8.0
    glx_change: float = -3.0
    arm: float = -5.0
    severity: float = 0.6
    residual_sd: float = 3.0


@dataclass(frozen=True)
class Visit:
    """One person's truth at one visit.

    Attributes
    ----------
    bpnd, r1 : dict of str to float
        By region.
    k2prime : float
        Reference washout in 1/min.
    concentrations : dict of str to float
        mmol/kg tissue water.
    tissue : tuple
        Volume fractions of grey matter, white matter and fluid in the spectroscopy voxel.
    scores : dict of str to int
        "madrs" and "hamd17".
    """

    bpnd: dict[str, float]
    r1: dict[str, float]
    k2prime: float
    concentrations: dict[str, float]
    tissue: tuple[float, float, float]
    scores: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """One participant of the phantom study."""

    participant_id: str
    age: int
    sex: str
    site: str
    arm: str
    visits: dict[str, Visit]


def make_people(count: int, effects: Effects, rng: np.random.Generator) -> list[Person]:
    """Return people with known markers and outcomes.

    Parameters
    ----------
    count : int
        Number of people, half in each arm (a random half when the number is odd).
    effects : Effects
        How the outcome depends on the markers.
    rng : numpy.random.Generator
        Source of everything random.

    Returns
    -------
    list of Person
        MADRS at week 8 = 20 + severity (y0 - 30) + bpnd_baseline (BPND0 - 3.2) + glx_change (dGlx) + arm + noise, kept
        within the scale and rounded; HAM-D 17 follows MADRS at 0.75 points a point.
    """
    arms = np.array([ARMS[index % 2] for index in range(count)])
    rng.shuffle(arms)
    return [_make_person(index, str(arms[index]), effects, rng) for index in range(count)]


def _make_person(index: int, arm: str, effects: Effects, rng: np.random.Generator) -> Person:
    spread = 1.0 + 0.14 * rng.standard_normal()
    bpnd = {name: mean * spread * (1.0 + 0.06 * rng.standard_normal()) for name, (_, mean) in REGIONS.items()}
    r1 = {name: mean * (1.0 + 0.05 * rng.standard_normal()) for name, (mean, _) in REGIONS.items()}
    k2prime = K2PRIME_PER_MIN * (1.0 + 0.10 * rng.standard_normal())
    amounts = {name: mean + sd * rng.standard_normal() for name, (mean, sd) in METABOLITES.items()}
    baseline = Visit(bpnd, r1, k2prime, amounts, _tissue(rng))
    later = _later(baseline, arm, rng)
    severity = int(np.clip(round(30.0 + 4.0 * rng.standard_normal()), 22, 45))
    glx = sum(later.concentrations[name] - amounts[name] for name in ("Glu", "Gln"))
    endpoint = (
        20.0
        + effects.severity * (severity - 30)
        + effects.bpnd_baseline * (bpnd["midbrain"] - REGIONS["midbrain"][1])
        + effects.glx_change * glx
        + (effects.arm if arm == "ssri" else 0.0)
        + effects.residual_sd * rng.standard_normal()
    )
    scores = (severity, int(np.clip(round(endpoint), 0, 60)))
    visits = {
        name: Visit(**{**vars(visit), "scores": _scores(score, rng)})
        for name, visit, score in zip(VISITS, (baseline, later), scores, strict=True)
    }
    return Person(
        participant_id=f"sub-{index + 1:02d}",
        age=int(rng.integers(20, 60)),
        sex=str(rng.choice(["F", "M"], p=[0.6, 0.4])),
        site=SITES[index % len(SITES)],
        arm=arm,
        visits=visits,
    )


def _later(baseline: Visit, arm: str, rng: np.random.Generator) -> Visit:
    """Return the truth at week 8: the drug occupies its target, everything else drifts a little."""
    free = 1.0 - (OCCUPANCY[0] + OCCUPANCY[1] * rng.standard_normal()) if arm == "ssri" else 1.0
    return Visit(
        bpnd={name: value * free * (1.0 + 0.04 * rng.standard_normal()) for name, value in baseline.bpnd.items()},
        r1={name: value * (1.0 + 0.02 * rng.standard_normal()) for name, value in baseline.r1.items()},
        k2prime=baseline.k2prime * (1.0 + 0.03 * rng.standard_normal()),
        concentrations={
            name: value + 0.8 * METABOLITES[name][1] * rng.standard_normal()
            for name, value in baseline.concentrations.items()
        },
        tissue=_tissue(rng),
    )


def _tissue(rng: np.random.Generator) -> tuple[float, float, float]:
    fluid = round(float(rng.uniform(0.05, 0.15)), 3)
    grey = round(float(rng.uniform(0.50, 0.65)), 3)
    return grey, round(1.0 - grey - fluid, 3), fluid


def _scores(madrs: int, rng: np.random.Generator) -> dict[str, int]:
    return {"madrs": madrs, "hamd17": int(np.clip(round(0.75 * madrs + rng.standard_normal()), 0, 52))}


def true_markers(person: Person) -> list[dict[str, Any]]:
    """Return the true value of every marker of a person, in the columns of the markers table."""
    rows = []
    for session, visit in person.visits.items():
        glx = visit.concentrations["Glu"] + visit.concentrations["Gln"]
        totals = {
            "Glx": glx,
            "tNAA": visit.concentrations["NAA"] + visit.concentrations["NAAG"],
            "tCr": visit.concentrations["Cr"] + visit.concentrations["PCr"],
            "tCho": visit.concentrations["GPC"] + visit.concentrations["PCh"],
        }
        entries = [("BPND", region, value, "") for region, value in visit.bpnd.items()]
        entries += [(name, "voxel", value, "mmol/kg") for name, value in {**visit.concentrations, **totals}.items()]
        rows += [
            {
                "participant_id": person.participant_id,
                "session_id": f"ses-{session}",
                "marker": marker,
                "region": region,
                "value": value,
                "unit": unit,
            }
            for marker, region, value, unit in entries
        ]
    return rows
