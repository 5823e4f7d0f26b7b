"""Draws against tables whose manifold is known, and the two repairs."""

from pathlib import Path

import numpy as np
import pytest

from vclip.errors import DataError
from vclip.recipes.generation_table import density as draws
from vclip.recipes.generation_table.density import REPAIRS, Density, Manifold, measure, radius
from vclip.recipes.metrics import speaker_generation
from vclip.speakers.gmm import SpeakerGMM


def gaussian(n: int = 300, width: int = 12, seed: int = 0) -> np.ndarray:
    """Speakers of a Gaussian with unequal axes around a mean that is not zero."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(n, width)) * np.linspace(2, 0.5, width) + 3).astype(np.float32)


@pytest.fixture(scope="module")
def manifold() -> Manifold:
    return Manifold(gaussian())


def test_others_of_the_same_kind_are_as_likely_as_left_out_ones(manifold: Manifold) -> None:
    others = gaussian(5000, seed=1)
    assert manifold.inside(others).mean() == pytest.approx(0.95, abs=0.03)
    gap = manifold.density.log_prob(others).mean() - manifold.density.held_out.mean()
    # the mixture that judges saw a quarter more speakers than those that score the left-out ones
    assert abs(gap) < 1.0


def test_what_lies_elsewhere_is_outside(manifold: Manifold) -> None:
    away = gaussian(200, seed=2) + np.float32(8)
    assert not manifold.inside(away).any()


def test_left_out_scores_do_not_know_their_own_row() -> None:
    table = gaussian(60)
    table[7] += 15
    density = Density(table)
    assert density.held_out[7] < np.median(density.held_out) - 5
    moved = np.argsort(density.held_out)[0]
    assert moved == 7


def test_the_density_does_not_depend_on_the_scale_of_the_table() -> None:
    table = gaussian(100)
    one, other = Density(table), Density(1000 * table)
    np.testing.assert_allclose(one.held_out, other.held_out, rtol=1e-3, atol=0.05)


def test_rejection_keeps_only_draws_among_the_speakers(manifold: Manifold) -> None:
    gmm = SpeakerGMM.fit(manifold.table, 1, seed=0)
    kept = manifold.draw(gmm, 500, np.random.default_rng(0), "reject")
    plain = manifold.draw(gmm, 500, np.random.default_rng(0), "as drawn")
    assert kept.shape == plain.shape == (500, 12)
    assert manifold.inside(kept).all() and not manifold.inside(plain).all()
    np.testing.assert_array_equal(kept[:100], plain[manifold.inside(plain)][:100])


def test_a_mixture_that_hardly_draws_speakers_is_an_error(manifold: Manifold) -> None:
    away = SpeakerGMM.fit(manifold.table + np.float32(20), 1, seed=0)
    with pytest.raises(DataError, match="fewer components"):
        manifold.draw(away, 100, np.random.default_rng(0), "reject")


def test_rescaling_moves_far_rows_along_their_direction_and_no_others(manifold: Manifold) -> None:
    gmm = SpeakerGMM.fit(manifold.table, 1, seed=0)
    rows = gmm.sample(300, np.random.default_rng(0))
    wide = gmm.mean + 1.2 * (rows - gmm.mean)
    moved = manifold.rescale(gmm, wide.astype(np.float32))
    limit = np.quantile(radius(gmm, manifold.table), draws.SHARE)
    far = radius(gmm, wide) > limit
    assert far.any() and not far.all()
    np.testing.assert_allclose(radius(gmm, moved)[far], limit, rtol=1e-4)
    np.testing.assert_allclose(moved[~far], wide[~far], rtol=1e-5)
    one, other = moved - gmm.mean, wide - gmm.mean
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-4)
    np.testing.assert_allclose(manifold.rescale(gmm, moved), moved, atol=1e-4)


def test_radius_of_the_mixtures_own_draws_is_about_one(manifold: Manifold) -> None:
    gmm = SpeakerGMM.fit(manifold.table, 2, seed=0)
    rows = gmm.sample(4000, np.random.default_rng(0))
    assert np.sqrt(np.mean(radius(gmm, rows) ** 2)) == pytest.approx(1, abs=0.03)


def test_as_many_components_as_speakers_draw_copies_of_them() -> None:
    """What the measures are for: the likelihood of draws is high, their distance tells."""
    table = gaussian(60)
    manifold = Manifold(table)
    lines = {}
    for size in (60, 1):
        gmm = SpeakerGMM.fit(table, size, seed=0)
        rows = manifold.draw(gmm, 1000, np.random.default_rng(0), "as drawn")
        lines[size] = measure(manifold, gmm, rows, "as drawn")
    assert lines[60].distances.g2s < 0.05 < lines[1].distances.g2s
    assert lines[60].log_gap > lines[1].log_gap
    assert lines[1].distances.g2s == pytest.approx(lines[1].distances.s2s, rel=0.2)


def test_measures_are_those_of_the_metrics_around_the_mean_speaker(manifold: Manifold) -> None:
    gmm, rows = SpeakerGMM.fit(manifold.table, 1, seed=0), gaussian(400, seed=3)
    found = measure(manifold, gmm, rows, "as drawn")
    centre = manifold.table.mean(axis=0)
    assert found.vendi == pytest.approx(speaker_generation.vendi(rows[:300] - centre))
    near = speaker_generation.nearest(rows[:300] - centre, manifold.table - centre)
    assert found.distances.g2s == pytest.approx(np.median(near))
    norms = [np.median(np.linalg.norm(x - centre, axis=1)) for x in (rows, manifold.table)]
    assert found.radius == pytest.approx(norms[0] / norms[1])


def test_the_command_reports_a_real_table(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """109 speakers of a VITS trained on VCTK, as many columns as its paper has."""
    path = shared / "speaker_tables" / "vctk_vits_emb_g.csv"
    assert draws.main(["--table", str(path), "--n-components", "100", "1", "--n", "600"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("109 speakers of 256 numbers") and len(out) == 2 + 2 * len(REPAIRS)
    g2s = {tuple(row.split()[:2]): float(row.split()[-3]) for row in out[2:]}
    assert g2s["100", "reject"] < 0.02 < g2s["1", "reject"]


@pytest.mark.parametrize("text", ["a,b\n1,x\n", None])
def test_no_table_is_one_line(
    tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text:
        (tmp_path / "t.csv").write_text(text)
    assert draws.main(["--table", f"{tmp_path}/t.csv"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
