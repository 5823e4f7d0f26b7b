"""Whole texts by a toy synthesizer: seeds, pauses, progress, loudness, streams and files alike."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest

from vclip import audio
from vclip.errors import BusyError, InputError, TextError
from vclip.speech.narrator import CALIBRATION, MAX_TEXTS, AdmissionGate, Narrator, master
from vclip.speech.synthesizer import Speech, join

RATE = 16000
VOICE = np.ones(4, dtype=np.float32)


class Toy:
    """A word is a syllable of 0.2 s whose pitch follows the seed; the voice sets the level."""

    sample_rate, speaker_ids, speaker_embeddings = RATE, ["a"], VOICE[None]

    def __init__(self) -> None:
        self.heard: list[tuple[str, int, float]] = []

    def synthesize(self, text: str, speaker_embedding: np.ndarray, seed: int, rate: float = 1.0):
        return join(list(self.stream(text, speaker_embedding, seed, rate)))

    def stream(
        self, text: str, speaker_embedding: np.ndarray, seed: int, rate: float = 1.0
    ) -> Iterator[Speech]:
        self.heard.append((text, seed, rate))
        t = np.arange(int(0.2 * RATE / rate)) / RATE
        syllable = np.sin(2 * np.pi * (150 + seed % 50) * t) * np.sin(np.pi * t * rate / 0.2)
        for _ in text.split():
            yield Speech((0.05 * speaker_embedding[0] * syllable).astype(np.float32), RATE)


@pytest.fixture
def toy() -> Toy:
    return Toy()


def whole(pieces: Iterator[tuple[float, Speech]]) -> np.ndarray:
    return join([speech for _, speech in pieces]).wav


def stream(
    narrator: Narrator,
    text: str,
    voice: np.ndarray,
    seed: int,
    rate: float,
    pause: float,
    lufs: float,
) -> Iterator[tuple[float, Speech]]:
    return narrator.normalize_stream(narrator.recite(text, voice, seed, rate, pause), voice, lufs)


TEXT = "One word. Two more words! And 3?"


def test_every_sentence_has_its_seed_and_the_rate(toy: Toy) -> None:
    list(Narrator(toy).recite(TEXT, VOICE, 7, 1.5, 0.2))
    spoken = ["One word.", "Two more words!", "And three?"]
    assert toy.heard == [(text, 8 + i, 1.5) for i, text in enumerate(spoken)]


def test_pauses_are_silence_between_sentences(toy: Toy) -> None:
    without, with_pause = (whole(Narrator(toy).recite(TEXT, VOICE, 0, 1, p)) for p in (0.0, 0.5))
    assert len(with_pause) == len(without) + 2 * RATE // 2
    first = 2 * RATE // 5  # two words
    assert not with_pause[first : first + RATE // 2].any()
    np.testing.assert_array_equal(with_pause[:first], without[:first])


def test_shares_grow_to_one(toy: Toy) -> None:
    for pieces in (
        Narrator(toy).recite(TEXT, VOICE, 0, 1, 0.2),
        stream(Narrator(toy), TEXT, VOICE, 0, 1, 0.2, -16),
    ):
        shares = [share for share, _ in pieces]
        assert shares == sorted(shares) and shares[0] > 0 and 0.8 < shares[-1] <= 1


def test_a_quiet_stream_is_proportional_to_the_recital(toy: Toy) -> None:
    """Where the limiter has nothing to do."""
    raw = whole(Narrator(toy).recite(TEXT, VOICE, 0, 1, 0))
    live = whole(stream(Narrator(toy), TEXT, VOICE, 0, 1, 0, -40))
    np.testing.assert_allclose(live, raw * (live.max() / raw.max()), atol=1e-6)
    mastered = master(Speech(raw, RATE), -40).wav
    np.testing.assert_allclose(mastered, raw * (mastered.max() / raw.max()), atol=1e-6)
    # the toy speaks the calibration as loud as the text
    assert audio.loudness(live, RATE) == pytest.approx(-40, abs=0.5)


def test_lufs_scales(toy: Toy) -> None:
    speech = Speech(whole(Narrator(toy).recite(TEXT, VOICE, 0, 1, 0.2)), RATE)
    soft, loud = (master(speech, lufs).wav for lufs in (-50, -30))
    np.testing.assert_allclose(loud, 10 * soft, atol=1e-3 * loud.max())
    assert audio.loudness(loud, RATE) == pytest.approx(-30, abs=0.1)


def test_streams_of_all_voices_are_equally_loud_and_guarded(toy: Toy) -> None:
    narrator = Narrator(toy)
    for level in (0.1, 1.0, 8.0):
        wav = whole(stream(narrator, TEXT, level * VOICE, 0, 1, 0, -16))
        assert audio.loudness(wav, RATE) == pytest.approx(-16, abs=0.5)
        assert audio.true_peak(wav) <= audio.TRUE_PEAK


def test_a_voice_is_measured_once(toy: Toy) -> None:
    narrator = Narrator(toy)
    for voice in (VOICE, VOICE.copy(), 2 * VOICE):
        list(stream(narrator, "Go.", voice, 0, 1, 0, -16))
    assert [text for text, _, _ in toy.heard].count(CALIBRATION) == 2


def test_closing_a_stream_stops_the_work(toy: Toy) -> None:
    pieces = stream(Narrator(toy), TEXT, VOICE, 0, 1, 0.2, -16)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert toy.heard[-1][0] == "One word."


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"text": " "}, TextError),
        ({"rate": 0.4}, InputError),
        ({"rate": float("nan")}, InputError),
        ({"pause": -0.1}, InputError),
        ({"pause": 2.1}, InputError),
        ({"lufs": 0.0}, InputError),
        ({"lufs": float("nan")}, InputError),
    ],
)
def test_wrong_arguments_raise_before_anything_is_said(
    toy: Toy, given: dict, error: type[Exception]
) -> None:
    arguments = {"text": TEXT, "rate": 1.0, "pause": 0.2, "lufs": -16.0} | given
    with pytest.raises(error):
        stream(Narrator(toy), voice=VOICE, seed=0, **arguments)
    assert not toy.heard


def test_one_text_too_many_is_told_and_the_others_go_on(toy: Toy) -> None:
    narrator = Narrator(toy)
    several = [narrator.recite(TEXT, VOICE, seed, 1.0, 0.0) for seed in range(MAX_TEXTS + 1)]
    for pieces in several[:-1]:
        next(pieces)
    with pytest.raises(BusyError, match="try again"):
        next(several[-1])
    assert whole(several[0]).any()  # to its end, past its second sentence
    several[1].close()  # type: ignore[attr-defined]
    for _ in range(2):
        assert whole(narrator.recite(TEXT, VOICE, 1, 1.0, 0.0)).any()


def test_one_too_many_is_told_and_a_place_comes_back() -> None:
    gate = AdmissionGate(2)
    with gate.place():
        with gate.place(), pytest.raises(BusyError, match="try again"), gate.place():
            pass
        with gate.place():
            pass


def test_an_error_inside_gives_the_place_back() -> None:
    gate = AdmissionGate(1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.place():
            _ = 1 / 0


@pytest.mark.parametrize("leave", ["close", "forget", "finish"])
def test_a_generator_that_is_left_gives_its_place_back(leave: str) -> None:
    gate = AdmissionGate(1)

    def work() -> Iterator[int]:
        with gate.place():
            yield from range(3)

    generator = work()
    with gate.place():  # nothing is taken before the first piece is asked for
        pass
    assert next(generator) == 0
    with pytest.raises(BusyError), gate.place():
        pass
    if leave == "close":
        generator.close()  # type: ignore[attr-defined]
    elif leave == "finish":
        assert list(generator) == [1, 2]
    with contextlib.suppress(NameError):
        del generator
    with gate.place():
        pass
