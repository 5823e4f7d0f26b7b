"""Ways to choose voices, on worlds in which the right choice is known; the ear; the evaluator."""

from pathlib import Path

import numpy as np
import pytest
import torch
from planted import plain_heads

from vclip.errors import DataError
from vclip.recipes.association import settings
from vclip.recipes.data.manifest import Pair
from vclip.recipes.data.shards import MediaReport, PairFeatures
from vclip.recipes.generation_table import evaluator, ranking
from vclip.recipes.generation_table.ranking import unit
from vclip.recipes.generation_table.spoken_voices import SENTENCES, Ear
from vclip.speakers.gmm import SpeakerGMM
from vclip.speech.synthesizer import Speech

S, V = 6, 8


class Talker:
    """A synthesizer that counts what it says: samples are the embedding, then the sentence."""

    sample_rate, calls = 16000, 0

    def synthesize(self, text: str, speaker_embedding: np.ndarray, seed: int = 0) -> Speech:
        self.calls += 1
        words = np.full(S, len(text) / 1000)
        return Speech(np.concatenate([speaker_embedding, words]).astype("f4"), 16000)


class Hearing:
    """A voice encoder that hears the embedding, and a little of the sentence."""

    sample_rate, dimension, min_seconds = 16000, 2 * S, 0.0

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        return wav / np.linalg.norm(wav)


@pytest.fixture
def ear(tmp_path: Path) -> Ear:
    return Ear(Talker(), Hearing(), ("tts", "voices"), tmp_path / "store")


def table(n: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, S)).astype(np.float32)


def test_every_voice_is_spoken_once_and_sounds_the_same_in_any_company(
    ear: Ear, tmp_path: Path
) -> None:
    rows = table()
    first = ear.hear(rows, "some")
    assert ear._synthesizer.calls == 20
    again = ear.hear(rows[::-1], "the same backwards")
    np.testing.assert_array_equal(again, first[::-1])
    other = Ear(Talker(), Hearing(), ("tts", "voices"), tmp_path / "store")
    np.testing.assert_array_equal(other.hear(rows, "another run"), first)
    assert ear._synthesizer.calls == 20 and other._synthesizer.calls == 0


def test_other_weights_are_heard_anew(ear: Ear, tmp_path: Path) -> None:
    ear.hear(table(3), "some")
    other = Ear(Talker(), Hearing(), ("tts 2", "voices"), tmp_path / "store")
    other.hear(table(3), "some")
    assert other._synthesizer.calls == 3


