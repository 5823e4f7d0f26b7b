"""Ways to choose voices, on worlds in which the right choice is known."""

import numpy as np
import pytest
import torch
from planted import plain_heads

from vclip.recipes.generation_table import ranking
from vclip.speakers.gmm import SpeakerGMM

S, V = 6, 8


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def table(n: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, S)).astype(np.float32)


def test_ranking_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    expected, candidates = unit(rng.normal(size=(30, V))), table(30)
    faces = unit(rng.normal(size=(5, V)))
    found = ranking.rank(expected, candidates, plain_heads(V), faces, k=4)
    assert found.shape == (5, 4, S)
    for face, rows in zip(faces, found, strict=True):
        best = sorted(range(30), key=lambda i: -float(expected[i] @ face))[:4]
        np.testing.assert_array_equal(rows, candidates[best])


def test_chance_chooses_different_voices_among_the_first() -> None:
    candidates = table(50)
    found = ranking.random_draws(candidates[:10], n_faces=40, k=5, seed=0)
    pool = {row.tobytes() for row in candidates[:10]}
    used = [{row.tobytes() for row in rows} for rows in found]
    assert all(len(rows) == 5 and rows <= pool for rows in used)
    assert set.union(*used) == pool


def test_the_nearest_draw_is_the_true_one_where_it_is_among_them() -> None:
    candidates, rng = table(40), np.random.default_rng(1)
    mix = rng.normal(size=(S, V)).astype(np.float32)
    found = ranking.nearest_draws(candidates @ mix, candidates, 3 * (candidates[[4, 9]] @ mix))
    np.testing.assert_array_equal(found, candidates[[4, 9]][:, None])


def test_direct_mapping_recovers_a_linear_world() -> None:
    face_of = np.random.default_rng(0).normal(size=(S, 9))
    known, unseen = table(300, 1), table(20, 2)
    found = ranking.direct_mapping(
        (known @ face_of).astype("f4"), known, (unseen @ face_of).astype("f4")
    )
    assert found.shape == (20, 1, S)
    np.testing.assert_allclose(found[:, 0], unseen, atol=0.05)


def test_direct_mapping_of_faces_without_information_is_the_mean_speaker() -> None:
    """Why its voices are all alike and unlike any speaker (paper §4.3)."""
    rng, known = np.random.default_rng(0), table(300, 1)
    faces, unseen = (rng.normal(size=(n, 9)).astype("f4") for n in (300, 20))
    found = ranking.direct_mapping(faces, known, unseen)
    spread = np.linalg.norm(found[:, 0] - known.mean(axis=0), axis=1)
    assert spread.max() < 0.3 * np.linalg.norm(known, axis=1).mean()


@pytest.mark.slow
def test_an_informed_network_expects_what_was_heard() -> None:
    rng = np.random.default_rng(0)
    drift = rng.normal(size=(S, V))
    gmm = SpeakerGMM.fit(table(100), 1, seed=0)
    draws, bank, unseen = (gmm.sample(n, rng) for n in (200, 20, 50))

    def sounds(rows: np.ndarray) -> np.ndarray:
        return unit(np.tanh(rows @ drift) + 0.5)

    state = torch.random.get_rng_state()
    net = ranking.train_signature(draws, sounds(draws), (bank, sounds(bank)), seed=0)
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is not touched
    expected = ranking.expected_voices(net, unseen)
    constant = unit(sounds(draws).mean(axis=0)[None])
    cosine = np.sum(expected * sounds(unseen), axis=1).mean()
    assert cosine > 0.95 > np.sum(constant * sounds(unseen), axis=1).mean()
