"""The speaker GMM against scikit-learn and against the moments it was fitted to."""

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from vclip.errors import ModelError
from vclip.speakers.gmm import SpeakerGMM


def table(n: int = 80, s: int = 6) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(n, s)) @ rng.normal(size=(s, s)) + 3).astype(np.float32)


def test_log_prob_is_the_mixture_density() -> None:
    gmm, x = SpeakerGMM.fit(table(), 3, seed=0), table()[:5]
    projected = (x - gmm.mean) @ gmm.axes.T
    density = sum(
        w * multivariate_normal(m, np.diag(v)).pdf(projected)
        for w, m, v in zip(gmm.weights, gmm.means, gmm.variances, strict=True)
    )
    np.testing.assert_allclose(gmm.log_prob(x), np.log(density), rtol=1e-6)


def test_log_prob_equals_scikit_learn() -> None:
    x = table().astype(np.float64)
    pca = PCA(0.99, svd_solver="full").fit(x)
    reference = GaussianMixture(
        4, covariance_type="diag", reg_covar=1e-3, n_init=3, random_state=0
    ).fit(pca.transform(x))
    ours = SpeakerGMM.fit(table(), 4, seed=0).log_prob(table())
    np.testing.assert_allclose(ours, reference.score_samples(pca.transform(x)), rtol=1e-6)


def test_samples_have_the_table_s_moments() -> None:
    gmm = SpeakerGMM.fit(table(400), 1, seed=0, variance_kept=0.9999)
    drawn = gmm.sample(40_000, np.random.default_rng(0))
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(0), table(400).mean(0), atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(table(400).T), atol=0.4)


def test_same_generator_same_samples() -> None:
    gmm = SpeakerGMM.fit(table(), 2, seed=0)
    draws = [gmm.sample(10, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])


def test_deviations_are_those_of_the_mixture_and_of_the_table() -> None:
    gmm = SpeakerGMM.fit(table(400), 4, seed=0)
    projected = (gmm.sample(200_000, np.random.default_rng(0)) - gmm.mean) @ gmm.axes.T
    np.testing.assert_allclose(gmm.deviations, projected.std(0), rtol=0.01)
    # each step of EM keeps a mixture's whole variance that of the data, but for reg_covar
    real = ((table(400) - gmm.mean) @ gmm.axes.T).std(0)
    np.testing.assert_allclose(gmm.deviations, np.sqrt(real**2 + 1e-3), rtol=1e-4)
    assert (np.diff(gmm.deviations) < 0).all()


def test_draws_near_a_voice_have_its_mean_and_a_share_of_the_spread() -> None:
    gmm, centre = SpeakerGMM.fit(table(), 3, seed=0), table()[7]
    for spread in (0.1, 0.4):
        drawn = gmm.sample_near(centre, 50_000, np.random.default_rng(0), spread)
        assert drawn.dtype == np.float32
        np.testing.assert_allclose(drawn.mean(0), centre, atol=0.03)
        offsets = (drawn - centre) @ gmm.axes.T
        np.testing.assert_allclose(offsets.std(0), spread * gmm.deviations, rtol=0.02)
        left_out = (drawn - centre) - offsets @ gmm.axes
        np.testing.assert_allclose(left_out, 0, atol=1e-4)


def test_moves_and_coordinates_are_inverse() -> None:
    gmm, voice = SpeakerGMM.fit(table(), 3, seed=0), table()[3]
    moves = [1.0, -2.0, 0.5]
    change = gmm.coordinates(gmm.shift(voice, moves)) - gmm.coordinates(voice)
    np.testing.assert_allclose(change, moves + [0.0] * (len(gmm.axes) - 3), atol=1e-5)
    by_hand = voice + sum(
        m * d * axis for m, d, axis in zip(moves, gmm.deviations, gmm.axes, strict=False)
    )
    np.testing.assert_allclose(gmm.shift(voice, moves), by_hand, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(gmm.shift(voice, []), voice)


def test_coordinates_of_the_table_are_standardised() -> None:
    gmm = SpeakerGMM.fit(table(200), 2, seed=0)
    places = np.array([gmm.coordinates(row) for row in table(200)])
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(places.std(0), 1, atol=0.02)


def test_save_and_load(tmp_path: Path) -> None:
    gmm = SpeakerGMM.fit(table(), 2, seed=0)
    gmm.save(tmp_path / "g.npz")
    np.testing.assert_array_equal(
        SpeakerGMM.load(tmp_path / "g.npz").log_prob(table()), gmm.log_prob(table())
    )
    (tmp_path / "bad.npz").write_bytes(b"no")
    with pytest.raises(ModelError, match=r"bad\.npz"):
        SpeakerGMM.load(tmp_path / "bad.npz")


def test_a_real_speaker_table_keeps_its_scale(shared: Path) -> None:
    """109 x 256 rows of a VITS trained on VCTK: draws are as long as real speakers."""
    with (shared / "speaker_tables/vctk_vits_emb_g.csv").open() as file:
        real = np.array([row for row in list(csv.reader(file))[1:]], dtype=np.float32)
    gmm = SpeakerGMM.fit(real, 4, seed=0)
    drawn = gmm.sample(500, np.random.default_rng(0))
    ratio = np.linalg.norm(drawn, axis=1).mean() / np.linalg.norm(real, axis=1).mean()
    assert 0.9 < ratio < 1.1
