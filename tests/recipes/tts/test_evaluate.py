"""The whole evaluation, on a synthesizer that plays recordings back: the answers are known."""

import json
from pathlib import Path

import numpy as np
import pytest

from vclip import audio
from vclip.recipes.metrics.figures import Figure
from vclip.recipes.tts import evaluate
from vclip.recipes.tts.evaluate import (
    EvaluateTtsSettings,
    TtsEvaluation,
    count_phonemes,
    held_out_sentences,
)
from vclip.recipes.tts.prepare import PrepareTtsSettings, jobs, level, transcribed
from vclip.speakers.gmm import SpeakerGMM
from vclip.speech.synthesizer import Speech

SPEAKERS = ["c225", "c226", "c300"]


class Playback:
    """Speaks a text by the speaker's own recording of it, or by one of another text."""

    sample_rate, speaker_ids = 22050, SPEAKERS
    speaker_embeddings = np.eye(3, dtype=np.float32)

    def __init__(self, recordings: list[tuple[str, str, Path]]) -> None:
        self._paths = {(speaker, text): path for speaker, text, path in recordings}

    def synthesize(
        self, text: str, speaker_embedding: np.ndarray, seed: int, rate: float = 1.0
    ) -> Speech:
        speaker = SPEAKERS[int(np.argmax(speaker_embedding))]
        own = [path for (s, _), path in self._paths.items() if s == speaker]
        path = self._paths.get((speaker, text), own[seed % len(own)])
        return Speech(level(audio.load_wav(path), PrepareTtsSettings(path)), 22050)


@pytest.mark.slow
def test_playback_is_its_own_reference(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = [r for r in transcribed(shared) if r[0] in SPEAKERS and r[2].stem[-1] in "45"]
    monkeypatch.setattr(evaluate, "transcribed", lambda data: kept)
    SpeakerGMM.fit(np.eye(3, dtype=np.float32), 1, 0).save(tmp_path / "generation.npz")
    config = EvaluateTtsSettings(
        shared, tmp_path, 5, 3, sentences_each=2, n_voices=2, n_generated=3
    )
    figures = {f.name: f for f in TtsEvaluation(config, Playback(kept)).figures()}
    assert figures["right_sentence"].value == 0  # it never says the held-out ones
    assert figures["word_error_ratio"].value == 1
    assert 0 < figures["word_error_rate"].value < 1
    assert figures["speaker_first"].value == figures["f0_within_10_percent"].value == 1
    assert figures["similarity"].value > 0.99 and figures["f0_deviation"].value < 0.02
    assert figures["periodicity_ratio"].value == pytest.approx(1, abs=0.01)
    assert figures["loudness_off"].value == pytest.approx(0, abs=0.01)
    assert figures["clipped"].value == figures["not_finite"].value == 0
    assert figures["s2s_embedding"].value == 1 and figures["g2s_heard"].value < 0.05
    assert {f.part for f in figures.values()} == set("abcd")


def test_held_out_sentences_are_in_no_training_text(shared: Path) -> None:
    held_out = held_out_sentences(EvaluateTtsSettings(shared))
    assert len(held_out) == len(set(held_out)) == 60
    trained = jobs(PrepareTtsSettings(shared, flite_sentences=99_999))
    assert trained and not set(held_out) & {text for _, text in trained}


def test_phonemes_are_letters_without_marks() -> None:
    assert count_phonemes("Tea, please!") == len("tipliz")
    assert count_phonemes("The cat sat.") == count_phonemes("the cat sat") == len("ðəkætsæt")


@pytest.mark.parametrize(("value", "code"), [(0.95, 0), (0.85, 1)])
def test_check_fails_for_a_missed_target(
    value: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = [Figure("a", "right_sentence", value, least=0.9), Figure("c", "loudness", -20.0)]
    monkeypatch.setattr(evaluate.CoquiVits, "load", lambda directory: None)
    monkeypatch.setattr(TtsEvaluation, "__init__", lambda *_: None)
    monkeypatch.setattr(TtsEvaluation, "figures", lambda self: figures)
    assert evaluate.main(["--data", "voices", "--check"]) == code
    assert "right_sentence" in capsys.readouterr().out
    # without --check a missed target is no failure
    assert evaluate.main(["--data", "voices", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["right_sentence"]["ok"] is (code == 0)
