"""The control parameters of LCModel that are known, and what became of each.

Names and meanings are those of LCModel's manual (version 6.3) as remembered; they were not checked against its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# What a status means; the docs and `LCModelControl.summary` say it in these words.
STATUSES: Mapping[str, str] = MappingProxyType({
    "option": "an option of fit", "basis": "chooses basis elements", "table": "an option of write_table",
    "data": "says what to read", "elsewhere": "another function does it", "same": "the fit does so anyway",
    "output": "no effect on estimates", "ignored": "passed over", "none": "no counterpart",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    """One control parameter: its name, what became of it (a key of `STATUSES`), and how or why."""

    name: str
    status: str
    text: str


_DIRECT: Mapping[str, tuple[str, str]] = {
    "ppmst": ("option", "upper edge of ppm"),
    "ppmend": ("option", "lower edge of ppm"),
    "dkntmn": (
        "option",
        "baseline_dimension_per_ppm = 1 / DKNTMN: the most flexible baseline there, the effective dimension itself here; "
        "LCModel's default 0.15 and less leave the choice to the data",
    ),
    "nobase": ("option", "T is baseline='none'"),
    "nratio": ("option", "how many of CHRATO count; 0 is ratios=None"),
    "chrato": (
        "option",
        "ratios, each string a SoftRatio; LCModel's own where NRATIO counts a place that is not given",
    ),
    "nnorat": ("option", "how many of NORATO count"),
    "norato": ("option", "elements whose soft ratio is taken out of ratios"),
    "nsimul": ("option", "0 is macromolecules=None and lipids=None, anything else macromolecules='LCModel'"),
    "nomit": ("basis", "how many of CHOMIT count; all of them where it is missing"),
    "chomit": (
        "basis",
        "elements that LCModelControl.basis drops; all macromolecules or all lipids are macromolecules=None, lipids=None",
    ),
    "namrel": ("table", "reference: what the column of ratios divides by"),
    "ncombi": ("table", "how many of CHCOMB count; all of them where it is missing"),
    "chcomb": ("table", "totals: sums in the table, their errors from the covariance"),
    "filbas": ("data", "basis set that LCModelControl.read_basis reads"),
    "filraw": ("data", "FID that LCModelControl.read_data reads"),
    "filh2o": ("data", "unsuppressed water that LCModelControl.read_water reads"),
    "deltat": ("data", "dwell time (s)"),
    "hzpppm": ("data", "frequency (MHz)"),
    "nunfil": ("data", "number of points, compared with the data"),
    "echot": ("data", "echo time (ms)"),
    "dows": ("elsewhere", "quantify(fit, water=...) scales by water"),
    "doecc": ("elsewhere", "preprocess(data, water=...) corrects eddy currents wherever water is given"),
    "wconc": ("elsewhere", "quantify(tissue=...) has the water content of each tissue"),
    "atth2o": ("elsewhere", "quantify corrects water for T1 and T2 of each tissue"),
    "attmet": ("elsewhere", "quantify corrects each metabolite for its T1 and T2"),
    "wsmet": ("elsewhere", "read_basis measures the scale of a basis on all its singlets"),
    "wsppm": ("elsewhere", "as WSMET"),
    "n1hmet": ("elsewhere", "as WSMET"),
    "fcalib": ("elsewhere", "quantify(water_scale=...), or multiply the estimates"),
    "unsupr": ("elsewhere", "water_amplitude fits unsuppressed water"),
    "degzer": ("same", "zero-order phase is searched from every start"),
    "sddegz": ("same", "zero-order phase is free"),
    "dorefs": ("same", "shifts are found from the singlets"),
    "nrefpk": ("same", "as DOREFS"),
    "ppmref": ("same", "as DOREFS"),
    "nkeep": ("same", "as CHKEEP"),
    "chkeep": ("same", "no element of the basis is ever left out unasked"),
}
_NO_COUNTERPART: Mapping[str, tuple[str, ...]] = {
    "definitions of simulated elements; the set 'LCModel' is taken as it is, others are macromolecules(...)": ("chsimu",),
    "ratios are given by CHRATO alone": ("exrati", "sdrati"),
    "a preset of other parameters; write these out": ("sptype",),
    "the ratio column has no further factor; multiply it": ("conrel",),
    "the window is one piece": ("ppmgap", "ngap"),
    "the search reaches 0.25 ppm to either side, always": ("ppmshf", "shifmn", "shifmx"),
    "the start aligns on NAA, creatine and choline, always": ("nuse1", "chuse1", "nnot1", "chnot1", "nnot2", "chnot2"),
    "the prior of the first-order phase is a delay of 0 +- 20 microseconds (0.9 degrees a ppm at 3 T)": (
        "degppm", "sddegp", "dgppmn", "dgppmx",
    ),
    "own shifts have one sd for all, 0.004 ppm; see shifts": ("desdsh", "nsdsh", "chsdsh", "alsdsh"),
    "widths are shared and have no prior; see lineshape": (
        "deext2", "desdt2", "nsdt2", "chsdt2", "alsdt2", "next2", "chext2", "alext2",
    ),
    "the line is a Voigt line or one with a free kernel, see lineshape": (
        "fwhmba", "fwhmmn", "fwhmmx", "fwhmst", "fwhmsm", "rfwbas", "nsidmn", "nsidmx", "incsid",
    ),
    "the smoothness of the baseline follows a criterion or baseline_dimension_per_ppm": (
        "alpbmn", "alpbmx", "alpbpn", "alpbst", "nback",
    ),
    "smoothness of the line has no such weight": ("alpsmn", "alpsmx", "alpspn", "alpsst"),
    "water stays at 4.65 ppm or at the reference_ppm of the spectrum": ("ppmh2o", "ppmcen"),
    "residual water enters by its tail, of whatever width": ("hwdwat",),
    "coils are combined by preprocess, by its own weights": ("iaverg", "nchan"),
    "relaxation and scale of a phantom are given to quantify": ("vitro",),
    "one spectrum is read; for a grid use fit_image": (
        "ndrows", "ndcols", "ndslic", "irowst", "irowen", "icolst", "icolen", "islice", "nvoxsk", "irowsk", "icolsk",
    ),
    "a basis is calibrated when it is made": ("ncalib", "chcali", "nbcal", "chbcal", "bascal"),
}  # fmt: skip
_OUTPUT: Mapping[str, tuple[str, ...]] = {
    "a title, an owner, a licence or a version": ("title", "owner", "key", "ntitle", "subti", "nsubti"),
    "a file that LCModel writes; name yours in write_table, FitResult.save and plot_fit": (
        "filps", "filtab", "filcoo", "filcsv", "filpri", "filcor", "savdir",
    ),
    "where LCModel finds or keeps files of its own": ("srcraw", "srch2o", "srcbas", "filpas", "path", "lpath"),
    "which outputs LCModel writes": ("lps", "ltable", "lcoord", "lcsv", "lprint", "lcoraw", "ldump", "ipdump", "nologo"),
    "how LCModel draws its page": (
        "neach", "nameac", "namext", "ipage2", "landsc", "pgnorm", "pagewd", "pageht", "subbas", "xstep", "wdline", "ptlabl",
        "pttitl", "ptoutp", "ptvers", "rhlabl", "rhtitl", "rhoutp", "rhvers", "xleft", "xright", "yleft", "ybott",
        "nplots", "iladd", "nocol", "lcolor",
    ),
}  # fmt: skip


def _table() -> dict[str, Parameter]:
    rows = [Parameter(name, status, text) for name, (status, text) in _DIRECT.items()]
    for groups, status in ((_NO_COUNTERPART, "none"), (_OUTPUT, "output")):
        rows += [Parameter(name, status, text) for text, names in groups.items() for name in names]
    return {row.name: row for row in rows}


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(_table())
