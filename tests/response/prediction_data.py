"""Made-up cohorts for the tests of prediction: raw values, named columns, a known relation to outcome."""

import numpy as np
import pandas as pd


def patients(rng: np.random.Generator, count: int = 80, markers: int = 4) -> pd.DataFrame:
    """Return severity, age, sex and markers, one row a patient."""
    table = pd.DataFrame(
        {
            "baseline_score": rng.normal(22, 3, count).round(),
            "age": rng.integers(20, 61, count),
            "sex": np.where(rng.random(count) < 0.6, "f", "m"),
        }
    )
    for index in range(markers):
        table[f"bp{index}"] = rng.normal(1.5, 0.3, count)
    return table


def responders(rng: np.random.Generator, table: pd.DataFrame, slope: float = 0.0) -> np.ndarray:
    """Return who responds; the log-odds rise by `slope` per SD of the first marker."""
    odds = -0.1 + slope * (table["bp0"].to_numpy() - 1.5) / 0.3
    y = (rng.random(len(table)) < 1.0 / (1.0 + np.exp(-odds))).astype(float)
    # a class must fill the folds whatever the draw
    y[:12] = np.tile([0.0, 1.0], 6)
    return y


# Quick settings: everything runs, nothing is precise.
QUICK = {"repeats": 2, "permutations": 0, "bootstraps": 0, "learning_sizes": 0}
