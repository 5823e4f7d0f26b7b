"""Agreement against published worked examples."""

import numpy as np
import pandas as pd
import pytest

from vclip.listening.analysis import agreement

X = np.nan
KRIPPENDORFF = (
    np.array(  # Computing Krippendorff's alpha-reliability (2011), section C: ordinal 0.815
        [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, X, X, X],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, X, 3],
            [X, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, X],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, X],
        ]
    )
)
SHROUT_FLEISS = np.array(  # 1979, table 2: six targets, four judges
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
).T


def rows(table: np.ndarray) -> pd.DataFrame:
    found = [
        {"rater": r, "item": f"i{u // 2}", "condition": "ab"[u % 2], "value": table[r, u]}
        for r, u in np.argwhere(np.isfinite(table))
    ]
    return pd.DataFrame(found).assign(type="acr_fit")


def test_krippendorff_2011() -> None:
    assert agreement.alpha(KRIPPENDORFF) == pytest.approx(0.815, abs=5e-4)
    assert agreement.alpha(KRIPPENDORFF, "interval") == pytest.approx(0.849, abs=5e-4)


def test_rows_make_the_table() -> None:
    found = agreement.agreement(rows(KRIPPENDORFF), np.random.default_rng(0))
    assert found.alpha == pytest.approx(0.815, abs=5e-4)
    assert (found.n_units, found.reliability.kind) == (12, "ICC(1,k)")


def test_shrout_and_fleiss_1979() -> None:
    """Their table 4: ICC(2,1) 0.29, ICC(2,4) 0.62, ICC(1,1) 0.17, ICC(1,4) 0.44."""
    two = agreement.icc(SHROUT_FLEISS)
    assert (two.kind, two.k) == ("ICC(2,k)", 4)
    assert (two.single, two.mean) == pytest.approx((0.29, 0.62), abs=5e-3)
    one = agreement.one_way(SHROUT_FLEISS)
    assert (one.single, one.mean) == pytest.approx((0.17, 0.44), abs=5e-3)


def test_steps_of_spearman_brown() -> None:
    """The mean of four judges is one judge stepped up four times."""
    one = agreement.one_way(SHROUT_FLEISS)
    assert agreement.spearman_brown(one.single, 4) == pytest.approx(one.mean)
    assert agreement.spearman_brown(0.5) == pytest.approx(2 / 3)


def test_split_halves_find_the_planted_reliability() -> None:
    """Unit variance 1, noise 4 and 20 raters: 1 / (1 + 4 / 20)."""
    rng = np.random.default_rng(0)
    table = rng.standard_normal(400) + 2 * rng.standard_normal((20, 400))
    assert agreement.split_half(table, rng) == pytest.approx(1 / 1.2, abs=0.03)
    assert agreement.icc(table).mean == pytest.approx(1 / 1.2, abs=0.03)
    table[rng.random(table.shape) < 0.5] = X  # half as many judgements each
    assert agreement.icc(table).mean == pytest.approx(1 / 1.4, abs=0.05)


def test_what_is_not_defined_is_nan() -> None:
    alike = np.full((3, 4), 3.0)
    assert np.isnan(agreement.alpha(alike))
    assert np.isnan(agreement.icc(alike).mean)
    assert np.isnan(agreement.split_half(alike, np.random.default_rng(0)))
    alone = np.array([[1.0, 2.0, 3.0, 4.0]])
    assert np.isnan(agreement.alpha(alone))
    assert np.isnan(agreement.icc(alone).mean)
