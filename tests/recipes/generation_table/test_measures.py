"""The density of voices on tables whose distribution is known."""

import numpy as np
import pytest

from vclip.recipes.generation_table.measures import VoiceDensity


def gaussian(n: int = 300, width: int = 12, seed: int = 0) -> np.ndarray:
    """Voices of a Gaussian with unequal axes around a mean that is not zero."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, width)) * np.linspace(2, 0.5, width) + 3).astype(np.float32)


def test_others_of_the_same_kind_are_as_likely_as_left_out_ones() -> None:
    density, others = VoiceDensity(gaussian()), gaussian(5000, seed=1)
    ordinary = density.log_prob(others) >= np.quantile(density.held_out, 0.05)
    assert ordinary.mean() == pytest.approx(0.95, abs=0.03)
    # the mixture that judges saw a quarter more voices than those that score the left-out ones
    assert abs(density.log_prob(others).mean() - density.held_out.mean()) < 1.0


def test_what_lies_elsewhere_is_unlikely() -> None:
    density, away = VoiceDensity(gaussian()), gaussian(200, seed=2) + np.float32(8)
    assert density.log_prob(away).max() < np.quantile(density.held_out, 0.05)


def test_left_out_scores_do_not_know_their_own_row() -> None:
    table = gaussian(60)
    table[7] += 15
    density = VoiceDensity(table)
    assert density.held_out[7] < np.median(density.held_out) - 5
    assert np.argsort(density.held_out)[0] == 7


def test_the_density_does_not_depend_on_the_scale_of_the_table() -> None:
    table = gaussian(100)
    one, other = VoiceDensity(table), VoiceDensity(1000 * table)
    np.testing.assert_allclose(one.held_out, other.held_out, rtol=1e-3, atol=0.05)
