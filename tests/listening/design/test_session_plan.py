"""Laws of who rates what: even cells, balanced orders, checks where nobody expects them."""

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import toy_study
from hypothesis import given, reject, settings
from hypothesis import strategies as st
from simulated_ratings import counted

from vclip.errors import ConflictError, StudyError
from vclip.listening.design import williams
from vclip.listening.design.assignment import assign_cells
from vclip.listening.design.session_plan import plan_session
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import parse
from vclip.listening.design.trials import Cell, Counts, Trial, cell_of, cells, correct

ALL = "acr_naturalness acr_fit ab abx afc multi"


def rated(trials: list[Trial]) -> list[Trial]:
    return [trial for trial in trials if trial.purpose == "rating"]


def enrol(study: Study, n: int, seed: int = 0) -> list[list[Trial]]:
    """n raters, all of whom finish."""
    plans: list[list[Trial]] = []
    for i in range(n):
        plans.append(plan_session(study, counted(study, plans), np.random.default_rng([seed, i])))
    return plans


def spread(study: Study, plans: list[list[Trial]]) -> int:
    counts = counted(study, plans).cells
    filled = [counts.get(cell, 0) for cell in cells(study)]
    return max(filled) - min(filled)


@pytest.mark.parametrize("n", range(1, 10))
def test_williams_squares_are_balanced(n: int) -> None:
    rows = williams.square(n)
    assert len(rows) == (n if n % 2 == 0 or n == 1 else 2 * n)
    assert all(sorted(row) == list(range(n)) for row in rows)
    for column in zip(*rows, strict=True):
        assert set(Counter(column).values()) == {len(rows) // n}
    after = Counter(pair for row in rows for pair in pairwise(row))
    assert len(after) == n * (n - 1) and len(set(after.values())) <= 1
    before = Counter((a, b) for row in rows for i, a in enumerate(row) for b in row[i + 1 :])
    assert len(set(before.values())) <= 1


def test_williams_square_of_four_is_the_published_one() -> None:
    assert williams.square(4)[0] == [0, 3, 1, 2]  # Williams 1949, table of even n, by symmetry
    assert williams.square(2) == [[0, 1], [1, 0]]


def test_rounds_hold_each_label_as_often_as_asked() -> None:
    found = williams.rounds({"a": 3, "b": 1, "d": 2}, "abcd", start=5)
    assert Counter(found) == {"a": 3, "b": 1, "d": 2}
    assert set(found[:3]) == {"a", "b", "d"} and set(found[3:5]) == {"a", "d"}


def test_rounds_go_through_the_rows_of_the_square() -> None:
    found = williams.rounds(dict.fromkeys("abcd", 4), "abcd", start=2)
    rows = [["abcd".index(label) for label in found[i : i + 4]] for i in range(0, 16, 4)]
    square = williams.square(4)
    assert rows == square[2:] + square[:2]


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 12),
    stays=st.lists(st.booleans(), min_size=1, max_size=30),
)
@settings(max_examples=40, deadline=None)
def test_cells_differ_by_one_at_most_and_gaps_are_filled_first(
    seed: int, n: int, stays: list[bool]
) -> None:
    every = [Cell("q", f"i{i}", (c,)) for i in range(4) for c in "abc"]
    counts, rng = Counter[Cell](), np.random.default_rng(seed)
    for stay in stays:
        chosen = assign_cells(every, counts, n, None, rng)
        assert len(chosen) == len(set(chosen)) == n
        left_out = [counts[cell] for cell in every if cell not in set(chosen)]
        assert max(counts[c] for c in chosen) <= min(left_out, default=10**9)
        counts.update(chosen if stay else chosen[: n // 2])  # a drop-out's reservation ends
    for _ in range(2 * len(stays) * 12 // n):
        counts.update(assign_cells(every, counts, n, None, rng))
    assert max(counts.values()) - min(counts[cell] for cell in every) <= 1


def test_whole_sessions_fill_evenly_at_every_moment() -> None:
    study = toy_study.study(6, "abc", ALL, trials_per_rater=7)
    plans = enrol(study, 40)
    assert all(spread(study, plans[:n]) <= 1 for n in range(1, 41))


def test_raters_who_leave_are_made_up_for() -> None:
    study = toy_study.study(6, "abcd", "acr_fit ab", trials_per_rater=9)
    rng, kept = np.random.default_rng(3), list[list[Trial]]()
    for _ in range(60):  # a third leaves after some trials, whose number is drawn
        trials = plan_session(study, counted(study, kept), rng)
        kept.append(trials[: rng.integers(10)] if rng.random() < 1 / 3 else trials)
    for _ in range(8):
        kept.append(plan_session(study, counted(study, kept), rng))
    assert spread(study, kept) <= 1


@pytest.mark.slow
def test_a_study_of_200_raters_fills_evenly_in_balanced_order() -> None:
    study = toy_study.study(8, "abcd", "acr_fit ab", trials_per_rater=20, attention=2)
    plans = enrol(study, 200)
    counts = counted(study, plans)
    assert sum(counts.cells.values()) == 200 * 20 and spread(study, plans) <= 1
    sides = Counter((q, i, tuple(sorted(o))) for q, i, o in counts.orders if len(o) == 2)
    assert len(sides) == 8 * 6 and set(sides.values()) == {2}  # both orders of every pair
    for (q, i, order), n in counts.orders.items():
        assert len(order) == 1 or abs(n - counts.orders[q, i, order[::-1]]) <= 1
    first = Counter(t.conditions[0] for p in plans for t in rated(p) if t.question == "ab")
    assert max(first.values()) - min(first.values()) < 0.05 * 200 * 12


@pytest.mark.parametrize("conditions", ["ab", "abc", "abcd", "abcde"])
def test_every_condition_follows_every_other_equally_often(conditions: str) -> None:
    n = len(conditions)
    study = toy_study.study(6, conditions, "acr_fit", trials_per_rater=2 * n)
    plans = enrol(study, 2 * n)
    after, places = Counter[tuple[str, str]](), Counter[tuple[int, str]]()
    for trials in plans:
        order = [trial.conditions[0] for trial in rated(trials)]
        for half in (order[:n], order[n:]):
            assert sorted(half) == list(conditions)
            after.update(pairwise(half))
        places.update(enumerate(order))
    assert len(after) == n * (n - 1) and len(set(after.values())) == 1
    assert len(places) == 2 * n * n and len(set(places.values())) == 1


def test_blocks_of_questions_take_turns() -> None:
    study = toy_study.study(6, "ab", "acr_naturalness acr_fit ab multi", trials_per_rater=24)
    orders = [list(dict.fromkeys(t.question for t in rated(p))) for p in enrol(study, 8)]
    after = Counter(pair for order in orders for pair in pairwise(order))
    assert len(after) == 12 and set(after.values()) == {2}


def test_nobody_gets_a_cell_or_an_item_twice_in_a_row() -> None:
    study = toy_study.study(8, "abc", ALL, trials_per_rater=40)
    for trials in enrol(study, 12):
        found = [cell_of(study, trial) for trial in rated(trials)]
        assert len(set(found)) == len(found) == 40
    study = toy_study.study(8, "abc", "acr_fit", trials_per_rater=12)
    for trials in enrol(study, 12):
        assert all(a.item != b.item for a, b in pairwise(rated(trials)))


def test_sides_are_balanced_within_a_session_too() -> None:
    study = toy_study.study(12, "ab", "ab", trials_per_rater=12)
    for seed in range(10):
        trials = plan_session(study, Counts(), np.random.default_rng(seed))
        assert sum(trial.conditions == ("a", "b") for trial in trials) == 6


def test_abx_and_multi_are_presented_in_all_orders_equally_often() -> None:
    study = toy_study.study(4, "abc", "abx multi", trials_per_rater=16)
    orders = counted(study, enrol(study, 12)).orders
    of_pair = [n for (q, i, o), n in orders.items() if q == "abx" and set(o) == {"a", "b"}]
    assert len(of_pair) == 4 * 4 and set(of_pair) == {3}
    of_multi = [n for (q, i, o), n in orders.items() if q == "multi"]
    assert len(of_multi) == 4 * 6 and set(of_multi) == {2}


def test_right_answers_are_known_and_their_places_balanced() -> None:
    study = toy_study.study(8, "abc", "abx afc", trials_per_rater=30)
    for trial in (t for p in enrol(study, 10) for t in rated(p)):
        assert trial.expected
        slot = "ABC".index(trial.expected)
        if trial.question == "abx":
            assert trial.conditions[slot] == trial.conditions[2]
        else:
            assert trial.items[slot] == trial.item and len(set(trial.items)) == 3
            assert trial.conditions == ("a",) * 3
        assert correct(study, trial, trial.expected) is True
    study = toy_study.study(9, "ab", "afc", trials_per_rater=9)
    right = [Counter(t.expected for t in rated(p)) for p in enrol(study, 5)]
    assert all(count == {"A": 3, "B": 3, "C": 3} for count in right)


def test_quota_ends_a_study() -> None:
    study = toy_study.study(4, "ab", "acr_fit", trials_per_rater=3, ratings_per_cell=2)
    plans: list[list[Trial]] = []
    with pytest.raises(ConflictError, match="all the ratings"):
        while True:
            plans += [plan_session(study, counted(study, plans), np.random.default_rng(len(plans)))]
    assert set(counted(study, plans).cells.values()) == {2}
    assert len(counted(study, plans).cells) == 8 and len(plans[-1]) == 16 - 5 * 3


def test_checks_are_at_random_places_neither_first_nor_last_nor_adjacent() -> None:
    gold = [
        {"question": "acr_fit", "item": "i0", "conditions": ["c"], "expected": "1"},
        {"question": "ab", "item": "i1", "conditions": ["a", "c"], "expected": "a"},
    ]
    study = toy_study.study(8, "abc", ALL, trials_per_rater=12, attention=3, gold=gold)
    places = set()
    for seed in range(40):
        trials = plan_session(study, Counts(), np.random.default_rng(seed))
        purposes = [trial.purpose for trial in trials]
        assert Counter(purposes) == {"rating": 12, "attention": 3, "gold": 2}
        checks = [i for i, purpose in enumerate(purposes) if purpose != "rating"]
        assert checks[0] > 0 and checks[-1] < len(trials) - 1
        assert all(b - a > 1 for a, b in pairwise(checks))
        places |= set(checks)
        assert [trial.position for trial in trials] == list(range(17))
        for trial in (trials[i] for i in checks):
            values = study.question(trial.question).values
            assert trial.expected in values
            assert trial.question != "multi"
            assert correct(study, trial, str(trial.expected)) is True
            if trial.question == "ab" and trial.purpose == "gold":
                assert trial.conditions["AB".index(str(trial.expected))] == "a"
        rest = rated(trials)
        assert not {t.item for t in rest} & {"i0", "i1"}
    assert places == set(range(1, 16))


def test_checks_look_like_their_neighbours() -> None:
    study = toy_study.study(8, "abc", "acr_fit ab", trials_per_rater=20, attention=4)
    for seed in range(10):
        trials = plan_session(study, Counts(), np.random.default_rng(seed))
        for before, trial in pairwise(trials):
            if trial.purpose == "attention":
                assert trial.question == before.question
        mine = {cell_of(study, trial) for trial in rated(trials)}
        assert not mine & {cell_of(study, t) for t in trials if t.purpose == "attention"}


def test_training_comes_first_and_is_never_rated() -> None:
    training = [
        "i5",
        {"question": "acr_fit", "item": "i4", "conditions": ["b"], "expected": "5"},
        {"question": "afc", "item": "i4"},
    ]
    study = toy_study.study(8, "abc", ALL, trials_per_rater=9, training=training)
    trials = plan_session(study, Counts(), np.random.default_rng(0))
    assert [trial.purpose for trial in trials] == 8 * ["training"] + 9 * ["rating"]
    assert {t.question for t in trials[:6]} == set(ALL.split())
    assert trials[6].expected == "5" and trials[6].conditions == ("b",)
    assert trials[7].expected in ("A", "B", "C")
    assert not {t.item for t in rated(trials)} & {"i4", "i5"}


def test_the_same_generator_gives_the_same_session() -> None:
    study = toy_study.study(8, "abc", ALL, trials_per_rater=20, attention=2)
    one, same, other = (plan_session(study, Counts(), np.random.default_rng(s)) for s in (1, 1, 2))
    assert one == same != other


@pytest.mark.slow
@given(
    n_items=st.integers(3, 7),
    conditions=st.sampled_from(["a", "ab", "abcd"]),
    types=st.lists(st.sampled_from(ALL.split()), min_size=1, max_size=6, unique=True),
    gaps=st.sets(st.tuples(st.integers(0, 6), st.sampled_from("abcd")), max_size=6),
    amount=st.integers(1, 30),
    attention=st.integers(0, 3),
    quota=st.integers(1, 3) | st.none(),
    seed=st.integers(0, 1000),
)
@settings(max_examples=100, deadline=None)
def test_every_study_that_is_accepted_can_be_rated(
    n_items: int,
    conditions: str,
    types: list[str],
    gaps: set[tuple[int, str]],
    amount: int,
    attention: int,
    quota: int | None,
    seed: int,
) -> None:
    fields = toy_study.fields(n_items, conditions, " ".join(types))
    for i, name in gaps:
        if i < n_items and len(fields["items"][i]["stimuli"]) > 1:
            fields["items"][i]["stimuli"].pop(name, None)
    fields["design"] = {"trials_per_rater": 1, "training": ["i0"]}
    try:
        amount = min(amount, len(cells(parse(json.dumps(fields)))))
    except StudyError:
        reject()  # too few voices or conditions for what is asked
    attention = min(attention, amount - 1) if types != ["multi"] else 0
    fields["design"] |= {"trials_per_rater": amount, "ratings_per_cell": quota}
    study = parse(json.dumps({**fields, "design": {**fields["design"], "attention": attention}}))
    plans: list[list[Trial]] = []
    while len(plans) < 6:
        try:
            plans.append(plan_session(study, counted(study, plans), np.random.default_rng(seed)))
        except ConflictError:
            assert quota
            break
        for trial in plans[-1]:
            kind, stimuli = study.question(trial.question), study.item(trial.item).stimuli
            assert set(trial.conditions) <= set(stimuli) and trial.conditions
            assert trial.expected is None or trial.expected in kind.values
            assert trial.purpose != "attention" or trial.expected
        mine = [cell_of(study, trial) for trial in rated(plans[-1])]
        assert set(mine) <= set(cells(study)) and len(mine) == len(set(mine)) <= amount
        assert quota or len(mine) == amount
        assert spread(study, plans) <= 1


def test_orders_of_two_raters_differ() -> None:
    study = toy_study.study(8, "abc", "acr_fit", trials_per_rater=20)
    sessions = {tuple((t.item, t.conditions) for t in p) for p in enrol(study, 50)}
    assert len(sessions) == 50


def test_the_right_voice_is_in_every_slot_equally_often_over_raters() -> None:
    """Of each item as evenly as within each rater; by lot alone, 60 in three would spread by 11."""
    study = toy_study.study(9, "ab", "afc", trials_per_rater=6)
    plans = enrol(study, 90)
    for plan_ in plans:
        assert set(Counter(trial.expected for trial in rated(plan_)).values()) == {2}
    of_item: dict[str, Counter[str]] = {}
    for trial in (t for p in plans for t in rated(p)):
        of_item.setdefault(trial.item, Counter())[str(trial.expected)] += 1
    assert len(of_item) == 9 and {sum(c.values()) for c in of_item.values()} == {60}
    assert max(max(c.values()) - min(c.values()) for c in of_item.values()) <= 3
