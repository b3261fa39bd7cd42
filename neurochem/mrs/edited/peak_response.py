"""What the peak model finds in a simulated difference of known content: the efficiency that belongs to it.

A Gaussian has neither the shape of GABA's multiplet nor all of its neighbours, so that the efficiency of an integral is not
that of a peak fit, and the latter depends on the linewidth.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from neurochem.mrs.edited.basis_fit import DifferenceBasis
from neurochem.mrs.edited.peaks import PROTONS, PeakSet, fit_peaks, outside_choline
from neurochem.mrs.edited.singlet_reference import SingletReference
from neurochem.mrs.lineshape import decay_exponent
from neurochem.mrs.sequences.editing import DIFFERENCES
from neurochem.mrs.spectra import Spectrum

# Healthy cortex (mmol/kg, from memory, unchecked); the response depends on it by a few percent.
USUAL = MappingProxyType({
    "GABA": 1.2, "Glu": 9.0, "Gln": 3.0, "NAA": 10.0, "NAAG": 1.5, "GSH": 1.5, "Asp": 1.5, "Lac": 0.6,
})  # fmt: skip
# Macromolecules are 41 to 49 % of GABA+ (Shungu 2016).
USUAL_MM_SHARE = 0.45


def peak_response(
    made: DifferenceBasis, spectrum: Spectrum, reference: SingletReference, peaks: PeakSet, *, scale: str,
    baseline: str | None, exclude_choline: bool,
) -> Mapping[str, float]:  # fmt: skip
    """Return what the Gaussians find per unit of GABA+ and Glx in the half difference, at the linewidth of the data.

    Parameters
    ----------
    made : DifferenceBasis
        Elements of the difference, with macromolecules.
    spectrum : Spectrum
        The data, for the sampling.
    reference : SingletReference
        Their linewidth.
    peaks, baseline, exclude_choline
        As for the data.
    scale : str
        Of the basis, "half" or "full".
    """
    basis = made.basis
    broad = [name for name in made.gaba_plus if name != "GABA"]
    amounts = {name: USUAL.get(name, 0.0) for name in basis.names}
    plus = USUAL["GABA"] / (1.0 - USUAL_MM_SHARE) if broad else USUAL["GABA"]
    for name in broad:
        amounts[name] = (plus - USUAL["GABA"]) / made.gaba_plus[name]
    decay = np.exp(decay_exponent(reference.gamma, reference.variance, spectrum.time_s))
    fids = basis.matched(spectrum, allow_mismatch=True) * np.where(basis.broad[:, None], 1.0, decay)
    fid = np.array([amounts[name] for name in basis.names]) @ fids / basis.proton_amplitude
    values = np.fft.fftshift(np.fft.fft(fid)).real
    inside = (spectrum.ppm >= peaks.ppm[0]) & (spectrum.ppm <= peaks.ppm[1])
    axis = spectrum.ppm[inside]
    found = fit_peaks(
        axis, values[inside], peaks, larmor_mhz=spectrum.larmor_mhz, noise=1e-3 * float(np.abs(values[inside]).max()),
        baseline=baseline, used=outside_choline(axis) if exclude_choline else None,
    )  # fmt: skip
    half = DIFFERENCES["half"] / DIFFERENCES[scale]
    truth = {"GABA+": plus, "Glx": sum(amounts.get(name, 0.0) for name in ("Glu", "Gln"))}
    areas = dict(zip(found.names, found.areas, strict=True))
    return MappingProxyType({
        name: half * 2.0 * spectrum.dwell_s * float(areas[name]) / (PROTONS[name] * truth[name])
        for name in found.names if truth[name] > 0
    })  # fmt: skip
