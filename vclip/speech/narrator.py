"""Narration: a whole text in one voice, sentence after sentence, pauses between, one loudness.

`recite` gives what the synthesizer says at its own level; `master` brings a finished recital to a
loudness; `normalize_stream` does so on the way, with a gain measured on another sentence.
"""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from vclip import audio
from vclip.arrays import Float32
from vclip.errors import BusyError, InputError
from vclip.speech.synthesizer import MAX_SEED, Speech, Synthesizer, check_rate, join
from vclip.text.sentences import to_sentences

MAX_TEXTS = 32  # texts at once, speaking or waiting for a turn: as many as the app queues
MAX_PAUSE = 2.0  # seconds
MIN_LUFS, MAX_LUFS = -60.0, -10.0
CHARACTERS_PER_SECOND = 18.0  # of the bundled voices: for estimates and bars only
CALIBRATION = "We walked home along the river, and nobody said a word."
CALIBRATION_SECONDS = 1.0  # of it are heard: a voice's first stream waits for them

Pieces = Iterator[tuple[float, Speech]]
"""Speech as it is made, each piece with the share of the text that is done, roughly."""


class AdmissionGate:
    """Limits how many requests run or wait; further ones get BusyError at once."""

    def __init__(self, places: int) -> None:
        self._places = threading.Semaphore(places)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Context manager that holds one of the places. Raises BusyError if all are taken."""
        if not self._places.acquire(blocking=False):
            raise BusyError("too many texts are being spoken just now; try again in a moment")
        try:
            yield
        finally:
            self._places.release()


class Narrator:
    """Speaks whole texts with a synthesizer; shared by all requests."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self._synthesizer = synthesizer
        self._gate = AdmissionGate(MAX_TEXTS)
        # a gain is a few bytes, its key the bytes of a speaker embedding
        self._gain = functools.lru_cache(maxsize=2048)(self._measure_gain)

    def recite(
        self, text: str, speaker_embedding: Float32, seed: int, rate: float, pause: float
    ) -> Pieces:
        """A text at the model's own level, `pause` seconds of silence between its sentences.

        Sentence i of a text is spoken with seed + i. Wrong arguments raise here, before the first
        piece: TextError, InputError. The first piece raises BusyError where too many are spoken.
        """
        check_rate(rate)
        check_pause(pause)
        return self._recite(to_sentences(text), speaker_embedding, seed, rate, pause)

    def normalize_stream(self, pieces: Pieces, speaker_embedding: Float32, lufs: float) -> Pieces:
        """Pieces of `recite` at about `lufs` while they come. Raises InputError at once."""
        check_lufs(lufs)
        return self._normalize(pieces, np.asarray(speaker_embedding, dtype=np.float32), lufs)

    def _recite(
        self, sentences: list[str], speaker_embedding: Float32, seed: int, rate: float, pause: float
    ) -> Pieces:
        sample_rate = self._synthesizer.sample_rate
        silence = Speech(np.zeros(round(pause * sample_rate), dtype=np.float32), sample_rate)
        done, total = 0, sum(map(len, sentences))
        with self._gate.place():
            for i, sentence in enumerate(sentences, start=1):
                if i > 1 and len(silence.wav):
                    yield done / total, silence
                seconds, expected = 0.0, len(sentence) / CHARACTERS_PER_SECOND / rate
                for piece in self._synthesizer.stream(
                    sentence, speaker_embedding, (seed + i) % MAX_SEED, rate
                ):
                    seconds += piece.seconds
                    yield (done + len(sentence) * min(seconds / expected, 1)) / total, piece
                done += len(sentence)

    def _normalize(self, pieces: Pieces, speaker_embedding: Float32, lufs: float) -> Pieces:
        sample_rate = self._synthesizer.sample_rate
        gain = self._gain(speaker_embedding.tobytes(), lufs)
        limiter = audio.LimiterStream(audio.limiter(sample_rate))
        for share, piece in pieces:
            wav = limiter.feed((piece.wav * gain).astype(np.float32))
            if len(wav):
                yield share, Speech(wav, sample_rate)
        yield 1.0, Speech(limiter.finish(), sample_rate)

    def _measure_gain(self, speaker_embedding: bytes, lufs: float) -> float:
        """The factor that brings this voice to `lufs`, by the beginning of a sentence of ours."""
        vector = np.frombuffer(speaker_embedding, dtype=np.float32)
        heard: list[Speech] = []
        for piece in self._synthesizer.stream(CALIBRATION, vector, 0):
            heard.append(piece)
            if sum(piece.seconds for piece in heard) >= CALIBRATION_SECONDS:
                break
        speech = join(heard)
        return audio.loudness_gain(speech.wav, speech.sample_rate, lufs)


def master(speech: Speech, lufs: float) -> Speech:
    """A whole recital at `lufs`, limited to TRUE_PEAK."""
    check_lufs(lufs)
    wav = audio.normalize_loudness(speech.wav, speech.sample_rate, lufs)
    return Speech(wav, speech.sample_rate)


def check_pause(pause: float) -> None:
    """Raise InputError for a pause that cannot be meant."""
    if not 0 <= pause <= MAX_PAUSE:
        raise InputError(f"the pause is {pause} s; use 0 to {MAX_PAUSE:g} seconds")


def check_lufs(lufs: float) -> None:
    """Raise InputError for a loudness that no speech has."""
    if not MIN_LUFS <= lufs <= MAX_LUFS:
        raise InputError(f"the loudness is {lufs} LUFS; use {MIN_LUFS:g} to {MAX_LUFS:g}")
