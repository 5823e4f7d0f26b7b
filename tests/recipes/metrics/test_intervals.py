"""Intervals: Wilson's against SciPy, and how often a bootstrap over persons covers the truth."""

import numpy as np
import pytest
from scipy.stats import binomtest

from vclip.recipes.metrics.intervals import bootstrap, percentiles, person_draws, proportion


def test_persons_not_rows_are_drawn() -> None:
    person = np.array(["a", "a", "b", "c"])
    counts = next(person_draws(person, np.random.default_rng(3)))
    assert counts[0] == counts[1] and counts[[0, 2, 3]].sum() == 3


def test_counts_have_the_shape_of_their_persons() -> None:
    persons = np.array([[5, 7, 5], [9, 5, 7]])
    counts = next(person_draws(persons, np.random.default_rng(0)))
    assert counts.shape == persons.shape and counts[0, 0] == counts[0, 2] == counts[1, 1]
    assert counts[0, 0] + counts[0, 1] + counts[1, 0] == 3


@pytest.mark.slow
@pytest.mark.parametrize("rows_of_each", [1, 5])
def test_an_interval_covers_the_truth_in_95_of_100_samples(rows_of_each: int) -> None:
    """Means of 60 people; rows of one person are alike, so that rows would be far too sure."""
    rng = np.random.default_rng(0)
    person, covered = np.repeat(np.arange(60), rows_of_each), 0
    for _ in range(400):
        values = rng.normal(size=60)[person] + 0.1 * rng.normal(size=len(person))

        def mean(counts: np.ndarray, values: np.ndarray = values) -> list[float]:
            return [float(np.average(values, weights=counts))]

        (found,) = bootstrap(mean, person, 200, rng)
        covered += found.low <= 0 <= found.high
    # percentiles of 60 people cover a little less than 95 %; 0.011 is the standard error of 400
    assert 0.90 < covered / 400 < 0.98


def test_the_same_draws_give_the_same_interval_and_another_seed_another() -> None:
    values = np.random.default_rng(0).normal(size=30)
    found = [
        bootstrap(lambda c: [float(values @ c)], np.arange(30), 50, np.random.default_rng(seed))
        for seed in (1, 1, 2)
    ]
    assert found[0] == found[1] != found[2]


def test_draws_that_determine_nothing_are_left_out() -> None:
    assert percentiles(1.0, [np.nan, 2.0, np.nan]).low == 2
    assert np.isnan(percentiles(np.nan, [np.nan]).high)
    (nobody,) = bootstrap(lambda counts: [np.nan], [], 10, np.random.default_rng(0))
    assert np.isnan([nobody.value, nobody.low, nobody.high]).all()


@pytest.mark.parametrize(("hits", "n"), [(0, 40), (40, 40), (34, 40), (1, 3)])
def test_interval_of_a_share_is_wilsons(hits: int, n: int) -> None:
    """Against its formula (Wilson 1927); SciPy is what computes it."""
    found, z = proportion(hits, n), 1.959964
    middle, half = hits + z**2 / 2, z * np.sqrt(hits * (n - hits) / n + z**2 / 4)
    expected = (middle - half) / (n + z**2), (middle + half) / (n + z**2)
    assert found.value == hits / n
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-6)
    interval = binomtest(hits, n).proportion_ci(0.95, "wilson")
    assert (found.low, found.high) == (interval.low, interval.high)


def test_a_share_of_nothing_is_refused() -> None:
    for hits, n in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="hits of"):
            proportion(hits, n)
