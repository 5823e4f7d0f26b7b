"""The measures of plain speech, on sounds whose answer is known."""

import csv
from pathlib import Path

import numpy as np
import pytest

from vclip import audio
from vclip.offline import evaluate_tts
from vclip.offline.evaluate_tts import Config, Recogniser, median_f0, spoken_words
from vclip.offline.prepare_tts import Config as PrepareConfig
from vclip.offline.prepare_tts import sentences
from vclip.tts import Speech


@pytest.mark.parametrize("f0", [90.0, 165.0, 240.0])
def test_pitch_of_a_buzz(f0: float) -> None:
    phase = np.arange(22050 * 2) * f0 / 22050
    wav = (0.3 * (2 * (phase % 1) - 1)).astype(np.float32)
    assert median_f0(wav, 22050) == pytest.approx(f0, rel=0.02)


def test_full_size_speech_is_recognised_and_noise_is_not(shared: Path) -> None:
    with (shared / "voices/manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["speaker"] in ("c225", "c300")]
    recogniser = Recogniser(sorted({spoken_words(row["text"]) for row in rows}))
    right = [
        recogniser.recognise(Speech(*audio.load_wav(shared / "voices" / row["path"])))
        == spoken_words(row["text"])
        for row in rows
    ]
    assert len(right) == 14 and sum(right) >= 13
    noise = np.random.default_rng(0).normal(0, 0.1, 60000).astype(np.float32)
    assert recogniser.recognise(Speech(noise, 22050)) != spoken_words(rows[0]["text"])


def test_held_out_sentences_are_in_no_training_text(shared: Path) -> None:
    held_out = evaluate_tts.held_out_sentences(Config(data=str(shared)))
    assert len(held_out) == len(set(held_out)) == 60
    assert not set(held_out) & set(sentences(PrepareConfig(data=str(shared), flite_sentences=9999)))


def test_summary_of_known_rows() -> None:
    row = {"recognised": True, "f0": 210.0, "f0_recording": 200.0, "speaker_first": True}
    row |= {"clipped": 0.0, "seconds_per_character": 0.05}
    other = row | {"recognised": False, "f0": 100.0, "speaker_first": False}
    figures = evaluate_tts.summarise([row, row, row, other], seed=0)
    assert figures["recognised"]["share"] == 0.75
    assert figures["f0_within_15_percent"]["share"] == 0.75
    assert figures["f0_same_side_of_165_hz"]["share"] == 0.75
    assert figures["recognised"]["low"] < 0.75 < figures["recognised"]["high"]
