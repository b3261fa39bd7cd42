import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from numpy.testing import assert_allclose
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from neurochem.errors import InputError, LeakageError, UnknownNameError
from neurochem.response.harmonize import (
    ComBat,
    LeaveSiteOut,
    LongitudinalComBat,
    refuse_scanner_visit_confounding,
)
from neurochem.response.harmonize.random_intercept import fit_random_intercept

VALUES = np.array([
    [1.50, 8.9, 2.10, 1.20], [1.42, 9.6, 2.35, 1.11], [1.61, 8.4, 2.02, 1.31], [1.33, 9.1, 2.28, 1.05],
    [1.55, 9.9, 2.21, 1.24], [1.78, 10.4, 2.60, 1.29], [1.69, 11.9, 2.95, 1.22], [1.90, 10.1, 2.41, 1.45],
    [1.60, 12.2, 2.88, 1.12], [1.83, 10.9, 2.66, 1.37],
])  # fmt: skip
AGE = [30, 42, 25, 51, 36, 33, 45, 28, 55, 39]
FEATURES = ["f1", "f2", "f3", "f4"]


def ten_people() -> pd.DataFrame:
    return pd.DataFrame(VALUES, columns=FEATURES).assign(age=AGE, site=list("AAAAABBBBB"))


def many(rng: np.random.Generator, people: int = 60, features: int = 12, sites: str = "ABC") -> pd.DataFrame:
    """Return features with site effects and an effect of age."""
    site = np.array([sites[i % len(sites)] for i in range(people)])
    age = rng.uniform(20, 60, people)
    shift, scale = rng.normal(size=(len(sites), features)), rng.uniform(0.7, 1.5, (len(sites), features))
    code = np.array([sites.index(s) for s in site])
    noise = rng.normal(size=(people, features)) * scale[code]
    values = 5 + 0.03 * age[:, None] + shift[code] + noise
    return pd.DataFrame(values, columns=[f"x{i}" for i in range(features)]).assign(age=age, site=site)


def combat_by_the_equations(table: pd.DataFrame, features: list[str], covariates: list[str]) -> np.ndarray:
    """ComBat written one feature and one site at a time, sharing nothing with the package."""
    y = table[features].to_numpy()
    n, sites = len(table), sorted(set(table["site"]))
    x = table[covariates].to_numpy()
    adjusted = np.zeros_like(y)
    z, stand, sigma = np.zeros_like(y), np.zeros_like(y), np.zeros(len(features))
    for f in range(len(features)):
        design = np.hstack([np.array([[float(s == t) for t in sites] for s in table["site"]]), x])
        b = np.linalg.solve(design.T @ design, design.T @ y[:, f])
        alpha = sum(b[i] * sum(table["site"] == s) / n for i, s in enumerate(sites))
        sigma[f] = np.sqrt(np.sum((y[:, f] - design @ b) ** 2) / n)
        stand[:, f] = alpha + x @ b[len(sites) :]
        z[:, f] = (y[:, f] - stand[:, f]) / sigma[f]
    for s in sites:
        rows = np.flatnonzero(table["site"] == s)
        m = len(rows)
        g = [np.mean(z[rows, f]) for f in range(len(features))]
        d = [np.sum((z[rows, f] - g[f]) ** 2) / (m - 1) for f in range(len(features))]
        gbar, t2, v, s2 = np.mean(g), np.var(g, ddof=1), np.mean(d), np.var(d, ddof=1)
        lam, theta = (2 * s2 + v**2) / s2, (v * s2 + v**3) / s2
        for f in range(len(features)):
            gs, ds = g[f], d[f]
            for _ in range(2000):
                gs = (m * t2 * g[f] + ds * gbar) / (m * t2 + ds)
                ds = (theta + 0.5 * np.sum((z[rows, f] - gs) ** 2)) / (m / 2 + lam - 1)
            adjusted[rows, f] = sigma[f] * (z[rows, f] - gs) / np.sqrt(ds) + stand[rows, f]
    return adjusted


