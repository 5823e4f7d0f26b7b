"""What a synthesizer is heard to say: once for every voice, kept, and nan where it is no speech."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.preprocessing import normalize

from vclip.errors import DataError
from vclip.recipes.generation_table.spoken_voices import SENTENCES, SpokenVoices
from vclip.speech.synthesizer import Speech

S = 6


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
def talker() -> Talker:
    return Talker()


@pytest.fixture
def voices(tmp_path: Path, talker: Talker) -> SpokenVoices:
    return SpokenVoices(talker, Hearing(), ("tts", "voices"), tmp_path / "store")


def table(n: int = 20, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, S)).astype(np.float32)


def test_every_voice_is_spoken_once_and_sounds_the_same_in_any_company(
    voices: SpokenVoices, talker: Talker, tmp_path: Path
) -> None:
    rows = table()
    first = voices.hear(rows, "some")
    assert talker.calls == 20
    again = voices.hear(rows[::-1], "the same backwards")
    np.testing.assert_array_equal(again, first[::-1])
    other = SpokenVoices(talker, Hearing(), ("tts", "voices"), tmp_path / "store")
    np.testing.assert_array_equal(other.hear(rows, "another run"), first)
    assert talker.calls == 20


def test_other_weights_are_heard_anew(voices: SpokenVoices, talker: Talker, tmp_path: Path) -> None:
    voices.hear(table(3), "some")
    other = SpokenVoices(talker, Hearing(), ("tts 2", "voices"), tmp_path / "store")
    other.hear(table(3), "some")
    assert talker.calls == 6


def test_what_is_no_speech_is_nan(voices: SpokenVoices, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(3)
    encode = Hearing.encode

    def deaf(self: Hearing, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        if wav[0] == rows[1, 0]:
            raise DataError("no speech")
        return encode(self, wav, sample_rate)

    monkeypatch.setattr(Hearing, "encode", deaf)
    assert np.isnan(voices.hear(rows, "some")).all(axis=1).tolist() == [False, True, False]


def test_several_sentences_are_their_mean_at_unit_norm(voices: SpokenVoices) -> None:
    rows, said = table(4), ("One.", "Another sentence.", "A third one.")
    parts = [voices.hear(rows, "one", [sentence]) for sentence in said]
    both = voices.hear_mean(rows, "all", said)
    np.testing.assert_allclose(both, normalize(np.mean(parts, axis=0)), rtol=1e-6)
    one = {
        np.round(row[-1] / row[0] * rows[i, 0], 4) for i, row in enumerate(voices.hear(rows, "x"))
    }
    assert one <= {np.float32(round(len(s) / 1000, 4)) for s in SENTENCES}
