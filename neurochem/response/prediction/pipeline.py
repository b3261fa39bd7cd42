"""The package's own scikit-learn pipeline: impute, harmonise, pick the predictors, scale, ridge; all fitted in the fold."""

from collections.abc import Sequence
from typing import Any


def ridge_pipeline(
    predictors: Sequence[str],
    *,
    binary: bool,
    site: str | None = None,
    harmonised: Sequence[str] = (),
    preserve: Sequence[str] = (),
    unseen: str = "refuse",
) -> tuple[Any, str]:
    """Return an unfitted pipeline and the name of its penalty's setting.

    Parameters
    ----------
    predictors : sequence of str
        Columns of the table that enter the model.
    binary : bool
        Logistic or linear ridge.
    site : str, optional
        Column with the site; when given, `harmonised` columns go through ComBat, which keeps the effects of `preserve`.
    harmonised, preserve, unseen
        As features, preserve and unseen of `ComBat`.

    Returns
    -------
    pipeline : sklearn Pipeline
        Takes a DataFrame with the predictors, and the site and preserved columns where they are needed.
    setting : str
        "model__C" (one over the penalty) or "model__alpha".
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    impute = ColumnTransformer(
        [("mean", SimpleImputer(keep_empty_features=True), list(predictors))], remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")  # fmt: skip
    steps: list[tuple[str, Any]] = [("impute", impute)]
    if site is not None:
        from neurochem.response.harmonize import ComBat

        features, keep = list(harmonised), list(preserve)
        steps.append(("combat", ComBat(site, preserve=keep, features=features, unseen=unseen)))
    steps.append(("predictors", ColumnTransformer([("keep", "passthrough", list(predictors))])))
    steps.append(("scale", StandardScaler()))
    if binary:
        steps.append(("model", LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=200)))
        return Pipeline(steps), "model__C"
    steps.append(("model", Ridge()))
    return Pipeline(steps), "model__alpha"
