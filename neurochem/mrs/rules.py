"""Quality metrics of a fitted spectrum, and the limits beyond which a reader is warned."""

from neurochem.quality import MRS_RULES, QualityRule, add_rule

LINEWIDTH = add_rule(
    MRS_RULES,
    QualityRule(
        name="broad_lines", metric="fwhm_hz", unit="Hz", high=10.0,
        meaning="linewidth (full width at half maximum of the fitted NAA or tallest singlet)",
        source="sites at 3 T reach 4.4 to 5.0 Hz (Povazan 2020); beyond 10 Hz estimates degrade (Near 2021)",
    ),
)  # fmt: skip
SNR = add_rule(
    MRS_RULES,
    QualityRule(
        name="low_snr", metric="snr", unit="", low=10.0,
        meaning="signal-to-noise ratio (tallest metabolite peak over noise SD)",
        source="consensus definition (Kreis 2021, Wilson 2019); the limit is this package's own, a tenth of a usual scan",
    ),
)  # fmt: skip
FIT_QUALITY = add_rule(
    MRS_RULES,
    QualityRule(
        name="structured_residual", metric="fqn", unit="", high=4.0,
        meaning="fit quality number (variance of the residual over variance of the noise)",
        source="1 is ideal (Near 2021); the limit, a residual of twice the noise, is this package's own",
    ),
)  # fmt: skip
SHIFT = add_rule(
    MRS_RULES,
    QualityRule(
        name="far_shift", metric="shift_ppm", unit="ppm", low=-0.15, high=0.15,
        meaning="shift of the data against their stated reference",
        source="larger shifts happen (room temperature: 0.18 ppm) but are often a wrong reference",
    ),
)  # fmt: skip
RESIDUAL = add_rule(
    MRS_RULES,
    QualityRule(
        name="correlated_residual", metric="residual_autocorrelation", unit="", high=0.5,
        meaning="correlation of neighbouring points of the residual",
        source="0 for white noise; the limit, structure that explains half of the residual, is this package's own",
    ),
)  # fmt: skip
