"""Preferences against closed forms, choix and a published example; accuracy against chance."""

from itertools import permutations

import choix
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from vclip.listening.analysis import forced_choice, preference
from vclip.listening.analysis.bootstrap import TwoWayBootstrap

BASEBALL = {  # Agresti, Categorical data analysis, table 10.10: home team, wins at home and away
    ("Milwaukee", "Detroit"): (4, 3),
    ("Milwaukee", "Toronto"): (4, 2),
    ("Milwaukee", "New York"): (4, 3),
    ("Milwaukee", "Boston"): (6, 1),
    ("Milwaukee", "Cleveland"): (4, 2),
    ("Milwaukee", "Baltimore"): (6, 0),
    ("Detroit", "Milwaukee"): (3, 3),
    ("Detroit", "Toronto"): (4, 2),
    ("Detroit", "New York"): (4, 3),
    ("Detroit", "Boston"): (6, 0),
    ("Detroit", "Cleveland"): (6, 1),
    ("Detroit", "Baltimore"): (4, 3),
    ("Toronto", "Milwaukee"): (2, 5),
    ("Toronto", "Detroit"): (4, 3),
    ("Toronto", "New York"): (2, 4),
    ("Toronto", "Boston"): (4, 3),
    ("Toronto", "Cleveland"): (4, 2),
    ("Toronto", "Baltimore"): (6, 0),
    ("New York", "Milwaukee"): (3, 3),
    ("New York", "Detroit"): (5, 1),
    ("New York", "Toronto"): (2, 5),
    ("New York", "Boston"): (4, 3),
    ("New York", "Cleveland"): (4, 2),
    ("New York", "Baltimore"): (6, 1),
    ("Boston", "Milwaukee"): (5, 1),
    ("Boston", "Detroit"): (2, 5),
    ("Boston", "Toronto"): (3, 3),
    ("Boston", "New York"): (4, 2),
    ("Boston", "Cleveland"): (5, 2),
    ("Boston", "Baltimore"): (6, 0),
    ("Cleveland", "Milwaukee"): (2, 5),
    ("Cleveland", "Detroit"): (3, 3),
    ("Cleveland", "Toronto"): (3, 4),
    ("Cleveland", "New York"): (4, 3),
    ("Cleveland", "Boston"): (4, 2),
    ("Cleveland", "Baltimore"): (2, 4),
    ("Baltimore", "Milwaukee"): (2, 5),
    ("Baltimore", "Detroit"): (1, 5),
    ("Baltimore", "Toronto"): (1, 6),
    ("Baltimore", "New York"): (2, 4),
    ("Baltimore", "Boston"): (1, 6),
    ("Baltimore", "Cleveland"): (3, 4),
}


def table(counts: dict[tuple[str, str], tuple[int, ...]]) -> pd.DataFrame:
    """Rows of (first, second): how often A, B, tie."""
    rows = [
        {"conditions": " ".join(pair).replace("New York", "NewYork"), "answer": answer}
        for pair, found in counts.items()
        for answer, n in zip(["A", "B", "tie"], found, strict=False)
        for _ in range(n)
    ]
    return pd.DataFrame(rows)


def fitted(rows: pd.DataFrame, names: list[str]) -> np.ndarray:
    pairs = preference.PairedChoices(rows, names)
    return preference.fit(pairs.outcome, pairs.features)


def strengths(rows: pd.DataFrame, names: list[str]) -> np.ndarray:
    return preference.contrasts(len(names)) @ fitted(rows, names)[: len(names) - 1]


def test_two_systems_have_a_closed_form() -> None:
    """λa − λb = log of the mean odds over both orders, δ the rest: two logits, two unknowns."""
    rows = table({("a", "b"): (30, 10), ("b", "a"): (18, 22)})
    theta = fitted(rows, ["a", "b"])
    a, b = strengths(rows, ["a", "b"])
    first, second = np.log(30 / 10), np.log(18 / 22)
    assert a - b == pytest.approx((first - second) / 2, abs=1e-5)
    assert theta[1] == pytest.approx((first + second) / 2, abs=1e-5)


