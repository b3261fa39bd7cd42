"""Figures hold what they must and change no global state."""

import numpy as np
from matplotlib.figure import Figure

from neurochem import mrs
from tests.mrs.conftest import TRUTH


def test_a_fit_is_drawn_with_every_element_it_found(basis, rng):
    fit = mrs.fit(mrs.simulate(basis, TRUTH, lorentz_hz=4, noise_sd=0.3, rng=rng), basis)
    ax = mrs.plot_fit(fit)
    texts = " ".join(text.get_text() for text in ax.texts)
    assert all(name in texts for name in ("NAA", "Glu", "MM09"))
    left, right = ax.get_xlim()
    assert left > right
    assert {"residual", "data", "fit", "baseline"} == {text.get_text() for text in ax.get_legend().get_texts()}
    assert np.allclose(ax.lines[2].get_ydata(), fit.data.real)


def test_it_draws_into_given_axes_and_survives_a_failed_fit(basis):
    ax = Figure().add_subplot()
    empty = mrs.Spectrum(np.zeros(2048), dwell_s=5e-4, larmor_mhz=127.73)
    assert mrs.plot_fit(mrs.fit(empty, basis), ax) is ax
    assert "zero" in ax.get_title()
