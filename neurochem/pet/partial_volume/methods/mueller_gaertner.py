"""Mueller-Gaertner correction: grey matter voxels without what white matter spills in and what spills out."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from neurochem.arguments import argument_error, checked_arguments
from neurochem.errors import InputError, unknown_name
from neurochem.pet.partial_volume.method import FrameCorrection, Method, add_method
from neurochem.pet.partial_volume.problem import Problem
from neurochem.pet.partial_volume.tissue_maps import Tissue, TissueMaps, pure_value_weights, pure_voxels
from neurochem.units import FloatArray

WHITE_VALUES = ("gtm", "regress", "eroded")


class MuellerGaertner(Method):
    """[I - T_white P D_white - T_csf P D_csf] / (P D_grey) where P D_grey reaches a threshold, NaN elsewhere.

    Parameters
    ----------
    problem : Problem
        Regions among which grey and white matter are named.
    grey, white_matter, csf : str or sequence of str
        Regions of each tissue; csf may be left out.
    white : str or float
        Where T_white comes from: "gtm" (2 x 2 transfer matrix of grey and white), "regress" (least squares of the image on
        both blurred maps), "eroded" (mean of voxels that read white matter by `white_purity` or more), or its value, the
        same in every frame.
    white_purity : float
        For "eroded"; a share p leaves a bias of up to 1 - p of the difference between grey and white.
    csf_value : float
        Activity of csf, as a rule 0.
    threshold : float
        Smallest P D_grey that is corrected; 0.3 to 0.5 is usual. Noise grows by one over it.

    Notes
    -----
    Exact where white matter is uniform; grey matter may vary, slowly against the resolution. The mean of "grey" is over the
    corrected voxels, weighted with D_grey. Standard errors hold the noise of T_white.

    References
    ----------
    Mueller-Gaertner et al. 1992, J Cereb Blood Flow Metab 12:571-583.
    """

    name = "mg"
    reference = "Mueller-Gaertner et al. 1992, J Cereb Blood Flow Metab 12:571-583"
    options = ("grey", "white_matter", "csf", "white", "white_purity", "csf_value", "threshold")
    backgrounds = ("zero",)
    makes_image = True

    @checked_arguments
    def __init__(  # noqa: PLR0913 - the choices of the method
        self,
        problem: Problem,
        dtype: Any,
        *,
        grey: str | Sequence[str] = "grey",
        white_matter: str | Sequence[str] = "white",
        csf: str | Sequence[str] = (),
        white: str | float = "gtm",
        white_purity: float = 0.95,
        csf_value: float = 0.0,
        threshold: float = 0.3,
    ) -> None:
        super().__init__(problem, dtype)
        _check_share("threshold", threshold)
        _check_share("white_purity", white_purity)
        if isinstance(white, str) and white not in WHITE_VALUES:
            raise unknown_name(
                white, WHITE_VALUES, kind="source of the white matter's value", remedy="Or give a number."
            )
        for name, value in (("white", white), ("csf_value", csf_value)):
            if not isinstance(value, str) and not np.isfinite(value):
                raise argument_error(value, name, "a finite number, in the unit of the image")
        maps = TissueMaps(problem)
        self.box = maps.box
        self.names = {"grey": _listed(grey), "white_matter": _listed(white_matter), "csf": _listed(csf)}
        self.grey, self.white = maps.tissue(self.names["grey"]), maps.tissue(self.names["white_matter"])
        self.csf = maps.tissue(self.names["csf"]).blurred * csf_value if self.names["csf"] and csf_value else None
        self.purity = white_purity
        self.choices = {
            "white": white, "white_purity": white_purity, "csf_value": csf_value, "threshold": threshold,
        }  # fmt: skip
        self.inside = self.grey.blurred >= threshold
        if not self.inside.any():
            msg = (
                f"grey matter reaches {self.grey.blurred.max():.3g} of a voxel's signal at most, below the threshold "
                f"{threshold:g}; check the map and fwhm_mm, or lower the threshold"
            )
            raise InputError(msg)

    @property
    def regions(self) -> tuple[str, ...]:
        """Grey and white matter."""
        return ("grey", "white")

    @property
    def voxels(self) -> FloatArray:
        """Shares of grey matter in corrected voxels, and of white matter, summed."""
        return np.array([np.sum(self.grey.sharp[self.inside]), np.sum(self.white.sharp)])

    @cached_property
    def transfer_matrix(self) -> FloatArray:
        """Share of tissue j's activity that tissue i reads, shape (2, 2)."""
        return pure_value_weights(self._pair, blurred=False)[0]

    @property
    def condition_number(self) -> float:
        """Condition number of the transfer matrix."""
        return float(np.linalg.cond(self.transfer_matrix))

    @cached_property
    def unit_covariance(self) -> FloatArray:
        """Covariance of the means of grey and white matter for noise of variance 1 a voxel, shape (2, 2)."""
        rows = np.stack([self._grey_weights, self._white_weights])
        spread = [self.problem.noise.apply(row) for row in rows]
        return np.array([[np.sum(a * b) for b in spread] for a in rows])

    @property
    def settings(self) -> dict[str, Any]:
        """Tissues and where the white matter's value comes from."""
        return {**self.names, **self.choices}

    def correct(self, volume: np.ndarray, frame: int) -> FrameCorrection:
        """Return one frame; voxels below the threshold are NaN."""
        part = volume[self.box].astype(float)
        self._check_finite(part)
        # voxels that no tissue reaches may hold anything
        part = np.where(np.isfinite(part), part, 0.0)
        observed = np.array([np.sum(t.sharp * part) / np.sum(t.sharp) for t in self._pair])
        part = part if self.csf is None else part - self.csf
        known = isinstance(self.choices["white"], str)
        white = float(np.sum(self._white_weights * part)) if known else float(self.choices["white"])
        left = part - white * self.white.blurred
        corrected = np.full(part.shape, np.nan)
        np.divide(left, self.grey.blurred, out=corrected, where=self.inside)
        weight = self.grey.sharp[self.inside]
        grey = float(np.sum(weight * corrected[self.inside]) / np.sum(weight))
        image = np.full(volume.shape, np.nan, dtype=volume.dtype)
        image[self.box] = corrected
        variance = self._variance(left - grey * self.grey.blurred, frame)
        return FrameCorrection(observed, np.array([grey, white]), float("nan"), variance, image, {})

    def scaled_error(self, stderr: np.ndarray, means: FloatArray, background: float) -> np.ndarray:
        """Return the standard error over P D_grey."""
        del means, background
        scaled = np.full(stderr.shape, np.nan, dtype=stderr.dtype)
        part = np.full(self.inside.shape, np.nan)
        np.divide(stderr[self.box], self.grey.blurred, out=part, where=self.inside)
        scaled[self.box] = part
        return scaled

    @property
    def _pair(self) -> tuple[Tissue, Tissue]:
        return self.grey, self.white

    @cached_property
    def _white_weights(self) -> FloatArray:
        """The image's inner product with these is T_white."""
        source = self.choices["white"]
        if not isinstance(source, str):
            return np.zeros(self.inside.shape)
        if source == "eroded":
            return pure_voxels(self.white, self.purity, "white matter")
        return pure_value_weights(self._pair, blurred=source == "regress")[1][1]

    @cached_property
    def _grey_weights(self) -> FloatArray:
        """The image's inner product with these is the mean of grey matter, but for a constant."""
        weight = np.where(self.inside, self.grey.sharp, 0.0)
        own = np.zeros_like(weight)
        np.divide(weight / np.sum(weight), self.grey.blurred, out=own, where=self.inside)
        return own - np.sum(own * self.white.blurred) * self._white_weights

    def _variance(self, residual: FloatArray, frame: int) -> float:
        if self.problem.noise_variance is not None:
            return float(self.problem.noise_variance[frame])
        tissue = self.grey.sharp + self.white.sharp >= 0.5
        free = int(np.count_nonzero(tissue)) - 2
        return float(np.sum(residual[tissue] ** 2)) / free if free > 0 else float("nan")

    def _check_finite(self, part: FloatArray) -> None:
        read = self.inside | (self._white_weights != 0) | (self.grey.sharp > 0) | (self.white.sharp > 0)
        bad = int(np.count_nonzero(read & ~np.isfinite(part)))
        if bad:
            msg = (
                f"{self.problem.where or 'the image'}: {bad} voxels in or near grey and white matter are not finite; "
                "repair the image, or set them to 0"
            )
            raise InputError(msg)


def _listed(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value <= 1.0:
        msg = f"{name} is {value}; give a share of a voxel above 0 and up to 1"
        raise InputError(msg)


add_method(MuellerGaertner, aliases=("mueller-gaertner", "muller-gartner", "müller-gärtner"))
