"""Longitudinal ComBat: repeated scans of a person share what is theirs, so that it is not taken for the scanner."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from neurochem.errors import InputError
from neurochem.response.harmonize.combat import HARMONISED, coefficients, shrink_choice, site_names, unseen_site
from neurochem.response.harmonize.confounding import refuse_scanner_visit_confounding
from neurochem.response.harmonize.random_intercept import RandomIntercept, fit_random_intercept
from neurochem.response.harmonize.site_effects import SiteEffects, refuse_constant, site_effects
from neurochem.response.harmonize.site_table import (
    CovariateCoding,
    feature_columns,
    refuse_missing,
    refuse_outcome_preserved,
    require_table,
)
from neurochem.units import FloatArray


class LongitudinalComBat(TransformerMixin, BaseEstimator):
    """Take the location and scale of a scanner out of features of repeated scans.

    Parameters
    ----------
    site : str
        Column with the scanner or site of each scan.
    person : str
        Column with the person's id.
    visit : str, optional
        Column with the visit. When it is given, a scanner that changes together with the visit in everyone is refused,
        and visit is among the preserved covariates only if `preserve` says so.
    preserve : sequence of str
        Covariates whose effect stays (age, visit or time). Never the outcome.
    features : sequence of str, optional
        Columns to harmonise; every other numeric column by default.
    empirical_bayes : bool or "auto"
        As for `ComBat`.

    Attributes
    ----------
    features_, alpha_, beta_, sigma_, effects_
        As for `ComBat`; sigma is the SD within a person.
    models_ : tuple of RandomIntercept
        The mixed model of each feature.

    Notes
    -----
    Y_ij = alpha + X beta + gamma_site + u_i + delta_site e_ij. The mixed model is fitted by restricted likelihood;
    g = gamma / sigma, d = variance of (Y - alpha - X beta - u) / sigma in a site; then ComBat's shrinkage. A person who was
    not in the training rows gets u from his or her own rows in the table that is transformed, with the variances of
    training. A scanner that was not in training is refused.

    References
    ----------
    Beer et al. (2020), NeuroImage 220:117129.
    """

    def __init__(
        self,
        site: str = "site",
        person: str = "participant_id",
        *,
        visit: str | None = None,
        preserve: Sequence[str] = (),
        features: Sequence[str] | None = None,
        empirical_bayes: bool | str = "auto",
    ) -> None:
        self.site = site
        self.person = person
        self.visit = visit
        self.preserve = preserve
        self.features = features
        self.empirical_bayes = empirical_bayes

    def fit(self, X: pd.DataFrame, y: object = None) -> "LongitudinalComBat":  # noqa: N803 - scikit-learn's name
        """Learn every parameter from these rows; X and y as for `ComBat.fit`.

        Raises
        ------
        LeakageError
            If a preserved covariate is the outcome.
        InputError
            As for `ComBat.fit`; also if nobody has two scans, or scanner and visit are the same variable.
        """
        table = require_table(X)
        self.features_ = feature_columns(table, self.features, self._others())
        refuse_missing(table, (*self.features_, *self._others()))
        refuse_outcome_preserved(table, self.preserve, y)
        people, sites = table[self.person].astype(str).to_numpy(), site_names(table[self.site])
        if not table[self.person].duplicated().any():
            msg = f"nobody has two rows in '{self.person}'; for one scan a person use ComBat"
            raise InputError(msg)
        if self.visit is not None:
            refuse_scanner_visit_confounding(table, person=self.person, visit=self.visit, scanner=self.site)
        self.feature_names_in_ = np.array(table.columns, dtype=object)
        self.n_features_in_ = table.shape[1]
        self.coding_ = CovariateCoding.learn(table, self.preserve)
        values, matrix = table[list(self.features_)].to_numpy(dtype=float), self.coding_.matrix(table)
        refuse_constant(values, sites, self.features_)
        names = sorted(set(sites.tolist()))
        dummies = np.column_stack([sites == name for name in names]).astype(float)
        # refuses a covariate that the sites already tell
        coefficients(values, dummies, matrix, self.coding_.names)
        design = np.column_stack([dummies, matrix])
        self.models_: tuple[RandomIntercept, ...] = tuple(fit_random_intercept(v, design, people) for v in values.T)
        gamma = np.column_stack([model.coefficients[: len(names)] for model in self.models_])
        self.beta_ = np.column_stack([model.coefficients[len(names) :] for model in self.models_])
        self.alpha_ = dummies.mean(axis=0) @ gamma
        self.sigma_ = np.sqrt([model.residual_variance for model in self.models_])
        self.gamma_ = dict(zip(names, gamma - self.alpha_, strict=True))
        standard, _ = self._standard(values, matrix, people, sites)
        self.effects_: SiteEffects = site_effects(
            standard, sites, shrink=shrink_choice(self.empirical_bayes, len(self.features_)),
            location=(gamma - self.alpha_) / self.sigma_,
        )  # fmt: skip
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:  # noqa: N803 - scikit-learn's name
        """Return the same columns with the features harmonised; the parameters stay those of the training rows.

        Raises
        ------
        InputError
            If a scanner was not among the training rows.
        """
        check_is_fitted(self)
        table = require_table(X)
        feature_columns(table, self.features_, self._others())
        refuse_missing(table, (*self.features_, *self._others()))
        people, sites = table[self.person].astype(str).to_numpy(), site_names(table[self.site])
        for name in sites:
            if name not in self.gamma_:
                raise unseen_site(name, self.effects_.sites)
        values, matrix = table[list(self.features_)].to_numpy(dtype=float), self.coding_.matrix(table)
        standard, own = self._standard(values, matrix, people, sites)
        codes = np.array([self.effects_.sites.index(name) for name in sites])
        adjusted = self.effects_.remove(standard, codes) * self.sigma_ + self.alpha_ + matrix @ self.beta_ + own
        done = table.copy()
        for index, name in enumerate(self.features_):
            done[name] = adjusted[:, index]
        done.attrs[HARMONISED] = f"{type(self).__name__} fitted before"
        return done

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Return the names of the columns, which stay as they are."""
        check_is_fitted(self)
        return self.feature_names_in_

    def _others(self) -> tuple[str, ...]:
        visit = () if self.visit is None else (self.visit,)
        return tuple(dict.fromkeys((self.site, self.person, *visit, *self.preserve)))

    def _standard(
        self, values: FloatArray, matrix: FloatArray, people: np.ndarray, sites: np.ndarray
    ) -> tuple[FloatArray, FloatArray]:
        """Return values without mean, covariates and person, in SDs within a person; and what is the person's."""
        residual = values - self.alpha_ - matrix @ self.beta_
        site_means = np.array([self.gamma_[name] for name in sites])
        without = residual - site_means
        own = np.column_stack([m.intercepts(without[:, i], people) for i, m in enumerate(self.models_)])
        return (residual - own) / self.sigma_, own
