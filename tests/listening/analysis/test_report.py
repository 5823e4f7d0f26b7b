"""Methods and findings in words: every number is of the results, nothing is said that is not so."""

import re
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import simulated_ratings
import toy_study

from vclip.listening.analysis import charts, rating_table, report
from vclip.listening.analysis.bootstrap import Interval
from vclip.listening.analysis.results import StudyResults, analyse
from vclip.listening.design.study import Study
from vclip.listening.store.records import Rating


@pytest.fixture(scope="module")
def study() -> Study:
    return simulated_ratings.everything(attention=2)


@pytest.fixture(scope="module")
def ratings(study: Study) -> list[Rating]:
    return simulated_ratings.ratings(study, 10)


@pytest.fixture(scope="module")
def results(study: Study) -> StudyResults:
    return analyse(study, simulated_ratings.table(study, 24, inattentive=0.25), 300)


def test_numbers_are_those_of_the_results(study: Study, results: StudyResults) -> None:
    text = report.text(results, study)
    assert f"{results.n_raters} raters gave {results.n_ratings} ratings" in text
    assert f"{results.n_excluded} further raters were excluded" in text
    assert "100 % of attention checks" in text and "gold" not in text
    for mean in results.questions[0].means:
        assert f"System {mean.condition} {report.number(mean.mean)}" in text
    for name, version in results.software.items():
        assert f"{name} {version}" in text
    assert results.sha256[:12] in text and f"seed {results.seed}" in text


def test_methods_name_what_was_rated_and_nothing_else(study: Study) -> None:
    """A condition of gold trials only is not one that was compared."""
    asked = toy_study.study(6, "abc", "acr_fit")
    table = simulated_ratings.table(asked, 6)
    left = analyse(asked, table[table["condition"] != "b"], 100)
    text = report.methods(left, asked)
    assert "compared 2 conditions: System a and System c." in text
    assert "ABX" not in text and "Bradley" not in text and "Holm" in text
    alone = analyse(asked, table[table["condition"] == "a"], 100)
    assert "conditions:" not in report.methods(alone) and "Holm" not in report.methods(alone)


def test_loudness_is_as_measured() -> None:
    fields = toy_study.fields()
    measured = [[-23.0, -23.04, -22.98], [-23.0, -22.4, -23.6], [-23.0, None, -23.0]]
    told = ["All sounds were measured at −23.0 LUFS", "at −23.6 to −22.4 LUFS", "12 of 18 sounds"]
    for lufs, words in zip(measured, told, strict=True):
        for item in fields["items"]:
            for stimulus, one in zip(item["stimuli"].values(), lufs, strict=True):
                stimulus["lufs"] = one
        asked = Study.model_validate(fields)
        assert words in report.methods(
            analyse(asked, simulated_ratings.table(asked, 4), 100), asked
        )
    bare = toy_study.study()
    text = report.methods(analyse(bare, simulated_ratings.table(bare, 4), 100), bare)
    assert "loudness of the sounds is not stated" in text


def test_without_the_study_no_rule_is_said_to_be_kept(study: Study, ratings: list[Rating]) -> None:
    found = analyse(None, rating_table.frame(ratings), 100)
    assert "no rule was applied" in report.text(found)
    assert "Nobody was excluded" not in report.text(found)
    found = analyse(study, rating_table.frame(ratings, study), 100)
    assert "No rater in these data broke a rule." in report.text(found, study)


def test_multi_does_not_weigh_times_by_its_sounds(study: Study, ratings: list[Rating]) -> None:
    slow = [replace(r, seconds=100.0 if r.type == "multi" else 1.0) for r in ratings]
    found = analyse(study, rating_table.frame(slow, study), 100)
    assert found.median_seconds == 1.0
    assert found.per_rater == (24, 24)


