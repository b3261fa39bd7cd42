"""Bias, standard error and coverage of edited fits: `python -m tests.benchmarks.edited [COUNT] [PART ...]`.

Parts: noise (conditions laid on each other), mega, slaser, hermes (misaligned), models (other macromolecules than the
fit's), prior (macromolecules drawn as the fit believes them), peaks, widths (lines of one condition broader), rests (residual
water, eddy currents), chain (raw coils and transients to concentrations).  Noise 0.15 and 0.30: GABA+ stands 14 and 7 standard
deviations high at 7.5 Hz.  SE/SD: root mean square standard error over the standard deviation of the estimates.
"""

import sys
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from neurochem import mrs
from neurochem.mrs.bounds import BROAD_SHIFT_SD_PPM, BROAD_WIDTH_SD_HZ
from neurochem.mrs.edited import edited_spectra, fit_edited
from neurochem.mrs.lineshape import gauss_fwhm, gauss_variance
from neurochem.mrs.simulate_raw import RawDisturbances, simulate_raw
from neurochem.results import FitResult
from neurochem.units import FloatArray
from tests.mrs import edited_truth as known

NOISE = (0.15, 0.30)
# Between ON and OFF: shift (Hz) and phase (degrees).
MOVED = {"shift_hz": 3.0, "phase_deg": 10.0}
TISSUE = mrs.Tissue(gm=0.60, wm=0.30, csf=0.10)
Truth = Mapping[str, float]
Draw = Callable[[np.random.Generator], FitResult]


def score(draw: Draw, truth: Truth, count: int, seed: int = 11) -> dict[str, dict[str, float]]:
    """Return bias and scatter (percent of the truth), SE/SD and coverage of 95 % intervals, by name."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in truth}
    for _ in range(count):
        fit = draw(rng)
        for name, value in truth.items():
            low, high = fit[name].interval(0.95)
            rows[name].append((fit[name].value, fit[name].stderr, low <= value <= high))
    out = {}
    for name, found in rows.items():
        values, errors, covered = np.array(found, dtype=float).T
        spread = float(values.std(ddof=1))
        out[name] = {
            "bias": 100.0 * (float(values.mean()) / truth[name] - 1.0),
            "sd": 100.0 * spread / truth[name],
            "se_over_sd": float(np.sqrt(np.mean(errors**2))) / spread,
            "coverage": float(covered.mean()),
        }
    return out


def mega_truth(basis: mrs.EditedBasis | None = None) -> Truth:
    """Return what a MEGA scan holds."""
    return {
        "GABA": known.TRUTH["GABA"],
        "GABA+": known.gaba_plus(basis),
        "Glx": known.TRUTH["Glu"] + known.TRUTH["Gln"],
    }


def hermes_truths() -> Mapping[str, Truth]:
    """Return what HERMES scans hold, by what they are fitted for."""
    gaba = {"GABA": known.TRUTH["GABA"], "GABA+": known.gaba_plus(known.hermes_basis())}
    return {"GABA": gaba, "GSH": {"GSH": known.TRUTH["GSH"]}}


def mega_draw(width_hz: float, noise_sd: float, *, method: str | None = None, **scan: object) -> Draw:
    """Return a maker of MEGA scans, fitted by their own basis."""
    basis = scan.get("basis") or known.mega_basis()

    def draw(rng: np.random.Generator) -> FitResult:
        pair = known.mega_scan(width_hz, noise_sd=noise_sd, rng=rng, **(MOVED | scan))
        return fit_edited(*pair, basis=basis, method=method)

    return draw


def laid_draw(width_hz: float, noise_sd: float) -> Draw:
    """Return a maker of MEGA scans whose conditions lie on each other and are known to."""

    def draw(rng: np.random.Generator) -> FitResult:
        pair = known.mega_scan(width_hz, noise_sd=noise_sd, rng=rng)
        return fit_edited(*pair, basis=known.mega_basis(), alignment=None)

    return draw


def prior_draw(width_hz: float, noise_sd: float) -> Draw:
    """Return a maker of scans whose macromolecule has the place and width that the fit's priors say."""

    def draw(rng: np.random.Generator) -> FitResult:
        # the width is held by its variance, which cannot be negative
        extra = gauss_fwhm(abs(gauss_variance(BROAD_WIDTH_SD_HZ) * float(rng.standard_normal())))
        shift = BROAD_SHIFT_SD_PPM * float(rng.standard_normal())
        moved = known.mm_fid.__wrapped__(shift_ppm=shift, gauss_hz=extra)
        pair = known.mega_scan(width_hz, noise_sd=noise_sd, rng=rng, macromolecule=moved, **MOVED)
        return fit_edited(*pair, basis=known.mega_basis())

    return draw