def test_ten_people_and_two_sites_give_the_worked_numbers():
    combat = ComBat(preserve=["age"], empirical_bayes=True).fit(ten_people())
    assert_allclose(combat.alpha_, [2.014837, 7.940987, 1.870000, 1.630731], atol=6e-7)
    assert_allclose(combat.beta_[0], [-0.010256, 0.057266, 0.015000, -0.010279], atol=6e-7)
    assert_allclose(combat.sigma_, [0.036529, 0.441776, 0.082735, 0.042110], atol=6e-7)
    effects = combat.effects_
    assert_allclose(effects.raw_location[0], [-4.254430, -1.965644, -2.779976, -1.672912], rtol=1e-6)
    assert_allclose(effects.raw_scale[0], [1.202253, 1.821540, 0.841855, 0.811394], rtol=1e-6)
    assert_allclose(effects.prior[0], [-2.668241, 1.337601, 8.197323, 8.415546], rtol=1e-6)
    assert_allclose(effects.location[0], [-4.025284, -2.076032, -2.764921, -1.806835], rtol=1e-6)
    assert_allclose(effects.scale[0], [1.129314, 1.246642, 1.041506, 1.039789], rtol=1e-6)
    assert_allclose(effects.location[1], [3.999387, 2.069661, 2.761443, 1.839162], rtol=1e-6)
    assert_allclose(effects.scale[1], [1.281401, 1.162193, 1.329898, 1.341103], rtol=1e-6)
    clean = combat.transform(ten_people())[FEATURES].to_numpy()
    assert_allclose(clean[0], [1.650586, 9.800632, 2.328578, 1.276980], rtol=1e-6)
    assert_allclose(clean[5], [1.638859, 9.510658, 2.370665, 1.223329], rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_combat_equals_the_equations_written_out(seed):
    table = many(np.random.default_rng(seed))
    features = [name for name in table if name.startswith("x")]
    expected = combat_by_the_equations(table, features, ["age"])
    assert_allclose(ComBat(preserve=["age"]).fit_transform(table)[features], expected, rtol=1e-9)


def test_without_shrinkage_sites_have_the_same_mean_and_variance():
    table = many(np.random.default_rng(0))
    clean = ComBat(empirical_bayes=False, features=["x0", "x1"]).fit_transform(table)
    groups = clean.groupby("site")[["x0", "x1"]]
    assert_allclose(np.ptp(groups.mean(), axis=0), 0, atol=1e-12)
    assert_allclose(np.ptp(groups.std(), axis=0), 0, atol=1e-12)
    assert_allclose(clean["x2"], table["x2"])


def test_few_features_are_not_shrunken_unless_asked():
    table = many(np.random.default_rng(0), features=9)
    assert not ComBat(preserve=["age"]).fit(table).shrunken_
    assert ComBat(preserve=["age"]).fit(many(np.random.default_rng(0), features=10)).shrunken_


def test_test_rows_cannot_change_the_fitted_transformer():
    table = many(np.random.default_rng(1))
    train, test = table.iloc[:40], table.iloc[40:]
    combat = ComBat(preserve=["age"]).fit(train)
    before = {name: np.array(getattr(combat, name)) for name in ("alpha_", "beta_", "sigma_")}
    effects = (combat.effects_.location.copy(), combat.effects_.scale.copy())
    alone = combat.transform(test.iloc[[3]])
    wild = test.copy()
    wild.iloc[:3, :12] *= 1e3
    together = combat.transform(wild)
    assert_allclose(together.iloc[[3], :12], alone.iloc[:, :12], rtol=0)
    for name, value in before.items():
        assert_allclose(getattr(combat, name), value, rtol=0)
    assert_allclose(combat.effects_.location, effects[0], rtol=0)
    assert_allclose(combat.effects_.scale, effects[1], rtol=0)
    with pytest.raises(ValueError, match="read-only"):
        combat.effects_.location[0, 0] = 0.0


def test_the_transform_of_training_rows_is_that_of_fitting():
    table = many(np.random.default_rng(1))
    combat = ComBat(preserve=["age"])
    assert_allclose(combat.fit_transform(table).iloc[:, :12], combat.transform(table).iloc[:, :12], rtol=0)
    assert combat.get_feature_names_out().tolist() == list(table.columns)


def test_combat_works_inside_folds_of_scikit_learn():
    table = many(np.random.default_rng(2), people=90)
    pipeline = make_pipeline(
        clone(ComBat(preserve=["age"])).set_output(transform="pandas"), _Drop(), LinearRegression()
    )
    scores = cross_val_score(pipeline, table, table["age"].to_numpy() + 40.0 * (table["x0"] > 5), cv=3)
    assert np.isfinite(scores).all()


class _Drop:
    def fit(self, table: pd.DataFrame, y: object = None) -> "_Drop":
        return self

    def transform(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.drop(columns=["site"])

    def fit_transform(self, table: pd.DataFrame, y: object = None) -> pd.DataFrame:
        return self.transform(table)


def test_an_unseen_site_is_refused_and_the_message_names_the_choices():
    table = many(np.random.default_rng(3))
    combat = ComBat().fit(table.loc[table["site"] != "C"])
    with pytest.raises(InputError, match=r"site 'C' was not in the training rows \(A, B\).*unharmonised.*within_site"):
        combat.transform(table)
    rows = table.loc[table["site"] == "C"]
    kept = clone(combat).set_params(unseen="unharmonised").fit(table.loc[table["site"] != "C"]).transform(rows)
    assert_allclose(kept["x3"], rows["x3"], rtol=1e-12)
    within = clone(combat).set_params(unseen="within_site").fit(table.loc[table["site"] != "C"])
    moved = within.transform(rows)
    assert_allclose(moved["x3"].mean(), within.alpha_[list(within.features_).index("x3")])
    with pytest.raises(InputError, match="needs several rows of the new site"):
        within.transform(rows.iloc[[0]])
    with pytest.raises(UnknownNameError, match="refuse"):
        ComBat(unseen="refuze").fit(table)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: t.assign(site=["Z", *t["site"].iloc[1:]]), "site 'Z' has 1 row"),
        (lambda t: t.assign(x3=t["x3"].where(t["site"] != "B", 2.0)), "feature 'x3' does not vary within site 'B'"),
        (lambda t: t.assign(x3=t["x3"].where(t["x3"] < 6)), "column 'x3' is missing in row"),
        (lambda t: t.assign(age=(t["site"] == "A") * 1.0), "covariate 'age' cannot be told from the sites"),
    ],
)
def test_what_cannot_be_harmonised_is_named(spoil, message):
    with pytest.raises(InputError, match=message):
        ComBat(preserve=["age"], features=["x2", "x3"], empirical_bayes=False).fit(
            spoil(many(np.random.default_rng(0)))
        )


