"""Frozen voice encoders: speech to voice_features."""

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from vclip.arrays import Float32, Wav
from vclip.audio import resample
from vclip.errors import DataError, ModelError


class VoiceEncoder(Protocol):
    """Speech → voice_features."""

    sample_rate: int
    dimension: int
    min_seconds: float

    def encode(self, wav: Wav, sample_rate: int) -> Float32:
        """(T,) float32 at any sample rate → voice_features (V,) float32, raw scale."""


def check_speech(wav: Wav, sample_rate: int, min_seconds: float) -> None:
    """Raise DataError for a recording (T,) that is too short, or silent."""
    seconds = len(wav) / sample_rate
    if seconds < min_seconds:
        raise DataError(
            f"The recording has {seconds:.2f} s; the voice encoder needs {min_seconds} s."
        )
    if not np.any(wav):
        raise DataError("The recording is silent; use one with speech.")


class ResemblyzerEncoder:
    """Resemblyzer's speaker encoder (GE2E, Wan et al. 2018), whose weights are in its package.

    Only recipes need it: ModelError where it isn't installed. Features have unit norm and are ≥ 0.
    """

    sample_rate = 16000
    dimension = 256
    min_seconds = 1.0

    def __init__(self) -> None:
        self._preprocess, network = _import_resemblyzer()
        self.network = network("cpu", verbose=False).eval()

    def encode(self, wav: Wav, sample_rate: int) -> Float32:
        """(T,) float32 in [−1, 1] → voice_features (256,) float32.

        Volume is levelled and long pauses are cut out first. DataError if little speech is left.
        """
        check_speech(wav, sample_rate, self.min_seconds)
        speech = self._preprocess(resample(wav, sample_rate, self.sample_rate).clip(-1, 1))
        if len(speech) < self.min_seconds / 2 * self.sample_rate:
            raise DataError("The recording holds almost no speech; use a clearer or longer one.")
        features = self.network.embed_utterance(speech)
        return np.asarray(features, dtype=np.float32)


def _import_resemblyzer() -> tuple[Callable[[Wav], Wav], Callable[..., Any]]:
    """preprocess_wav and VoiceEncoder."""
    try:
        with warnings.catch_warnings():  # both are about how resemblyzer's own imports are written
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            warnings.filterwarnings("ignore", "Deprecated call to `pkg", DeprecationWarning)
            warnings.filterwarnings("ignore", "Please import `binary_dilation`", DeprecationWarning)
            from resemblyzer import VoiceEncoder as Network
            from resemblyzer import preprocess_wav
    except ImportError as error:
        raise ModelError(
            f"The voice encoder needs the package resemblyzer ({error}); "
            "pip install -r requirements-dev.txt."
        ) from error
    return preprocess_wav, Network