def hermes_draw(width_hz: float, noise_sd: float, target: str, *, drift: Mapping[str, str] | None = None) -> Draw:
    """Return a maker of HERMES scans whose steps lie apart, fitted for one molecule; `drift` says what broadens a step."""
    scans = known.hermes_scan(width_hz, moved={"a": (2.0, 8.0), "b": (-1.5, -5.0), "c": (1.0, 12.0)})
    for step, kind in (drift or {}).items():
        scans[step] = scans[step].with_fid(scans[step].fid * wider(kind))

    def draw(rng: np.random.Generator) -> FitResult:
        edited = edited_spectra(known.disturbed(scans, {}, noise_sd, rng))
        return fit_edited(
            edited, basis=known.hermes_basis(), target=target, macromolecules="3to2" if target == "GABA" else None
        )

    return draw


def model_draw(width_hz: float, noise_sd: float, model: str | None) -> Draw:
    """Return a maker of MEGA scans fitted with a given model of the macromolecule."""

    def draw(rng: np.random.Generator) -> FitResult:
        pair = known.mega_scan(width_hz, noise_sd=noise_sd, rng=rng, **MOVED)
        return fit_edited(*pair, basis=known.mega_basis(), macromolecules=model)

    return draw


def wider(kind: str) -> FloatArray:
    """Return what broadens a condition in time: transients spread evenly over 2 or 1 Hz, or a line wider by 0.5 Hz."""
    time_s = np.arange(known.POINTS) * known.DWELL_S
    made = {
        "2 Hz drift": np.sinc(2.0 * time_s), "1 Hz drift": np.sinc(time_s), "Lorentzian 0.5 Hz": np.exp(-np.pi * 0.5 * time_s),
        "Gaussian 2 Hz": np.exp(-gauss_variance(2.0) * time_s**2),
    }  # fmt: skip
    return np.asarray(made[kind], dtype=float)


def wider_draw(width_hz: float, noise_sd: float, kind: str) -> Draw:
    """Return a maker of MEGA scans whose ON has broader lines, noise as ever."""

    def draw(rng: np.random.Generator) -> FitResult:
        on, off = known.mega_scan(width_hz, **MOVED)
        pair = known.disturbed({"on": on.with_fid(on.fid * wider(kind)), "off": off}, {}, noise_sd, rng)
        return fit_edited(*pair.values(), basis=known.mega_basis())

    return draw


def rest_draw(width_hz: float, noise_sd: float, kind: str) -> Draw:
    """Return a maker of MEGA scans that a subtraction leaves rests of."""

    def draw(rng: np.random.Generator) -> FitResult:
        on, off = known.mega_scan(width_hz, noise_sd=noise_sd, rng=rng, **MOVED)
        time_s = on.time_s
        if kind == "residual water":
            turn = np.exp(
                2j * np.pi * (float(rng.uniform(-5, 5)) + 1j * 4.0) * time_s + 2j * np.pi * float(rng.uniform())
            )
            on, off = (item.with_fid(item.fid + size * turn) for item, size in ((on, 1000.0), (off, 900.0)))
        elif kind == "eddy currents":
            turn = np.exp(0.4j * (1.0 - np.exp(-time_s / 0.05)))
            on, off = (item.with_fid(item.fid * turn) for item in (on, off))
        return fit_edited(on, off, basis=known.mega_basis())

    return draw