def test_what_is_no_speech_is_nan(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(3)
    encode = Hearing.encode

    def deaf(self: Hearing, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        if wav[0] == rows[1, 0]:
            raise DataError("no speech")
        return encode(self, wav, sample_rate)

    monkeypatch.setattr(Hearing, "encode", deaf)
    assert np.isnan(ear.hear(rows, "some")).all(axis=1).tolist() == [False, True, False]


def test_several_sentences_are_their_mean_at_unit_norm(ear: Ear) -> None:
    rows, said = table(4), ("One.", "Another sentence.", "A third one.")
    parts = [ear.hear(rows, "one", [sentence]) for sentence in said]
    both = ear.hear_all(rows, "all", said)
    np.testing.assert_allclose(both, unit(np.mean(parts, axis=0)), rtol=1e-6)
    one = {np.round(row[-1] / row[0] * rows[i, 0], 4) for i, row in enumerate(ear.hear(rows, "x"))}
    assert one <= {np.float32(round(len(s) / 1000, 4)) for s in SENTENCES}


def test_ranking_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(0)
    expected, candidates = unit(rng.normal(size=(30, V))), table(30)
    faces = unit(rng.normal(size=(5, V)))
    found = ranking.ranked("some", expected, candidates, plain_heads(V), faces, k=4)
    assert found.rows.shape == (5, 4, S)
    for face, rows in zip(faces, found.rows, strict=True):
        best = sorted(range(30), key=lambda i: -float(expected[i] @ face))[:4]
        np.testing.assert_array_equal(rows, candidates[best])


def test_chance_chooses_different_voices_among_the_first(tmp_path: Path) -> None:
    candidates = table(50)
    found = ranking.by_chance(candidates, n_faces=40, k=5, pool=10, seed=0)
    pool = {row.tobytes() for row in candidates[:10]}
    used = [{row.tobytes() for row in rows} for rows in found.rows]
    assert all(len(rows) == 5 and rows <= pool for rows in used)
    assert set.union(*used) == pool


def test_the_nearest_draw_is_the_true_one_where_it_is_among_them() -> None:
    candidates, rng = table(40), np.random.default_rng(1)
    mix = rng.normal(size=(S, V)).astype(np.float32)
    found = ranking.nearest(candidates @ mix, candidates, 3 * (candidates[[4, 9]] @ mix))
    np.testing.assert_array_equal(found.rows, candidates[[4, 9]][:, None])


def test_direct_mapping_recovers_a_linear_world() -> None:
    face_of = np.random.default_rng(0).normal(size=(S, 9))
    known, unseen = table(300, 1), table(20, 2)
    found = ranking.direct((known @ face_of).astype("f4"), known, (unseen @ face_of).astype("f4"))
    assert found.rows.shape == (20, 1, S)
    np.testing.assert_allclose(found.rows[:, 0], unseen, atol=0.05)


def test_direct_mapping_of_faces_without_information_is_the_mean_speaker() -> None:
    """Why its voices are all alike and unlike any speaker (paper §4.3)."""
    rng, known = np.random.default_rng(0), table(300, 1)
    faces, unseen = (rng.normal(size=(n, 9)).astype("f4") for n in (300, 20))
    found = ranking.direct(faces, known, unseen)
    spread = np.linalg.norm(found.rows[:, 0] - known.mean(axis=0), axis=1)
    assert spread.max() < 0.3 * np.linalg.norm(known, axis=1).mean()


def test_an_informed_network_expects_what_was_heard() -> None:
    rng = np.random.default_rng(0)
    drift = rng.normal(size=(S, V))
    gmm = SpeakerGMM.fit(table(100), 1, seed=0)
    draws, bank, unseen = (gmm.sample(n, rng) for n in (200, 20, 50))

    def sounds(rows: np.ndarray) -> np.ndarray:
        return unit(np.tanh(rows @ drift) + 0.5)

    state = torch.random.get_rng_state()
    net = ranking.informed(draws, sounds(draws), (bank, sounds(bank)), seed=0)
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is not touched
    expected = ranking.expected_by(net, unseen)
    constant = unit(sounds(draws).mean(axis=0)[None])
    cosine = np.sum(expected * sounds(unseen), axis=1).mean()
    assert cosine > 0.95 > np.sum(constant * sounds(unseen), axis=1).mean()


def world(n: int = 80, width: int = 8) -> PairFeatures:
    """Persons whose face and voice are one vector each, and noise; two rows a person."""
    rng = np.random.default_rng(0)
    rows = np.repeat(rng.normal(size=(n, width)), 2, axis=0)
    image, voice = (rows + 0.2 * rng.normal(size=rows.shape) for _ in range(2))
    pairs = [Pair(f"p{i // 2}", Path("f"), Path("v"), "") for i in range(2 * n)]
    return PairFeatures(
        pairs,
        [r[None].astype("f4") for r in image],
        [r[None].astype("f4") for r in voice],
        MediaReport(),
    )


def test_halves_share_nobody_and_leave_nobody_out() -> None:
    features = world()
    one, other = (
        {pair.person for pair in evaluator.half(features, which, seed=3).pairs} for which in (0, 1)
    )
    assert not one & other and len(one) == len(other) == 40
    assert len(evaluator.half(features, 0, 3).image) == 80


def test_an_evaluator_is_trained_once_on_its_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = settings.FitConfig(
        image_hidden=16, couplings=2, coupling_hidden=8, steps=150, batch=40, check_every=50
    )
    monkeypatch.setitem(settings.PRESETS, "bundled", quick)
    features = world()
    first = evaluator.trained(features, 1, 0, "bundled", tmp_path)
    (path,) = tmp_path.iterdir()
    written = path.stat().st_mtime_ns
    again = evaluator.trained(features, 1, 0, "bundled", tmp_path)
    assert path.stat().st_mtime_ns == written and len(list(tmp_path.iterdir())) == 1
    unseen = evaluator.half(features, 0, 0)
    faces, voices = unseen.first()
    image_emb, voice_emb = (
        ranking.encode_faces(first, faces), ranking.encode_voices(again, voices)
    )  # fmt: skip
    scores = image_emb @ voice_emb.T
    assert np.mean(np.diag(scores)) > scores.mean() + 0.3
    evaluator.trained(features, 0, 0, "bundled", tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
