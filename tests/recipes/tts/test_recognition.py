"""What PocketSphinx hears, and word errors against a naive edit distance."""

import csv
from pathlib import Path

import numpy as np
import pytest

from vclip import audio
from vclip.arrays import Wav
from vclip.recipes.tts.recognition import (
    Recogniser,
    of_known_words,
    spoken_words,
    word_error_rate,
    word_errors,
)


def distance(said: list[str], heard: list[str]) -> int:
    """Levenshtein's distance, as it is defined."""
    if not said or not heard:
        return len(said) + len(heard)
    if said[-1] == heard[-1]:
        return distance(said[:-1], heard[:-1])
    cut = [(said[:-1], heard), (said, heard[:-1]), (said[:-1], heard[:-1])]
    return 1 + min(distance(*pair) for pair in cut)


def test_word_errors_are_the_edit_distance() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        one, other = (list(rng.choice(["we", "go", "home"], rng.integers(1, 7))) for _ in range(2))
        found = word_errors([" ".join(one)], [" ".join(other)])
        assert found == (distance(one, other), len(one))


def test_word_errors_add_up_over_sentences_and_silence_is_all_wrong() -> None:
    assert word_errors(["we go home", "go"], ["we go home", ""]) == (1, 4)
    assert word_errors(["we go"], ["oh we do go"]) == (2, 2)


def test_word_error_rate_weighs_rows() -> None:
    counts = [(1, 4), (3, 6)]
    assert word_error_rate(counts, [1, 1]) == 0.4
    assert word_error_rate(counts, [2, 0]) == 0.25


@pytest.mark.slow
def test_spoken_words_are_plain() -> None:
    assert spoken_words("Mr. Fox's crystal-clear pond, in 3 minutes!") == (
        "mister fox's crystal clear pond in three minutes"
    )


def test_texts_with_words_nobody_knows_are_left_out() -> None:
    assert of_known_words(["The blue garden.", "The blorptic garden."]) == ["The blue garden."]


def luna(shared: Path, speaker: str) -> list[tuple[str, Wav, int]]:
    """Words, wav and sample rate of a speaker's recordings."""
    with (shared / "voices/manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["speaker"] == speaker]
    return [(spoken_words(r["text"]), *audio.load_wav(shared / "voices" / r["path"])) for r in rows]


@pytest.mark.slow
def test_full_size_speech_is_recognised_and_noise_is_not(shared: Path) -> None:
    said = luna(shared, "c225") + luna(shared, "c300")
    recogniser = Recogniser(sorted({words for words, _, _ in said}))
    right = [recogniser.recognise(wav, rate) == words for words, wav, rate in said]
    assert len(right) == 14 and sum(right) >= 13
    noise = np.random.default_rng(0).normal(0, 0.1, 60000).astype(np.float32)
    assert recogniser.recognise(noise, 22050) != said[0][0]
    assert recogniser.recognise(np.zeros(22050, np.float32), 22050) == ""


@pytest.mark.slow
def test_open_vocabulary_hears_some_words_whatever_came_before(shared: Path) -> None:
    said = luna(shared, "c300")[3:5]
    recogniser = Recogniser()
    heard = [recogniser.recognise(wav, rate) for _, wav, rate in said]
    errors, words = word_errors([words for words, _, _ in said], heard)
    assert 0 < errors < 0.8 * words
    assert recogniser.recognise(*said[0][1:]) == heard[0]


def test_words_do_not_depend_on_level(shared: Path) -> None:
    words, wav, rate = luna(shared, "c300")[4]
    recogniser = Recogniser([words, "nobody said this sentence at all"])
    assert recogniser.recognise((0.1 * wav).astype(np.float32), rate) == words
    assert recogniser.recognise(wav, rate) == words


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_to_say_is_no_words(text: str) -> None:
    assert spoken_words(text) == ""