def alike(rating: Rating) -> Rating:
    middle: dict[str, Any] = {"ab": "A", "abx": "A", "afc": "A"}
    if isinstance(rating.value, dict):
        return replace(rating, value=dict.fromkeys(rating.value, 50.0))
    return replace(rating, value=middle.get(rating.type, "3"))


def apart(rating: Rating) -> Rating:
    """a is always better than b, b than c, and every answer is right."""
    if rating.type.startswith("acr"):
        return replace(rating, value={"a": "5", "b": "3", "c": "1"}[rating.conditions[0]])
    if rating.type == "ab":
        return replace(rating, value="AB"[rating.conditions.index(min(rating.conditions))])
    return replace(rating, value=rating.expected) if rating.expected else rating


POOR: dict[str, Callable[[list[Rating]], list[Rating]]] = {
    "everybody answers 3": lambda found: [alike(r) for r in found],
    "no overlap": lambda found: [apart(r) for r in found],
    "one rater": lambda found: [r for r in found if r.rater == 1],
    "two raters": lambda found: [r for r in found if r.rater < 3],
    "one item": lambda found: [r for r in found if r.item == "i0"],
    "one condition": lambda found: [r for r in found if set(r.conditions) == {"a"}],
    "missing cells": lambda found: [r for r in found if r.item > "i1" or "b" not in r.conditions],
    "c once": lambda found: [*(r for r in found if "c" not in r.conditions), found[-1]],
    **{f"the first {n}": lambda found, n=n: found[:n] for n in (1, 2, 3, 5, 24)},  # type: ignore
    **{
        f"any, {s}": lambda found, s=s: [  # type: ignore
            r for r in found if np.random.default_rng((s, r.rater, r.position)).random() < 0.1
        ]
        for s in range(6)
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", POOR)
def test_poor_data_make_words_and_figures_without_nonsense(
    study: Study, ratings: list[Rating], name: str
) -> None:
    """A live page shows results from the first answer on."""
    table = rating_table.frame(POOR[name](ratings), study)
    found = analyse(study, table, 100, raw=True)
    text = report.text(found, study)
    assert not re.search(r"\b(nan|None|inf)\b|[ \[]-\d|−0\.00|  ", text), text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for figure in charts.figures(found).values():
            assert charts.saved(figure, "svg")


def test_what_cannot_be_tested_is_not_said_to_differ_or_not(
    study: Study, ratings: list[Rating]
) -> None:
    table = rating_table.frame([apart(r) for r in ratings], study)
    text = report.text(analyse(study, table, 100, raw=True), study)
    assert "leave untested: System a and System b; System a and System c" in text
    assert "no finite estimate of: System a and System b" in text
    assert "no finite strengths" in text
    assert "100.0 % (Wilson's" in text  # no two-way interval of width 0


def test_power_is_told_once_a_question(study: Study, results: StudyResults) -> None:
    question = next(q for q in results.questions if q.id == "acr_fit")
    powers = sorted(f"{c.detectable:.2f}" for c in question.comparisons)
    text = report.findings(question, results.labels)
    assert (
        f"finds a difference of {powers[0]} to {powers[-1]}, by pair, with about 80 % power" in text
    )
    assert text.count("power") == 1


def test_p_is_below_5_percent_where_the_interval_leaves_zero_out() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        low, high = np.sort(rng.normal(0.5, 1, 2))
        value = rng.uniform(low, high)
        found = Interval(value, low, high, 1.0, float(rng.integers(1, 30)))
        assert (found.p < 0.05) == (not low <= 0 <= high)


def test_numbers_as_papers_print_them() -> None:
    assert report.signed(-0.001) == "0.00" and report.signed(-0.5) == "−0.50"
    assert report.number(Interval(1, -0.25, 2)) == "1.00 [−0.25, 2.00]"
    assert report.number(Interval(1)) == "1.00 [no interval]"
    assert report.p_value(0.0004) == "p < 0.001" and report.p_value(0.04) == "p = 0.040"