def chain_draw(transients: int = 64, snr: float = 25.0, coils: int = 32, residual_water: float = 100.0) -> Draw:
    """Return a maker of raw scans that go through preprocess, fit_edited and quantify.

    Drift of 5 Hz and 20 degrees, jitter, one jump, 5 % of the transients corrupted, eddy currents, residual water of 100
    times NAA, ON 2 Hz and 6 degrees off OFF.
    """
    timing = mrs.Timing(2.0, 0.068)
    relaxation = mrs.relaxation_set("default", known.LARMOR_MHZ)
    inside = 1.0 - TISSUE.water_fractions()["csf"]
    weights = {name: inside * timing.signal(relaxation.metabolite(name)) for name in known.METABOLITES}
    on, off = known.mega_scan(7.5, weights=weights, mm=known.MM_AMOUNT * weights["GABA"])
    water = mrs.simulate_water(
        tissue=TISSUE, dwell_s=known.DWELL_S, points=known.POINTS, larmor_mhz=known.LARMOR_MHZ, echo_time_s=0.068,
        repetition_time_s=2.0,
    )  # fmt: skip
    wrong = RawDisturbances(residual_water=residual_water, edit_shift_hz=2.0, edit_phase_deg=6.0)

    def draw(rng: np.random.Generator) -> FitResult:
        raw = simulate_raw(
            (on, off), rng=rng, coils=coils, transients=transients, snr=snr, water=water, disturbances=wrong
        )
        clean = mrs.preprocess(raw.data, water=raw.water)
        return mrs.quantify(fit_edited(clean, basis=known.mega_basis()), water=clean.water, tissue=TISSUE)

    return draw


def cases(part: str) -> Iterator[tuple[str, Draw, Truth]]:
    """Yield label, maker and truth of a part."""
    if part == "chain":
        yield "raw to mmol/kg, 7.5 Hz", chain_draw(), mega_truth() | {"tCr": 8.0}
    elif part == "models":
        for model in ("free", "FSL-MRS", "1to1GABA"):
            yield f"{model} for 3to2, 7.5 Hz", model_draw(7.5, NOISE[1], model), mega_truth()
    elif part == "rests":
        for kind in ("residual water", "eddy currents"):
            yield f"{kind}, 7.5 Hz", rest_draw(7.5, NOISE[1], kind), mega_truth()
    elif part == "widths":
        yield from _of_widths()
    else:
        for width in known.WIDTHS_HZ:
            for noise in NOISE:
                for draw, truth in _on_the_grid(part, width, noise):
                    yield f"{part} {width:g} Hz, noise {noise:g}", draw, truth


def _of_widths() -> Iterator[tuple[str, Draw, Truth]]:
    """Yield scans in which the lines of one condition are broader."""
    for width in known.WIDTHS_HZ:
        yield f"ON drifts, {width:g} Hz", wider_draw(width, NOISE[1], "2 Hz drift"), mega_truth()
    for kind in ("Lorentzian 0.5 Hz", "Gaussian 2 Hz"):
        yield f"ON wider, {kind}", wider_draw(7.5, NOISE[1], kind), mega_truth()
    for target, truth in hermes_truths().items():
        drift = {"a": "2 Hz drift", "c": "1 Hz drift"}
        yield "HERMES drifts, 7.5 Hz", hermes_draw(7.5, NOISE[1], target, drift=drift), truth


def _on_the_grid(part: str, width: float, noise: float) -> list[tuple[Draw, Truth]]:
    """Return makers and truths of a part that is done for every linewidth and noise."""
    truth = mega_truth()
    if part == "hermes":
        return [(hermes_draw(width, noise, target), own) for target, own in hermes_truths().items()]
    if part == "slaser":
        basis = known.slaser_basis()
        return [(mega_draw(width, noise, basis=basis), mega_truth(basis))]
    if part == "peaks":
        return [(mega_draw(width, noise, method="peaks"), {name: truth[name] for name in ("GABA+", "Glx")})]
    makers = {"noise": laid_draw, "prior": prior_draw, "mega": mega_draw}
    return [(makers[part](width, noise), truth)]


PARTS = ("noise", "mega", "slaser", "hermes", "models", "prior", "peaks", "widths", "rests", "chain")


def main() -> int:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    for part in sys.argv[2:] or PARTS:
        for label, draw, truth in cases(part):
            for name, row in score(draw, truth, count).items():
                sys.stdout.write(
                    f"{label:<28}{name:<7} bias {row['bias']:+6.2f} %  SD {row['sd']:5.2f} %  SE/SD {row['se_over_sd']:.3f}  "
                    f"coverage {row['coverage']:.3f}\n"
                )
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
