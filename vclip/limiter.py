"""A look-ahead limiter: holds the true peak under a ceiling by turning down for a few milliseconds.

Speech at -16 LUFS has peaks far above full scale (docs/log.md), so some guard must act, and a gain
for the whole would leave most voices softer than the others. The gain at a sample depends on its
neighbourhood only, so a stream of chunks is limited exactly as the whole is.
"""

import functools

import numpy as np
from scipy.ndimage import minimum_filter1d
from scipy.signal import resample_poly
from scipy.signal.windows import hann

from vclip.arrays import Float64, Wav

OVERSAMPLING = 4  # ITU-R BS.1770-4, annex 2
_FILTER = 10  # samples on both sides that scipy's resample_poly looks at


def envelope(wav: Wav) -> Wav:
    """(T,) highest magnitude at and just after each sample, seen at four times the rate."""
    between = resample_poly(wav.astype(np.float32), OVERSAMPLING, 1) if len(wav) else wav
    phases = [np.abs(between[i::OVERSAMPLING]) for i in range(OVERSAMPLING)]  # faster than an axis
    return np.asarray(functools.reduce(np.maximum, phases, np.abs(wav)), dtype=np.float32)


class Limiter:
    """Multiplies (T,) sounds by a gain of at most 1; sounds under the ceiling pass untouched."""

    def __init__(self, sample_rate: int, ceiling: float, seconds: float = 0.005) -> None:
        """`ceiling` is a magnitude; the gain falls and rises over 2 * `seconds`."""
        self.ceiling = ceiling
        self._half = max(1, round(seconds * sample_rate))
        self.reach = 2 * self._half + _FILTER + 1

    @functools.cached_property
    def _window(self) -> Float64:
        window = hann(2 * self._half + 3)[1:-1]
        return np.asarray(window / window.sum())

    def gain(self, peaks: Wav) -> Float64:
        """Envelope (T,) -> gains (T,): the lowest that is needed nearby, smoothed.

        Never above what is needed: a mean over ±half of minima over ±half contains the sample's
        own need in every term.
        """
        needed = np.minimum(1.0, self.ceiling / np.maximum(peaks, 1e-12, dtype=np.float64))
        lowest = minimum_filter1d(needed, 2 * self._half + 1, mode="nearest")
        padded = np.pad(lowest, self._half, mode="edge")
        return np.convolve(padded, self._window, "valid")

    def __call__(self, wav: Wav) -> Wav:
        """The limited sound (T,)."""
        peaks = envelope(wav)
        if np.max(peaks, initial=0.0) <= self.ceiling:
            return wav
        return (wav * self.gain(peaks)).astype(np.float32)


class LimiterStream:
    """The same for a sound that comes in chunks: what goes out lags `reach` samples behind."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._held: Wav = np.zeros(0, dtype=np.float32)
        self._out = 0  # samples of `held` that went out already and are kept as context

    def feed(self, chunk: Wav) -> Wav:
        """What can go out now that a chunk has come in."""
        self._held = np.concatenate([self._held, chunk])
        ready = max(self._out, len(self._held) - self._limiter.reach)
        limited = self._limiter(self._held)[self._out : ready]
        forget = max(0, ready - self._limiter.reach)
        self._held, self._out = self._held[forget:], ready - forget
        return limited

    def finish(self) -> Wav:
        """The rest."""
        return self._limiter(self._held)[self._out :]
