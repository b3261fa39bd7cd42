"""The symmetric geometric transfer matrix: least squares of the image on the blurred regions."""

from neurochem.pet.partial_volume.method import add_method
from neurochem.pet.partial_volume.regional import RegionalMethod


class SymmetricTransferMatrix(RegionalMethod):
    """Regional means T from <P D_i, I> = sum_j <P D_i, P D_j> T_j.

    Notes
    -----
    These are the normal equations of I = sum_j T_j P D_j: with white noise no linear unbiased estimate has a smaller
    variance. It reads voxels around a region too, so activity that no region describes does more harm than under `gtm`.

    References
    ----------
    Labbe et al. 1998, in Quantitative Functional Brain Imaging with PET (Academic Press);
    Sattarivand et al. 2012, Phys Med Biol 57:7101-7116.
    """

    name = "sgtm"
    reference = "Sattarivand et al. 2012, Phys Med Biol 57:7101-7116"
    blurred_sampling = True


add_method(SymmetricTransferMatrix, aliases=("labbe", "symmetric geometric transfer matrix"))
