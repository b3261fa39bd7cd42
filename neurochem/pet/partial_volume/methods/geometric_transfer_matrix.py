"""The geometric transfer matrix (Rousset 1998): regional means without spill-over."""

from neurochem.pet.partial_volume.method import add_method
from neurochem.pet.partial_volume.regional import RegionalMethod


class GeometricTransferMatrix(RegionalMethod):
    """Regional means T from observed means t = G T, with G_ij the mean over region i of the blurred region j.

    Notes
    -----
    Exact where activity is uniform within every region and the point-spread function is right; what varies within a region
    is averaged. Standard errors are of noise alone, not of a wrong FWHM, segmentation or alignment.

    References
    ----------
    Rousset, Ma and Evans 1998, J Nucl Med 39:904-911.
    """

    name = "gtm"
    reference = "Rousset, Ma and Evans 1998, J Nucl Med 39:904-911"


add_method(GeometricTransferMatrix, aliases=("geometric transfer matrix", "rousset"))