def test_ties_have_a_closed_form() -> None:
    """Of one pair in both orders alike: τ = log(ties / √(wins · losses))."""
    rows = table({("a", "b"): (30, 12, 18), ("b", "a"): (12, 30, 18)})
    theta = fitted(rows, ["a", "b"])
    assert theta[2] == pytest.approx(np.log(18 / np.sqrt(30 * 12)), abs=1e-5)
    assert theta[1] == pytest.approx(0, abs=1e-6)
    a, b = strengths(rows, ["a", "b"])
    assert a - b == pytest.approx(np.log(30 / 12), abs=1e-5)


def test_baseball_with_a_home_advantage() -> None:
    """Turner & Firth (2012), J. Stat. Softw. 48 (9), section 3: over Baltimore."""
    names = [n.replace("New York", "NewYork") for n in dict.fromkeys(h for h, _ in BASEBALL)]
    rows = table(BASEBALL)
    found = strengths(rows, names) - strengths(rows, names)[-1]
    expected = [1.6196, 1.4754, 1.3271, 1.2813, 1.1438, 0.7047, 0]
    assert fitted(rows, names)[6] == pytest.approx(0.3023, abs=1e-4)
    assert found == pytest.approx(expected, abs=1e-4)


def test_without_ties_and_position_it_is_choix() -> None:
    """Orders are balanced by counting every comparison in both, so that δ is 0."""
    rng, names = np.random.default_rng(0), list("abcd")
    wins = {pair: int(rng.integers(1, 20)) for pair in permutations(names, 2)}
    both = {(i, j): (wins[i, j], wins[j, i]) for i, j in permutations(names, 2)}
    data = [(names.index(i), names.index(j)) for (i, j), n in wins.items() for _ in range(n)]
    theirs = choix.ilsr_pairwise(4, data)
    assert strengths(table(both), names) == pytest.approx(theirs - theirs.mean(), abs=1e-4)


def simulated(
    rng: np.random.Generator, strength: dict[str, float], n_raters: int = 30
) -> pd.DataFrame:
    """Judgements of the model, δ = 0.3 and τ = −0.5; everyone hears every pair of 8 items."""
    rows, names = [], list(strength)
    for rater in range(n_raters):
        for item in range(8):
            i, j = rng.permutation(len(names))[:2]
            eta = np.array([strength[names[i]] + 0.3, strength[names[j]], -0.5])
            eta[2] += (strength[names[i]] + strength[names[j]]) / 2
            answer = ["A", "B", "tie"][rng.choice(3, p=np.exp(eta) / np.exp(eta).sum())]
            shown = f"{names[i]} {names[j]}"
            rows.append({"rater": rater, "item": item, "conditions": shown, "answer": answer})
    return pd.DataFrame(rows)


def test_planted_strengths_are_covered_and_counted() -> None:
    rng, strength = np.random.default_rng(0), {"a": 0.6, "b": 0.0, "c": -0.6}
    hits = n = 0
    for _ in range(60):
        rows = simulated(rng, strength)
        two_way = TwoWayBootstrap(rows["rater"], rows["item"], 100, rng)
        found = preference.preferences(rows, list("abc"), two_way)
        assert found and found.n == 240
        assert sum(s.wins for s in found.strengths) + found.ties == found.n
        hits += found.position.low <= 0.3 <= found.position.high
        for s in found.strengths:
            hits += s.strength.low <= strength[s.condition] <= s.strength.high
        n += 4
    assert 0.9 <= hits / n <= 0.99


def test_influence_is_what_leaving_one_out_does() -> None:
    rows = simulated(np.random.default_rng(0), {"a": 0.6, "b": 0.0, "c": -0.6})
    pairs = preference.PairedChoices(rows, list("abc"))
    theta = fitted(rows, list("abc"))
    moved = preference.influence(theta, pairs.features, pairs.outcome)
    assert moved.sum(axis=0) == pytest.approx(0, abs=1e-5)
    without = fitted(rows.drop(index=5), list("abc"))
    assert theta - without == pytest.approx(moved[5], abs=2e-3)


def crossed(pairs: list[str], answers: list[str]) -> pd.DataFrame:
    """8 raters × 6 items; pairs and answers go round."""
    rows = [(r, i, (r + i) % len(pairs)) for r in range(8) for i in range(6)]
    found = [(r, i, pairs[n], answers[n]) for r, i, n in rows]
    return pd.DataFrame(found, columns=["rater", "item", "conditions", "answer"])