def test_a_site_of_one_class_is_named():
    table = many(np.random.default_rng(0))
    y = np.where(table["site"] == "B", 1, np.arange(60) // 3 % 2)
    with pytest.raises(InputError, match="site 'B' has one class only"):
        ComBat().fit(table, y)


def test_the_outcome_among_preserved_covariates_is_a_leak():
    rng = np.random.default_rng(0)
    table = many(rng)
    y = rng.integers(0, 2, 60)
    with pytest.raises(LeakageError, match="outcome among ComBat's preserved covariates: 'group'"):
        ComBat(preserve=["group"]).fit(table.assign(group=np.where(y == 1, "responder", "other")), y)
    score = rng.normal(size=60)
    with pytest.raises(LeakageError, match="outcome among ComBat's preserved covariates: 'end'"):
        LongitudinalComBat(preserve=["end"]).fit(
            table.assign(end=2 * score + 1, participant_id=np.arange(60) // 2), score
        )
    ComBat(preserve=["age"]).fit(table, y)


def test_scale_of_a_site_also_scales_the_errors_of_its_scans():
    table = many(np.random.default_rng(0))
    combat = ComBat().fit(table)
    factor = combat.stderr_factor(table)
    row = table.index[table["site"] == "B"][:2]
    clean = combat.transform(table.loc[row])
    moved = table.loc[row].copy()
    moved["x1"] += 1e-3
    assert_allclose((combat.transform(moved)["x1"] - clean["x1"]) / 1e-3, factor.loc[row, "x1"], rtol=1e-9)


def test_a_table_without_names_is_refused():
    with pytest.raises(InputError, match="ComBat takes a DataFrame"):
        ComBat().fit(VALUES)


def test_a_test_row_with_a_new_level_is_named():
    table = many(np.random.default_rng(0)).assign(sex=lambda t: np.where(t["age"] > 40, "f", "m"))
    combat = ComBat(preserve=["sex"]).fit(table)
    with pytest.raises(UnknownNameError, match="unknown level of 'sex' in the training rows 'x'"):
        combat.transform(table.assign(sex="x"))


def test_random_intercept_equals_the_balanced_closed_form():
    rows = [(24, 20, 16, 14), (22, 21, 19, 17), (27, 22, 15, 12), (19, 16, 14, 9), (21, 15, 12, 8), (25, 24, 20, 19)]
    y = np.array(rows, dtype=float).ravel()
    weeks, people = np.tile([0.0, 2.0, 4.0, 8.0], 6), np.repeat(np.arange(6), 4)
    fit = fit_random_intercept(y, np.column_stack([np.ones(24), weeks]), people)
    assert_allclose(fit.coefficients, [22.233333, -1.221429], rtol=1e-6)
    assert_allclose(fit.stderr[1], 0.137457, atol=6e-7)
    assert_allclose([fit.residual_variance, fit.person_variance], [3.967857, 8.718452], rtol=1e-6)


def test_random_intercept_of_unequal_rows_equals_statsmodels():
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(15), rng.integers(1, 5, 15))
    x = rng.normal(size=people.size)
    y = 1 + 0.5 * x + rng.normal(size=15)[people] + 0.8 * rng.normal(size=people.size)
    fit = fit_random_intercept(y, np.column_stack([np.ones(x.size), x]), people)
    other = smf.mixedlm("y ~ x", pd.DataFrame({"y": y, "x": x, "who": people}), groups="who").fit(reml=True)
    # statsmodels stops its search where the gradient is about 1e-5
    assert_allclose(fit.coefficients, other.params[:2], rtol=1e-4)
    assert_allclose(fit.residual_variance, other.scale, rtol=1e-3)
    assert_allclose(fit.person_variance, other.cov_re.iloc[0, 0], rtol=1e-3)


def test_people_who_do_not_differ_have_no_variance():
    y = np.array([1.0, -1.0, -1.0, 1.0, 0.5, -0.5])
    fit = fit_random_intercept(y, np.ones((6, 1)), np.array([0, 0, 1, 1, 2, 2]))
    assert fit.person_variance == 0.0


def two_scans(rng: np.random.Generator, features: int = 10) -> pd.DataFrame:
    """Return two scans of each of 40 people; half of them change the scanner."""
    person = np.repeat(np.arange(40), 2)
    visit = np.tile([0, 1], 40)
    scanner = np.where((person % 4 == 0) | ((person % 4 == 1) & (visit == 1)), "new", "old")
    own = rng.normal(size=(40, features))[person]
    shift, scale = rng.normal(size=features), rng.uniform(0.8, 1.6, features)
    new = (scanner == "new")[:, None]
    noise = 0.5 * rng.normal(size=(80, features)) * np.where(new, scale, 1.0)
    values = 3 + own + 0.3 * visit[:, None] + shift * new + noise
    frame = pd.DataFrame(values, columns=[f"x{i}" for i in range(features)])
    return frame.assign(participant_id=[f"p{i:02d}" for i in person], visit=visit, scanner=scanner)


def longitudinal_by_the_equations(table: pd.DataFrame, features: list[str]) -> np.ndarray:
    """Longitudinal ComBat from dense matrices; the ratio of variances by a search over the restricted likelihood."""
    from scipy.optimize import minimize_scalar

    sites = ["new", "old"]
    dummies = np.array([[float(s == t) for t in sites] for s in table["scanner"]])
    design = np.hstack([dummies, table[["visit"]].to_numpy(dtype=float)])
    same = (table["participant_id"].to_numpy()[:, None] == table["participant_id"].to_numpy()[None]).astype(float)
    n, p = design.shape
    g, z, base, sigmas = [], [], [], []
    for name in features:
        y = table[name].to_numpy()

        def parts(ratio: float, y: np.ndarray = y) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
            inverse = np.linalg.inv(np.eye(n) + ratio * same)
            a = design.T @ inverse @ design
            b = np.linalg.solve(a, design.T @ inverse @ y)
            rest = y - design @ b
            rss = rest @ inverse @ rest
            logs = np.linalg.slogdet(np.eye(n) + ratio * same)[1] + np.linalg.slogdet(a)[1]
            return inverse, b, rest, (n - p) * np.log(rss) + logs

        best = np.exp(minimize_scalar(lambda r: parts(np.exp(r))[3], bounds=(-6, 6), options={"xatol": 1e-9}).x)
        inverse, b, rest, _ = parts(best)
        sigma = np.sqrt(rest @ inverse @ rest / (n - p))
        own = best * same @ inverse @ rest
        alpha = dummies.mean(axis=0) @ b[:2]
        stand = alpha + design[:, 2] * b[2] + own
        g.append((b[:2] - alpha) / sigma)
        z.append((y - stand) / sigma)
        base.append(stand)
        sigmas.append(sigma)
    g, z = np.array(g).T, np.array(z).T
    adjusted = np.zeros_like(z)
    for i, s in enumerate(sites):
        rows = np.flatnonzero(table["scanner"] == s)
        d = z[rows].var(axis=0, ddof=1)
        gbar, t2, v, s2 = g[i].mean(), g[i].var(ddof=1), d.mean(), d.var(ddof=1)
        lam, theta = (2 * s2 + v**2) / s2, (v * s2 + v**3) / s2
        gs, ds = g[i], d
        for _ in range(2000):
            gs = (len(rows) * t2 * g[i] + ds * gbar) / (len(rows) * t2 + ds)
            ds = (theta + 0.5 * ((z[rows] - gs) ** 2).sum(axis=0)) / (len(rows) / 2 + lam - 1)
        adjusted[rows] = np.array(sigmas) * (z[rows] - gs) / np.sqrt(ds) + np.array(base).T[rows]
    return adjusted


def test_longitudinal_combat_equals_the_equations_written_out():
    table = two_scans(np.random.default_rng(0))
    features = [f"x{i}" for i in range(10)]
    combat = LongitudinalComBat("scanner", visit="visit", preserve=["visit"])
    # the search over the likelihood finds the ratio of variances to about 1e-7
    assert_allclose(combat.fit_transform(table)[features], longitudinal_by_the_equations(table, features), rtol=1e-6)


def test_longitudinal_combat_keeps_people_apart_and_brings_scanners_together():
    table = two_scans(np.random.default_rng(5))
    clean = LongitudinalComBat("scanner", preserve=["visit"]).fit_transform(table)
    stayed = table["participant_id"].isin([f"p{i:02d}" for i in range(1, 40, 4)])
    change = {}
    for name, frame in (("raw", table), ("clean", clean)):
        pivot = frame.loc[stayed].pivot_table(
            index="participant_id", columns="visit", values=[f"x{i}" for i in range(10)]
        )
        change[name] = np.abs((pivot.xs(1, axis=1, level=1) - pivot.xs(0, axis=1, level=1)).mean() - 0.3).mean()
    assert change["clean"] < 0.4 * change["raw"]
    same_scanner = table["participant_id"].isin([f"p{i:02d}" for i in range(40) if i % 4 > 1])
    between = [frame.loc[same_scanner].groupby("participant_id")["x0"].mean() for frame in (table, clean)]
    assert np.corrcoef(*between)[0, 1] > 0.999


def test_rows_of_others_do_not_change_a_persons_longitudinal_transform():
    table = two_scans(np.random.default_rng(6))
    train, test = table.iloc[:60], table.iloc[60:]
    combat = LongitudinalComBat("scanner").fit(train)
    alone = combat.transform(test.iloc[:2])
    wild = test.copy()
    wild.iloc[2:, :10] += 100.0
    assert_allclose(combat.transform(wild).iloc[:2, :10], alone.iloc[:, :10], rtol=1e-12)
    with pytest.raises(InputError, match="site 'third' was not in the training rows"):
        combat.transform(test.assign(scanner="third"))


def test_one_scan_a_person_is_not_longitudinal():
    with pytest.raises(InputError, match="nobody has two rows in 'participant_id'"):
        LongitudinalComBat().fit(many(np.random.default_rng(0)).assign(participant_id=range(60)))


def scans(pairs: list[tuple[str, str]]) -> pd.DataFrame:
    rows = [(f"p{i}", v, s) for i, pair in enumerate(pairs) for v, s in zip(("baseline", "week8"), pair, strict=True)]
    return pd.DataFrame(rows, columns=["person", "visit", "scanner"])


@pytest.mark.parametrize("pairs", [[("Trio", "Prisma")] * 5, [("A1", "A2")] * 3 + [("B1", "B2")] * 3])
def test_a_scanner_that_changes_with_the_visit_is_refused_by_name(pairs):
    with pytest.raises(InputError, match=r"visit and scanner are the same variable.*baseline: .*week8: "):
        refuse_scanner_visit_confounding(scans(pairs), person="person", visit="visit", scanner="scanner")
    table = scans(pairs).assign(x=np.random.default_rng(0).normal(size=2 * len(pairs)))
    with pytest.raises(InputError, match="visit and scanner are the same variable"):
        LongitudinalComBat("scanner", "person", visit="visit", features=["x"]).fit(table)


@pytest.mark.parametrize(
    "pairs", [[("a", "b")] * 5 + [("a", "a")], [("a", "b"), ("b", "a")], [("a", "a")] * 3, [("a", "b"), ("b", "b")]]
)
def test_a_change_that_can_be_told_from_the_scanner_passes(pairs):
    refuse_scanner_visit_confounding(scans(pairs), person="person", visit="visit", scanner="scanner")


def test_leave_site_out_leaves_each_site_once():
    sites = ["B", "A", "C", "A", "B"]
    folds = list(LeaveSiteOut().split(np.zeros(5), groups=sites))
    assert [sorted({sites[i] for i in test}) for _, test in folds] == [["A"], ["B"], ["C"]]
    assert LeaveSiteOut().get_n_splits(groups=sites) == 3
    with pytest.raises(InputError, match="at least two sites; there is 1"):
        list(LeaveSiteOut().split(np.zeros(3), groups=["A"] * 3))
    with pytest.raises(InputError, match="one person in two folds: 'p1' was seen at sites 'A' and 'B'"):
        list(LeaveSiteOut(people=["p1", "p1", "p2"]).split(np.zeros(3), groups=["A", "B", "B"]))
