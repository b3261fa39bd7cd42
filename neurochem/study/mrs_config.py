"""What a run can be told about spectroscopy: the tables [mrs] and [mrs.edited]."""

from dataclasses import dataclass, field
from typing import Literal

from neurochem.errors import ConfigError

# Looked for where neither a table nor maps are named.
TISSUE_TABLE = "derivatives/segmentation/tissue_fractions.tsv"
TARGETS = ("GABA", "GSH")
METHODS = ("basis", "peaks")
SPLITS = ("interleaved", "blocked")


@dataclass(frozen=True, slots=True)
class EditedConfig:
    """How J-difference edited spectra are fitted; what is left out comes from the header of the scan.

    Attributes
    ----------
    basis : str
        Basis set, relative to the dataset: the name given to `neurochem mrs basis --sequence mega-press`, beside which
        lie `x_on.BASIS` and `x_off.BASIS` (HERMES: a, b, c, d), or one file of difference spectra. Empty to simulate one.
    sequence : str
        "mega-press", "mega-slaser" or "hermes", to simulate; empty for hermes with four edit conditions and for mega-slaser
        where the header's sequence name says sLASER.
    te1_s : float or None
        First echo time of MEGA-PRESS and HERMES (s); that of the simulator by default.
    edit_on_ppm, edit_off_ppm : float or None
        Centres of the editing pulses (MEGA); the header's (EditPulse), else 1.9 (GABA) or 4.56 (GSH), and 7.5 ppm.
    edit_pulse_s : float or None
        Duration of Gaussian editing pulses (s); the header's PulseDuration, else ideal pulses of 0.4 ppm.
    simulated : tuple of str
        Molecules of a simulated basis; empty for those usual in edited scans.
    target : str
        "GABA" or "GSH".
    method : str
        "basis" (linear combination), or "peaks" (Gaussians for GABA+ and Glx).
    macromolecules : str
        Model of the macromolecule edited with GABA, as `neurochem.mrs.fit_edited` has it.
    split : str
        "interleaved" or "blocked" where ON and OFF lie among the transients; empty to look at NAA, which ON suppresses.
    order : tuple of str
        Names of the edit conditions in the order of the data ("on", "off"; HERMES "a" to "d"), where neither header nor
        content tell.
    metabolites : tuple of str
        Estimates that become markers; empty means all.
    ppm : tuple of float
        Range of the fit by basis.
    """

    basis: str = ""
    sequence: str = ""
    te1_s: float | None = None
    edit_on_ppm: float | None = None
    edit_off_ppm: float | None = None
    edit_pulse_s: float | None = None
    simulated: tuple[str, ...] = ()
    target: Literal["GABA", "GSH"] = "GABA"
    method: Literal["basis", "peaks"] = "basis"
    macromolecules: str = "3to2"
    split: str = ""
    order: tuple[str, ...] = ()
    metabolites: tuple[str, ...] = ()
    ppm: tuple[float, float] = (0.5, 4.2)


@dataclass(frozen=True, slots=True)
class MrsConfig:
    """How spectra are quantified.

    Attributes
    ----------
    basis : str
        Basis set (LCModel .BASIS, FSL-MRS, jMRUI, NIfTI-MRS) of unedited spectra, relative to the dataset.
    metabolites : tuple of str
        Concentrations that become markers; empty means all.
    tissue : str
        Table of grey-matter, white-matter and fluid fractions of each voxel, relative to the dataset; where neither it nor
        `tissue_maps` is given, `derivatives/segmentation/tissue_fractions.tsv` if it is there, else the maps in the dataset.
    tissue_maps : tuple of str
        Folders, relative to the dataset ("." is itself), with probability maps by BIDS derivatives names
        (`sub-*/[ses-*/]anat/*_label-GM_probseg.nii.gz`, WM, CSF) in the coordinates of the scanner.
    anatomical : bool
        Whether to draw the voxel on the T1w image of the session.
    nulled : str
        Metabolite-nulled scan, whose macromolecules take the place of those of the basis: the BIDS entity that marks it
        among a session's spectra ("acq-nulled"), or a file relative to the dataset that serves all.
    ppm : tuple of float
        Range of the fit of unedited spectra.
    relaxation : str
        Name of a set of relaxation times; empty means the default of `neurochem.mrs.quantify`.
    water_scale : float
        What the water reference must be multiplied by where the scanner stored it on another scale than the data.
    edited : EditedConfig
        The table [mrs.edited].
    """

    basis: str = ""
    metabolites: tuple[str, ...] = ()
    tissue: str = ""
    tissue_maps: tuple[str, ...] = ()
    anatomical: bool = True
    nulled: str = ""
    ppm: tuple[float, float] = (0.2, 4.2)
    relaxation: str = ""
    water_scale: float = 1.0
    edited: EditedConfig = field(default_factory=EditedConfig)

    @property
    def nulled_entity(self) -> tuple[str, str] | None:
        """BIDS entity that marks a session's metabolite-nulled scan; None where a file is named, or nothing."""
        key, dash, value = self.nulled.partition("-")
        named = dash and key.isalnum() and value.isalnum()
        return (key, value) if named else None


# What describes the simulation of a basis, and has no meaning beside a file of one.
_SIMULATION = ("sequence", "te1_s", "edit_on_ppm", "edit_off_ppm", "edit_pulse_s", "simulated")


def check_mrs_config(settings: MrsConfig) -> None:
    """Raise if choices exclude each other.

    Raises
    ------
    ConfigError
        Naming both keys and what to do.
    """
    if settings.tissue and settings.tissue_maps:
        msg = (
            f"[mrs] tissue = '{settings.tissue}' and tissue_maps = {list(settings.tissue_maps)} are both given; fractions come "
            "from a table or from maps. Leave one of them out."
        )
        raise ConfigError(msg)
    edited = settings.edited
    asked = [key for key in _SIMULATION if getattr(edited, key) not in {None, "", ()}]
    if edited.basis and asked:
        msg = (
            f"[mrs.edited] basis = '{edited.basis}' and {asked[0]} = {getattr(edited, asked[0])!r} are both given; the basis is "
            "read or simulated. Leave one of them out."
        )
        raise ConfigError(msg)
    if edited.method == "peaks" and edited.target != "GABA":
        msg = f"[mrs.edited] method = 'peaks' fits GABA+ and Glx alone, not target = '{edited.target}'; set method = \"basis\""
        raise ConfigError(msg)
