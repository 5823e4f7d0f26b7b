"""The ordinal model against statsmodels where that has one, and against simulated truth."""

import numpy as np
import pandas as pd
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel

from vclip.listening.analysis import ordinal

CUTS = np.array([-2.5, -1.0, 0.7, 2.2])
EFFECTS = {"a": 0.0, "b": 0.8, "c": -1.0}


def simulated(
    rng: np.random.Generator,
    sd: tuple[float, float],
    shape: tuple[int, int] = (40, 20),
    effects: dict[str, float] = EFFECTS,
) -> pd.DataFrame:
    """Answers of the model itself: raters × items × conditions, effects of raters and items."""
    rater, item, which = (a.ravel() for a in np.mgrid[: shape[0], : shape[1], : len(effects)])
    names = np.array(list(effects))[which]
    latent = np.array(list(effects.values()))[which] + rng.logistic(size=len(rater))
    latent += sd[0] * rng.standard_normal(shape[0])[rater]
    latent += sd[1] * rng.standard_normal(shape[1])[item]
    value = 1 + np.searchsorted(CUTS, latent)
    return pd.DataFrame({"rater": rater, "item": item, "condition": names, "value": value})


def test_without_random_effects_it_is_statsmodels_ordered_model() -> None:
    rows = simulated(np.random.default_rng(0), (0, 0), (20, 5))
    design = ordinal.treatment_coding(rows["condition"].to_numpy(), list("abc"))
    model = ordinal.OrdinalModel(rows["value"].to_numpy() - 1, 5, design, {})
    value = model.mode({})
    theirs = OrderedModel(rows["value"].to_numpy(), design, distr="logit")
    fitted = theirs.fit(method="newton", disp=False)
    assert value == pytest.approx(fitted.llf)
    assert model.params[4:] == pytest.approx(fitted.params[:2], abs=1e-4)
    cuts = theirs.transform_threshold_params(fitted.params)[1:-1]
    assert model.params[:4] == pytest.approx(cuts, abs=1e-4)
    errors = np.sqrt(np.diag(model.covariance))[4:]
    assert errors == pytest.approx(fitted.bse[:2], rel=1e-3)


def test_gradient_is_the_slope_of_the_value() -> None:
    rows = simulated(np.random.default_rng(0), (0.5, 0.5), (6, 4))
    design = ordinal.treatment_coding(rows["condition"].to_numpy(), list("abc"))
    model = ordinal.OrdinalModel(rows["value"].to_numpy() - 1, 5, design, ordinal.groups(rows))
    rng = np.random.default_rng(1)
    params = model.params + 0.1 * rng.standard_normal(len(model.params))
    penalty = rng.random(len(params))
    _, gradient, hessian = model._terms(params, penalty)
    for i in (0, 3, 4, 8, len(params) - 1):
        step = np.zeros(len(params))
        step[i] = 1e-5
        slope = (model._value(params + step, penalty) - model._value(params - step, penalty)) / 2e-5
        assert gradient[i] == pytest.approx(slope, rel=1e-4, abs=1e-4)
        after, before = (model._terms(params + s * step, penalty)[1] for s in (1, -1))
        assert -hessian[i] == pytest.approx((after - before) / 2e-5, rel=1e-4, abs=1e-4)


def test_simulated_truth_is_found() -> None:
    found = ordinal.fit(simulated(np.random.default_rng(0), (1.0, 0.6)), list("abc"))
    assert found and found.converged
    assert found.effects["b"] == pytest.approx(0.8, abs=0.25)
    assert found.effects["c"] == pytest.approx(-1.0, abs=0.25)
    assert found.sd["rater"] == pytest.approx(1.0, abs=0.3)
    assert found.sd["item"] == pytest.approx(0.6, abs=0.25)
    assert max(found.sd["rater × condition"], found.sd["stimulus"]) < 0.3
    assert all(contrast.p_holm < 0.001 for contrast in found.contrasts)


@pytest.mark.slow
def test_wald_intervals_cover_the_truth() -> None:
    """Of 40 small studies about 95 %; 34 is what binomial chance allows once in 100 times."""
    rng, hits, n = np.random.default_rng(0), 0, 40
    for _ in range(n):
        rows = simulated(rng, (0.8, 0.5), (15, 8), {"a": 0.0, "b": 0.5})
        found = ordinal.fit(rows, list("ab"))
        assert found
        (contrast,) = found.contrasts
        hits += abs(contrast.value + 0.5) <= 1.96 * contrast.se
    assert hits >= 34


def test_answers_all_alike_have_no_model() -> None:
    rows = simulated(np.random.default_rng(0), (0, 0), (3, 3))
    assert ordinal.fit(rows.assign(value=3), list("abc")) is None
    assert ordinal.fit(rows[rows["condition"] == "a"], list("abc")) is None


def test_without_overlap_nothing_is_estimated() -> None:
    """a is always 5, b and c overlap: only their contrast has a maximum of the likelihood."""
    rows = simulated(np.random.default_rng(0), (0.5, 0.5), (10, 6))
    rows.loc[rows["condition"] != "a", "value"] = rows["value"].clip(upper=4)
    rows.loc[rows["condition"] == "a", "value"] = 5
    found = ordinal.fit(rows, list("abc"))
    assert found
    known = {(c.one, c.other): c for c in found.contrasts}
    assert all(np.isnan([known["a", x].value, known["a", x].p]).all() for x in "bc")
    assert known["b", "c"].value > 0.5 and known["b", "c"].p < 0.001
    assert np.isnan([found.effects["b"], found.effects["c"]]).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_handful_of_answers_breaks_nothing(seed: int) -> None:
    """Two to a dozen; a live page asks for the model from the first answers on."""
    rng = np.random.default_rng(seed)
    rows = simulated(rng, (1, 1), (3, 3)).sample(int(rng.integers(2, 13)), random_state=seed)
    found = ordinal.fit(rows, list("abc"))
    for contrast in found.contrasts if found else []:
        assert np.isnan(contrast.se) or 0 < contrast.se < ordinal.MOST
