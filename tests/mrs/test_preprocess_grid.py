"""Every figure that preprocessing must show, over coils, transients, PRESS and edited scans."""

import numpy as np
import pytest

from tests.benchmarks.raw_figures import GRID, figures


def held(rows, *, edited):
    """Check the figures of several scans of one kind."""
    rms = {name: np.sqrt(np.mean([row[name] ** 2 for row in rows])) for name in rows[0]}
    mean = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    for method in ("align", "rats", "spectral_registration"):
        # ON has no NAA, so that the same noise tells less: the limits grow as the bound does
        wider = max(rms["bound_deg"] / 1.42, 1.0) if edited else 1.0
        assert rms[f"{method}_hz"] < 0.2 * wider
        assert rms[f"{method}_deg"] < 2.0 * wider
    assert mean["sensitivity"] >= 0.9
    assert mean["specificity"] >= 0.95
    assert rms["eddy_deg"] < 1.0
    # three unlike lines: the smooth tail of 1 to 2 %, which a baseline takes up, and the noise of finding it
    assert rms["water_pct"] < 3.0
    assert abs(mean["snr_share"] - 1.0) < 0.05


def test_the_smallest_scan_shows_every_figure():
    row = figures(8, 32, edited=False, seed=0)
    held([row], edited=False)


@pytest.mark.slow
@pytest.mark.parametrize(("coils", "transients", "edited"), GRID)
def test_every_kind_of_scan_shows_every_figure(coils, transients, edited):
    rows = [figures(coils, transients, edited=edited, seed=seed) for seed in range(4)]
    held(rows, edited=edited)
    for name in ("Glu", "GABA"):
        shares = np.array([row[f"{name}_share"] for row in rows])
        # a bias of preprocessing shows in the mean; noise of four scans is known from their scatter
        assert abs(shares.mean() - 1.0) < 0.05 + 3.0 * shares.std(ddof=1) / np.sqrt(shares.size)
