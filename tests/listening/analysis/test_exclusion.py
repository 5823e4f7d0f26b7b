"""Each rule of the study file leaves out who breaks it, and nobody else."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import simulated_ratings
import toy_study
from scipy import stats

from vclip.listening.analysis import exclusion, rating_table
from vclip.listening.design.study import Exclusion, Study
from vclip.listening.design.study_file import parse

RULES = {"attention_min": 1.0, "gold_min": 0.7, "min_seconds": 2.0, "heard": 0.95}


def study(**rules: float) -> Study:
    fields = toy_study.fields(trials_per_rater=12)
    return parse(json.dumps(fields | {"exclusion": RULES | rules}))


def rows(rater: int = 1, n: int = 6, **changes: Any) -> pd.DataFrame:
    """n fine ACR ratings of one rater."""
    base = {name: "" for name in rating_table.COLUMNS} | {
        "rater": rater,
        "position": np.arange(n) + 100 * len(str(changes)),
        "type": "acr_fit",
        "purpose": "rating",
        "answer": "4",
        "value": 1.0 + np.arange(n) % 5,
        "correct": None,
        "heard": 1.0,
        "seconds": 5.0,
        "excluded": False,
    }
    return pd.DataFrame(base | changes)


def check(rater: int, purpose: str, right: list[bool]) -> pd.DataFrame:
    return rows(rater, len(right), purpose=purpose, correct=right)


BROKEN = {
    "attention": [rows(), check(1, "attention", [True, False])],
    "gold": [rows(), check(1, "gold", [True, False])],
    "straight-lining": [rows(n=10, value=3.0)],
    "one side": [rows(n=10, type="ab", answer="A", value=np.nan)],
    "speed": [rows(seconds=1.0)],
    "heard": [rows(), rows(n=1, heard=0.5)],
}
KEPT = {
    "attention right": [rows(), check(1, "attention", [True, True])],
    "gold mostly right": [rows(), check(1, "gold", [True] * 3 + [False])],
    "training does not count": [rows(), check(1, "training", [False] * 5)],
    "some variance": [rows(n=10, value=[3.0] * 8 + [4.0, 4.0])],
    "nine alike say nothing": [rows(n=9, value=3.0)],
    "four hasty ones say nothing": [rows(n=4, seconds=0.1)],
    "nine of one side say nothing": [rows(n=9, type="abx", answer="B", value=np.nan)],
    "both sides": [rows(n=10, type="abx", answer=["B"] * 9 + ["A"], value=np.nan)],
    "a tie is no side": [rows(n=10, type="ab", answer=["A"] * 9 + ["tie"], value=np.nan)],
    "training has no side": [rows(n=12, type="ab", answer="A", value=np.nan, purpose="training")],
    "median, not mean": [rows(n=7, seconds=[0.1, 0.1, 0.1, 3, 3, 3, 3])],
    "heard enough": [rows(heard=0.95)],
}


@pytest.mark.parametrize("rule", BROKEN)
def test_who_breaks_a_rule_is_left_out(rule: str) -> None:
    table = pd.concat([*BROKEN[rule], rows(rater=2)], ignore_index=True)
    reasons = exclusion.exclusion_reasons(study(), table)
    assert list(reasons) == [1]
    assert [why.split(":")[0] for why in reasons[1]] == [rule]


@pytest.mark.parametrize("case", KEPT)
def test_who_breaks_none_stays(case: str) -> None:
    assert exclusion.exclusion_reasons(study(), pd.concat(KEPT[case], ignore_index=True)) == {}


def test_rules_come_from_the_study() -> None:
    table = pd.concat(BROKEN["attention"], ignore_index=True)
    assert exclusion.exclusion_reasons(study(attention_min=0.5), table) == {}


def test_all_reasons_are_told_and_read_back() -> None:
    table = pd.concat([rows(n=10, value=3.0, seconds=1.0), rows(rater=2)], ignore_index=True)
    marked = exclusion.mark(study(), table)
    assert list(marked["excluded"]) == [True] * 10 + [False] * 6
    reasons = exclusion.exclusion_reasons(study(), table)
    assert exclusion.reasons_of(marked) == reasons
    assert exclusion.by_rule(reasons) == {"straight-lining": 1, "speed": 1}
    assert set(exclusion.clean(marked)["rater"]) == {2}
    assert exclusion.exclusion_reasons(study(), marked) == reasons  # marks change no judgement


def test_an_honest_rater_risks_what_is_documented() -> None:
    """Closed form of "all alike, or all but one and that a step off", P(3) = 1/2, P(2) = P(4)."""
    generator, n = np.random.default_rng(0), 20_000
    values = generator.choice([2.0, 3.0, 4.0], (n, 10), p=[0.25, 0.5, 0.25])
    alike = 0.5**10 + 2 * 0.25**10
    but_one = 10 * (0.5**9 * 0.5 + 2 * 0.25**9 * 0.5)
    assert alike + but_one == pytest.approx(0.0108, abs=5e-5)
    assert np.mean(values.var(axis=1) < 0.1) == pytest.approx(alike + but_one, abs=0.003)


def test_a_coin_flipper_is_left_out_less_than_3_times_in_1000() -> None:
    """Of n choices, whatever n: more than 95 % on one of two sides."""
    most = Exclusion().max_side
    for n in range(exclusion.LEAST, 200):
        enough = next(k for k in range(n + 1) if k / n > most)
        assert 2 * stats.binom.sf(enough - 1, n, 0.5) < 0.003
    table = [rows(n=10, type="ab", answer=a, value=np.nan) for a in ("A", ["A"] * 9 + ["B"])]
    assert [bool(exclusion.exclusion_reasons(study(), one)) for one in table] == [True, False]


def test_a_multi_trial_counts_once() -> None:
    table = rows(n=6, type="multi", position=[1, 1, 1, 2, 2, 2], seconds=[9, 9, 9, 0.1, 0.1, 0.1])
    assert exclusion.exclusion_reasons(study(), table) == {}  # two trials, not six


def test_a_careless_panel_is_found() -> None:
    """Who answers by lot has 3 attention trials of five values right once in 125 times."""
    asked = toy_study.study(12, "abc", "acr_fit", trials_per_rater=12, attention=3)
    reasons = exclusion.exclusion_reasons(
        asked, simulated_ratings.table(asked, 40, inattentive=0.25)
    )
    assert 9 <= len(reasons) <= 10
    assert exclusion.exclusion_reasons(asked, simulated_ratings.table(asked, 40)) == {}
