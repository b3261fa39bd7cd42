"""A PRESS-like spectrum and its water reference with known concentrations."""

from functools import cache

import numpy as np

from neurochem import mrs
from neurochem.phantoms.people import METABOLITES, Visit

LARMOR_MHZ = 127.73
DWELL_S = 0.5e-3
POINTS = 2048
ECHO_TIME_S = 0.030
REPETITION_TIME_S = 2.0
# Standard deviation of the real part of one point of the FID: NAA stands about 120 times above the noise of the spectrum.
NOISE_SD = 0.45
# Coefficients of the groups of broad lines, in the unit of the metabolites; a design value.
MACROMOLECULE_LEVEL = 7.0


@cache
def basis() -> mrs.Basis:
    """Return the basis of first-order multiplets from which spectra are made and with which they are fitted."""
    return mrs.resonance_basis(
        dwell_s=DWELL_S,
        points=POINTS,
        larmor_mhz=LARMOR_MHZ,
        echo_time_s=ECHO_TIME_S,
        metabolites=tuple(METABOLITES),
    )


def make_spectra(
    visit: Visit, rng: np.random.Generator, *, noise_sd: float = NOISE_SD
) -> tuple[mrs.Spectrum, mrs.Spectrum]:
    """Return a spectrum and its water reference.

    Parameters
    ----------
    visit : Visit
        Concentrations in mmol/kg and tissue fractions.
    rng : numpy.random.Generator
        Source of noise, phase, shift and line width.
    noise_sd : float
        Noise of the spectrum.

    Returns
    -------
    spectrum, water : Spectrum
        On one scale: quantification with the tissue fractions returns the concentrations.
    """
    elements = basis()
    amounts = {**visit.concentrations, **dict.fromkeys(elements.macromolecules, MACROMOLECULE_LEVEL)}
    tissue = mrs.Tissue(*visit.tissue)
    phase, shift = float(rng.uniform(-30.0, 30.0)), float(rng.uniform(-3.0, 3.0))
    lorentz, gauss = float(rng.uniform(2.0, 4.0)), float(rng.uniform(2.0, 4.0))
    spectrum = mrs.simulate(
        elements,
        amounts,
        lorentz_hz=lorentz,
        gauss_hz=gauss,
        phase_deg=phase,
        shift_hz=shift,
        noise_sd=noise_sd,
        rng=rng,
        tissue=tissue,
        repetition_time_s=REPETITION_TIME_S,
    )
    water = mrs.simulate_water(
        tissue=tissue,
        dwell_s=DWELL_S,
        points=POINTS,
        larmor_mhz=LARMOR_MHZ,
        echo_time_s=ECHO_TIME_S,
        repetition_time_s=REPETITION_TIME_S,
        proton_amplitude=elements.proton_amplitude,
        lorentz_hz=lorentz,
        gauss_hz=gauss,
        phase_deg=phase,
        shift_hz=shift,
        noise_sd=noise_sd,
        rng=rng,
    )
    return spectrum, water


def sidecar(*, water: bool) -> dict[str, object]:
    """Return the BIDS sidecar of a spectrum or of its water reference."""
    return {
        "ResonantNucleus": ["1H"],
        "SpectrometerFrequency": [LARMOR_MHZ],
        "SpectralWidth": 1.0 / DWELL_S,
        "EchoTime": ECHO_TIME_S,
        "RepetitionTime": REPETITION_TIME_S,
        "NumberOfSpectralPoints": POINTS,
        "WaterSuppression": not water,
        "Manufacturer": "none (phantom)",
    }
