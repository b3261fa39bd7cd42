"""Inputs and fits that the tests of plasma models share."""

import numpy as np

import neurochem as nc
from neurochem.pet.curves import ExponentialSum, Term
from neurochem.pet.model import MODELS, ScanInputs, Target
from neurochem.results import FitResult
from tests.pet.truth import FENG, FRAMINGS

FRAMES = FRAMINGS["10 s to 5 min"]
# whole blood in closed form: less than plasma early, with metabolites late
BLOOD = ExponentialSum(
    [*(Term(0.6 * t.amplitude, t.rate, t.power) for t in FENG.terms), Term(4.0, 0.004), Term(-4.0, 0.3)]
)


def sampled_input(latest_s: float = 5700.0, curve=FENG, blood=BLOOD) -> nc.pet.ArterialInput:
    """Return samples every second for three minutes, then every ten."""
    time_s = np.concatenate([np.arange(0.0, 180.0), np.arange(180.0, latest_s + 1, 10.0)])
    return nc.pet.ArterialInput(time_s, curve.values(time_s / 60), None if blood is None else blood.values(time_s / 60))


def scan(frames=FRAMES, *, curve=FENG, blood=BLOOD, weights=None, **options) -> ScanInputs:
    weights = np.ones(len(frames)) if weights is None else np.asarray(weights)
    return ScanInputs(frames, weights, "given", curve, "plasma", blood=blood, options=options)


def target(inputs: ScanInputs, means: np.ndarray, region: str = "target") -> Target:
    usable = inputs.weights > 0
    return Target(region, means, np.where(usable, 1.0 / np.sqrt(np.where(usable, inputs.weights, 1.0)), 0.0))


def fit_means(model: str, inputs: ScanInputs, means: np.ndarray) -> FitResult:
    return MODELS[model].fit(target(inputs, means), inputs)


def monte_carlo(
    model: str, inputs: ScanInputs, truth: np.ndarray, noise: np.ndarray, name: str, *, count: int, seed: int
):
    """Return estimates, standard errors, and whether the 95 % interval held the truth `true`, for `count` noisy scans."""
    random = np.random.default_rng(seed)
    estimates = [
        fit_means(model, inputs, truth + noise * random.standard_normal(truth.size))[name] for _ in range(count)
    ]
    values = np.array([estimate.value for estimate in estimates])
    errors = np.array([estimate.stderr for estimate in estimates])
    return values, errors, np.array([estimate.interval() for estimate in estimates])


# regions that share VND = 3, with different delivery, binding and blood
SHARED = {
    "low": {"K1": 0.20, "VND": 3.0, "k3": 0.02, "k4": 0.04, "VB": 0.04},
    "middle": {"K1": 0.30, "VND": 3.0, "k3": 0.06, "k4": 0.03, "VB": 0.05},
    "high": {"K1": 0.35, "VND": 3.0, "k3": 0.12, "k4": 0.04, "VB": 0.05},
    "slow": {"K1": 0.15, "VND": 3.0, "k3": 0.05, "k4": 0.02, "VB": 0.03},
}


def shared_scan(noise: float = 0.0, seed: int = 0) -> nc.pet.TimeActivityCurves:
    """Return regional curves of one scan with arterial sampling."""
    blood = sampled_input()
    truth = np.column_stack([nc.pet.simulate("2TCM", FRAMES, region, blood=blood) for region in SHARED.values()])
    noisy = truth * (1 + noise * np.random.default_rng(seed).standard_normal(truth.shape))
    return nc.pet.TimeActivityCurves(FRAMES, noisy, regions=list(SHARED))
