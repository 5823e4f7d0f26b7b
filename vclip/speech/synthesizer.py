"""The interface of speech synthesis: speech, synthesizers, and the ranges of their arguments."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vclip.arrays import Float32
from vclip.errors import InputError

MIN_RATE, MAX_RATE = 0.5, 2.0
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Speech:
    """Synthetic speech: wav (T,) float32 in [-1, 1] at sample_rate Hz."""

    wav: Float32
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.wav) / self.sample_rate


def join(parts: Sequence[Speech]) -> Speech:
    """Concatenate the speech of several sentences."""
    return Speech(np.concatenate([part.wav for part in parts]), parts[0].sample_rate)


class Synthesizer(Protocol):
    """Interface of a multi-speaker text-to-speech model."""

    sample_rate: int
    speaker_ids: list[str]

    @property
    def speaker_embeddings(self) -> Float32:
        """(N, S) raw-scale embeddings of the speakers that may be offered."""

    def synthesize(
        self, text: str, speaker_embedding: Float32, seed: int, rate: float = 1.0
    ) -> Speech:
        """Speak one sentence; the same arguments give the same samples.

        A rate of 2 is twice as fast. Raises TextError, InputError (rate).
        """

    def stream(
        self, text: str, speaker_embedding: Float32, seed: int, rate: float = 1.0
    ) -> Iterator[Speech]:
        """The same in pieces, the first one soon; closing the iterator stops the work."""


def check_rate(rate: float) -> None:
    """Raise InputError for a rate that is not understood as speech."""
    if not MIN_RATE <= rate <= MAX_RATE:
        raise InputError(f"the rate is {rate}; use {MIN_RATE} (slow) to {MAX_RATE} (fast)")


def check_seed(seed: int) -> None:
    """Raise InputError for a seed out of range."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"the seed is {seed}; use a number from 0 to {MAX_SEED}")
