"""ComBat as a scikit-learn transformer: everything is learned from the rows that it is fitted on."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurochem.errors import InputError, unknown_name
from neurochem.response.harmonize.site_effects import SiteEffects, refuse_constant, site_effects
from neurochem.response.harmonize.site_table import (
    CovariateCoding,
    feature_columns,
    refuse_missing,
    refuse_one_class,
    refuse_outcome_preserved,
    require_table,
)
from neurochem.units import FloatArray

UNSEEN = ("refuse", "unharmonised", "within_site")
# Fewer features than this make the distribution over features too weak to shrink to.
ENOUGH_FEATURES = 10
# Marks a table that went through a fitted harmonisation, so that `predict` can refuse it.
HARMONISED = "neurochem_harmonised"


class ComBat(TransformerMixin, BaseEstimator):
    """Take the location and scale of a site out of every feature.

    Parameters
    ----------
    site : str
        Column with the site or scanner; text or numbers.
    preserve : sequence of str
        Covariates whose effect stays in the features (age, sex, baseline severity). Never the outcome.
    features : sequence of str, optional
        Columns to harmonise; every other numeric column by default.
    empirical_bayes : bool or "auto"
        Whether sites are shrunken over features; "auto" does so from 10 features on, since fewer say too little.
    unseen : str
        A site that was not in the training rows: "refuse"; "unharmonised" leaves its rows as they are; "within_site"
        standardises them by mean and variance of the rows of that site that are given together (an unlabelled sample).

    Attributes
    ----------
    features_ : tuple of str
        Harmonised columns.
    alpha_, sigma_ : array, shape (f,)
        Grand mean and pooled SD (divided by n) of each feature.
    beta_ : array, shape (k, f)
        Slopes of the preserved covariates.
    effects_ : SiteEffects
        Location and scale of every site.

    Notes
    -----
    Y = alpha + X beta + sigma (gamma_site + delta_site e); alpha is the mean of the sites weighted by their size;
    adjusted = sigma (z - g*) / sqrt(d*) + alpha + X beta. The transform returns the same columns, so a step that picks
    the predictors (and drops the site) belongs behind it. Rows are taken as independent: for repeated scans of a person
    use `LongitudinalComBat`. With a few markers, site as a covariate of the outcome model is the better choice.
    Errors of the scans are divided by sqrt(d*) as well: `stderr_factor`. Equal to neuroCombat 0.2.12 and neuroHarmonize
    2.5.2 to 3e-12 where those run in double precision until they settle, and to 1.2e-6 as they come (single precision, a
    search that stops at 1e-4).

    References
    ----------
    Johnson, Li, Rabinovic (2007), Biostatistics 8:118. Fortin et al. (2018), NeuroImage 167:104.

    Examples
    --------
    >>> table = pd.DataFrame({"a": [1.0, 1.2, 0.9, 2.0, 2.3, 2.1], "b": [5.0, 5.5, 5.2, 6.0, 6.8, 6.5]})
    >>> clean = ComBat().fit_transform(table.assign(site=["A", "A", "A", "B", "B", "B"]))
    >>> print(clean.groupby("site")["a"].mean().round(6).tolist())
    [1.583333, 1.583333]
    """

    def __init__(
        self,
        site: str = "site",
        *,
        preserve: Sequence[str] = (),
        features: Sequence[str] | None = None,
        empirical_bayes: bool | str = "auto",
        unseen: str = "refuse",
    ) -> None:
        self.site = site
        self.preserve = preserve
        self.features = features
        self.empirical_bayes = empirical_bayes
        self.unseen = unseen

    def fit(self, X: pd.DataFrame, y: object = None) -> "ComBat":  # noqa: N803 - scikit-learn's name
        """Learn every parameter from these rows.

        Parameters
        ----------
        X : DataFrame, shape (n, columns)
            Features, site and covariates; nothing missing.
        y : array_like, shape (n,), optional
            Outcome; it is used for nothing but to refuse a preserved covariate that equals it and a site of one class.

        Raises
        ------
        LeakageError
            If a preserved covariate is the outcome.
        InputError
            If a site has one row or one class, a feature does not vary in a site, a value is missing, or a covariate
            cannot be told from the sites.
        """
        table = require_table(X)
        self._check_options()
        self.features_ = feature_columns(table, self.features, (self.site, *self.preserve))
        refuse_missing(table, (*self.features_, self.site, *self.preserve))
        refuse_outcome_preserved(table, self.preserve, y)
        sites = site_names(table[self.site])
        refuse_one_class(sites, y)
        self.feature_names_in_ = np.array(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        self.coding_ = CovariateCoding.learn(table, self.preserve)
        values, matrix = table[list(self.features_)].to_numpy(dtype=float), self.coding_.matrix(table)
        refuse_constant(values, sites, self.features_)
        names = sorted(set(sites.tolist()))
        dummies = np.column_stack([sites == name for name in names]).astype(float)
        gamma, self.beta_ = coefficients(values, dummies, matrix, self.coding_.names)
        self.alpha_ = dummies.mean(axis=0) @ gamma
        residual = values - dummies @ gamma - matrix @ self.beta_
        # features of one row a site leave no residual; the site check below names it
        self.sigma_ = np.sqrt(np.maximum((residual**2).mean(axis=0), np.finfo(float).tiny))
        self.shrunken_ = shrink_choice(self.empirical_bayes, len(self.features_))
        self.effects_: SiteEffects = site_effects(self._standard(values, matrix), sites, shrink=self.shrunken_)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
        """Return the same columns with the features harmonised; the parameters stay those of the training rows.

        Raises
        ------
        InputError
            If a site was not among the training rows and `unseen` is "refuse".
        """
        check_is_fitted(self)
        table = require_table(X)
        feature_columns(table, self.features_, (self.site, *self.preserve))
        refuse_missing(table, (*self.features_, self.site, *self.preserve))
        values, matrix = table[list(self.features_)].to_numpy(dtype=float), self.coding_.matrix(table)
        sites = site_names(table[self.site])
        standard = self._standard(values, matrix)
        clean = np.empty_like(standard)
        for name in sorted(set(sites.tolist())):
            rows = sites == name
            clean[rows] = self._without_site(standard[rows], name)
        adjusted = clean * self.sigma_ + self.alpha_ + matrix @ self.beta_
        done = table.copy()
        for index, name in enumerate(self.features_):
            done[name] = adjusted[:, index]
        done.attrs[HARMONISED] = f"{type(self).__name__} fitted before"
        return done

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns, which stay as they are."""
        check_is_fitted(self)
        return self.feature_names_in_

    def stderr_factor(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
        """Return what the standard error of each feature is multiplied by, 1 / sqrt(d*), one row a row of X."""
        check_is_fitted(self)
        table = require_table(X)
        place = {name: index for index, name in enumerate(self.effects_.sites)}
        rows = []
        for name in site_names(table[self.site]):
            if name not in place and self.unseen != "unharmonised":
                raise unseen_site(name, self.effects_.sites)
            known = name in place
            rows.append(1.0 / np.sqrt(self.effects_.scale[place[name]]) if known else np.ones(len(self.features_)))
        return pd.DataFrame(rows, columns=list(self.features_), index=table.index)

    def _check_options(self) -> None:
        if self.unseen not in UNSEEN:
            raise unknown_name(self.unseen, UNSEEN, kind="choice for unseen sites")
        if isinstance(self.preserve, str):
            msg = f"preserve is the text '{self.preserve}'; give a list of names, for example ['{self.preserve}']"
            raise InputError(msg)

    def _standard(self, values: FloatArray, matrix: FloatArray) -> FloatArray:
        return (values - self.alpha_ - matrix @ self.beta_) / self.sigma_

    def _without_site(self, standard: FloatArray, name: str) -> FloatArray:
        if name in self.effects_.sites:
            return self.effects_.remove(standard, np.full(len(standard), self.effects_.sites.index(name)))
        if self.unseen == "unharmonised":
            return standard
        if self.unseen == "refuse":
            raise unseen_site(name, self.effects_.sites)
        if len(standard) < 2 or not (standard.var(axis=0) > 0).all():
            msg = f"site '{name}' was not in the training rows and has {len(standard)} row here; unseen='within_site' needs "
            msg += "several rows of the new site together, whose features vary"
            raise InputError(msg)
        return (standard - standard.mean(axis=0)) / standard.std(axis=0, ddof=1)


def site_names(column: pd.Series) -> np.ndarray:
    """Return the sites as text, shape (n,)."""
    return column.astype(str).to_numpy(dtype=str)


def unseen_site(name: str, known: Sequence[str]) -> InputError:
    """Return the error for a site that was not in the training rows."""
    return InputError(
        f"site '{name}' was not in the training rows ({', '.join(known)}), so its effect is unknown. Leave harmonisation out "
        "(unseen='unharmonised'), give an unlabelled sample of that site (unseen='within_site'), or use a model with a "
        "random site effect at zero"
    )


def shrink_choice(choice: bool | str, count: int) -> bool:
    """Return whether sites are shrunken over that many features."""
    if choice not in {True, False, "auto"}:
        msg = f"empirical_bayes is {choice!r}; it is True, False or 'auto'"
        raise InputError(msg)
    wanted = count >= ENOUGH_FEATURES if choice == "auto" else bool(choice)
    if wanted and count < 2:
        msg = "empirical_bayes needs at least 2 features to learn from; set it to False"
        raise InputError(msg)
    return wanted


def coefficients(
    values: FloatArray, dummies: FloatArray, matrix: FloatArray, names: Sequence[str]
) -> tuple[FloatArray, FloatArray]:
    """Return site means and covariate slopes by least squares, shapes (n_sites, f) and (k, f).

    Raises
    ------
    InputError
        If a covariate can be computed from the sites and the covariates before it.
    """
    design = np.column_stack([dummies, matrix])
    for index in range(matrix.shape[1]):
        part = design[:, : dummies.shape[1] + index + 1]
        if np.linalg.matrix_rank(part) < part.shape[1]:
            msg = f"covariate '{names[index]}' cannot be told from the sites (or is constant); leave it out of preserve"
            raise InputError(msg)
    if len(design) <= design.shape[1]:
        msg = f"{len(design)} rows for {design.shape[1]} site means and slopes; ComBat needs more rows than that"
        raise InputError(msg)
    found = np.asarray(np.linalg.lstsq(design, values, rcond=None)[0], dtype=np.float64)
    return found[: dummies.shape[1]], found[dummies.shape[1] :]
