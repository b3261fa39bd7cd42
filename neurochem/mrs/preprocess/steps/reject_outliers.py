"""Rejection of transients that something happened to."""

from dataclasses import replace

import numpy as np

from neurochem.errors import InputError
from neurochem.mrs.preprocess.outliers import robust_scores, unlikeness
from neurochem.mrs.preprocess.state import STEPS, Done, State, Trace, usable
from neurochem.mrs.preprocess.transients import JUDGE_PPM, SIGNAL_S, compared, judged_band, stacks
from neurochem.mrs.spectra import DYNAMIC, EDIT
from neurochem.units import ComplexArray, FloatArray

_ROUNDS = 3
_FEWEST = 8
# Motion spoils a few transients; where it is a quarter, alignment may have failed.
_MANY = 0.25


@STEPS.register(
    name="reject_outliers",
    aliases=("outliers",),
    reference="median and median absolute deviation; Near 2021, NMR Biomed 34:e4257",
)
def reject_outliers(
    state: State, *, limit: float = 3.0, ppm: tuple[float, float] = JUDGE_PPM, most: float = 0.5, pairs: bool = False
) -> Done:  # fmt: skip
    """Give transients that are unlike the others no weight in the average.

    Parameters
    ----------
    state : State
        Transients aligned.
    limit : float
        Robust standard deviations of the logarithm of the energy by which a transient differs from the mean of the others.
    ppm : tuple of float
        Range of shifts that is judged; scalp lipids are in it, water is taken out.
    most : float
        Largest share that may be rejected; where more are unlike, the least like go and the record says so.
    pairs : bool
        Reject a transient in all edit conditions where it fails in one.

    Notes
    -----
    Noise alone passes the limit in about one of 500 transients.  Fewer than eight transients are left as they are: their
    median says nothing.
    """
    data = state.data
    if not (limit > 0 and 0 < most < 1):
        msg = f"limit is {limit} and most is {most}; give a limit above 0 and a share between 0 and 1."
        raise InputError(msg)
    count = data.size(DYNAMIC)
    if count < _FEWEST:
        return Done(state, f"{count} transient{'s' if count > 1 else ''}: too few to tell outliers")
    if not usable(data):
        return Done(state, "no signal, or NaN: outliers not looked for")
    layout, pieces = stacks(data)
    band = judged_band(data, ppm)
    judged = [
        _scores(compared(fids, data, seconds=SIGNAL_S), dwell_s=data.dwell_s, band_hz=band, limit=limit)
        for fids in pieces
    ]
    scores = np.stack([score for score, _ in judged])
    kept = scores <= limit
    if pairs and data.size(EDIT) > 1:
        kept = np.broadcast_to(kept.all(axis=0), kept.shape).copy()
    too_many = np.count_nonzero(~kept, axis=1) > most * count
    for row in np.flatnonzero(too_many):
        kept[row] = scores[row] <= np.quantile(scores[row], 1.0 - most)
    weights = np.stack([own / energy for own, (_, energy) in zip(kept, judged, strict=True)])
    rejected = [np.flatnonzero(~row).tolist() for row in kept]
    number = sum(len(row) for row in rejected)
    what = f"rejected {number} of {kept.size} transients, unlike the others by more than {limit:g} robust standard deviations"
    if too_many.any():
        what += f"; CHECK: more than {100 * most:g} % were unlike"
    elif number > _MANY * kept.size:
        what += f"; CHECK: more than {100 * _MANY:g} % are many, look at the transients"
    effect = {"rejected": rejected, "share": number / kept.size, "scores": scores.tolist(), "limit": limit}
    done = replace(state, weights=layout.put(list(weights)))
    return Done(done, what, effect, (Trace(scores, "unlikeness, robust SD", limit=limit),))


def _scores(
    fids: ComplexArray, *, dwell_s: float, band_hz: tuple[float, float], limit: float
) -> tuple[FloatArray, FloatArray]:
    """Return the score of each transient, and the energy by which it differs from the mean of the other good ones."""
    kept = np.ones(fids.shape[0], dtype=bool)
    scores, energy = np.zeros(kept.size), np.ones(kept.size)
    for _ in range(_ROUNDS):
        total, number = fids[kept].sum(axis=0), np.count_nonzero(kept)
        own = kept[:, None]
        others = (total - own * fids) / (number - kept)[:, None]
        energy = unlikeness(fids, others, dwell_s=dwell_s, band_hz=band_hz)
        # the floor keeps noise-free transients, which do not differ at all, of finite weight
        energy = np.maximum(energy, 1e-12 * float(np.sum(np.abs(total / number) ** 2)) * fids.shape[-1])
        scores = robust_scores(energy)
        before, kept = kept, scores <= limit
        if np.array_equal(before, kept) or np.count_nonzero(kept) < 3:
            break
    return scores, energy