def judged(rows: pd.DataFrame, names: str = "abc") -> preference.Preferences:
    two_way = TwoWayBootstrap(rows["rater"], rows["item"], 50, np.random.default_rng(0))
    found = preference.preferences(rows, list(names), two_way)
    assert found
    return found


def test_a_condition_that_always_wins_has_no_finite_strength() -> None:
    rows = crossed(["a b", "b a"], ["A", "B"])
    assert np.isfinite(strengths(rows, ["a", "b"])).all()  # Newton's steps
    found = judged(rows)
    assert [(s.condition, s.wins) for s in found.strengths] == [("a", 48), ("b", 0)]
    assert np.isnan([s.strength.value for s in found.strengths]).all()
    (pair,) = found.comparisons
    assert np.isnan([pair.p, pair.difference.low, found.position.value]).all()


def test_what_always_loses_spoils_no_other_comparison() -> None:
    """c never wins; of a and b as much is known as without it."""
    pairs = ["a b", "b a", "a b", "b a", "a c", "c b"]
    rows = crossed(pairs, ["A", "A", "B", "B", "A", "B"])
    by_pair = {(c.one, c.other): c.difference.value for c in judged(rows).comparisons}
    alone = rows[~rows["conditions"].str.contains("c")]
    (pair,) = judged(alone).comparisons
    assert by_pair["a", "b"] == pytest.approx(pair.difference.value, abs=1e-3)
    assert np.isnan([by_pair["a", "c"], by_pair["b", "c"]]).all()


def test_one_order_cannot_tell_preference_from_position() -> None:
    found = judged(crossed(["a b", "a b"], ["A", "B"]))
    assert np.isnan([found.position.value, found.comparisons[0].difference.value]).all()


def test_conditions_that_never_met_are_not_compared() -> None:
    pairs = ["a b", "b a", "a b", "b a", "c d", "d c", "c d", "d c"]
    rows = crossed(pairs, ["A", "A", "B", "B"] * 2)
    known = {(c.one, c.other) for c in judged(rows, "abcd").comparisons if np.isfinite(c.p)}
    assert known <= {("a", "b"), ("c", "d")}
    assert len(known) == 2


def test_only_ties_and_nothing() -> None:
    found = judged(crossed(["a b", "b a"], ["tie", "tie"]))
    assert found.ties == found.n == 48 and np.isnan(found.position.value)
    rows = crossed(["a b"], ["A"])
    two_way = TwoWayBootstrap(rows["rater"], rows["item"], 50, np.random.default_rng(0))
    assert preference.preferences(rows[:0], ["a", "b"], two_way) is None


def right_answers(n: int, right: int, chance: float = 0.5) -> pd.DataFrame:
    rows = pd.DataFrame({"correct": np.arange(n) < right, "chance": chance})
    return rows.assign(
        rater=np.arange(n) % 5, item=np.arange(n) // 5, type="abx", conditions="a b a"
    )


def test_accuracy_against_chance() -> None:
    """Exact: 2 · P(≥ 15 of 20 by coin) = 0.0414; Wilson (1927): 0.531 to 0.888."""
    rows = right_answers(20, 15)
    two_way = TwoWayBootstrap(rows["rater"], rows["item"], 200, np.random.default_rng(0))
    (found,) = forced_choice.accuracies(rows, two_way)
    assert (found.right, found.n, found.share) == (15, 20, 0.75)
    assert found.p == pytest.approx(0.0414, abs=1e-4)
    z = stats.norm.ppf(0.975)
    centre, wide = (0.75 + z**2 / 40) / (1 + z**2 / 20), z / (1 + z**2 / 20)
    half = wide * np.sqrt(0.75 * 0.25 / 20 + z**2 / 1600)
    assert (found.low, found.high) == pytest.approx((centre - half, centre + half))


def test_chance_of_four_voices_and_pairs_apart() -> None:
    rows = right_answers(40, 10, 0.25).assign(type="afc")
    two_way = TwoWayBootstrap(rows["rater"], rows["item"], 200, np.random.default_rng(0))
    (found,) = forced_choice.accuracies(rows, two_way)
    assert found.p == pytest.approx(1)
    shown = ["a b a"] * 20 + ["c b b"] * 20
    names = [
        a.name for a in forced_choice.accuracies(rows.assign(type="abx", conditions=shown), two_way)
    ]
    assert names == ["all", "a b", "b c"]
