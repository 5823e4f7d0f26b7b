"""Audio: files, sample rates, loudness, and a limiter of true peaks.

Everywhere `wav (T,)` is mono float32 in [-1, 1] and travels with its `sample_rate` in Hz.
"""

import functools
import logging
from io import BytesIO
from math import gcd
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pyloudnorm
import soundfile
from scipy.ndimage import minimum_filter1d
from scipy.signal import resample_poly
from scipy.signal.windows import hann

from vclip.arrays import Float64, Int16, Wav
from vclip.errors import DataError, OutputError

BLOCK = 0.4  # seconds: the least that has a loudness (ITU-R BS.1770)
TRUE_PEAK = -1.5  # dBTP: leaves room for lossy encoders
TOLERANCE = 0.05  # LU, a tenth of what can be heard at best
MOST = 1.4  # 3 dB: what is made up for of a sound that is nothing but peaks
_MARGIN = 0.05  # dB that the limiter stays below it: its gain is not quite constant
OVERSAMPLING = 4  # ITU-R BS.1770-4, annex 2
_FILTER = 10  # samples on both sides that scipy's resample_poly looks at
Format = Literal["wav", "flac", "mp3"]
FORMATS: tuple[str, ...] = get_args(Format)
COMMENT = "synthetic speech"  # in every file that is written
log = logging.getLogger(__name__)


def load_wav(path: str | Path) -> tuple[Wav, int]:
    """Read a sound file (WAV, FLAC, Ogg, MP3) as mono: wav (T,) float32, sample_rate in Hz.

    Channels are averaged. Raises DataError if the file is missing, unreadable or empty.
    """
    try:
        frames, sample_rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise DataError(
            f"cannot read sound from {path}: {error}; give a WAV, FLAC or Ogg file"
        ) from error
    wav = frames.mean(axis=1)  # (T, channels) -> (T,)
    if not len(wav):
        raise DataError(f"{path} holds no sound; give a recording of at least a second")
    if not np.isfinite(wav).all():
        raise DataError(f"{path} holds samples that are not numbers; encode it again")
    return wav.astype(np.float32), int(sample_rate)


def resample(wav: Wav, sample_rate: int, target: int) -> Wav:
    """wav (T,) at sample_rate Hz -> (ceil(T * target / sample_rate),) at target Hz, float32."""
    if sample_rate <= 0 or target <= 0:
        raise ValueError(f"sample rates must be positive, got {sample_rate} and {target}")
    if sample_rate == target or not len(wav):
        return wav.astype(np.float32)
    common = gcd(sample_rate, target)
    return np.asarray(resample_poly(wav, target // common, sample_rate // common), dtype=np.float32)


def loudness(wav: Wav, sample_rate: int) -> float:
    """Integrated loudness in LUFS (ITU-R BS.1770-4); -inf for silence.

    A sound shorter than a gating block is repeated until it fills one.
    """
    block = round(BLOCK * sample_rate) + 1
    if not len(wav) or not wav.any():
        return -np.inf
    filled = np.tile(wav, -(-block // len(wav))) if len(wav) < block else wav
    meter = pyloudnorm.Meter(sample_rate)
    return float(meter.integrated_loudness(filled.astype(np.float64)))


def true_peak(wav: Wav) -> float:
    """Level in dBTP of the highest peak, also between the samples (ITU-R BS.1770-4, annex 2)."""
    highest = np.max(envelope(wav), initial=0.0)
    return float(20 * np.log10(highest)) if highest > 0 else -np.inf


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
        window = hann(2 * self._half + 3)[1:-1]
        self._window = window / window.sum()

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
    """Streaming Limiter: takes chunks, returns samples with a delay of `reach`."""

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self._held: Wav = np.zeros(0, dtype=np.float32)
        self._out = 0  # samples of `held` that went out already and are kept as context

    def feed(self, chunk: Wav) -> Wav:
        """Limited samples that are ready after this chunk."""
        self._held = np.concatenate([self._held, chunk])
        ready = max(self._out, len(self._held) - self._limiter.reach)
        limited = self._limiter(self._held)[self._out : ready]
        forget = max(0, ready - self._limiter.reach)
        self._held, self._out = self._held[forget:], ready - forget
        return limited

    def finish(self) -> Wav:
        """The remaining samples after the last chunk."""
        return self._limiter(self._held)[self._out :]


def limiter(sample_rate: int) -> Limiter:
    """The limiter that keeps true peaks under TRUE_PEAK."""
    return Limiter(sample_rate, 10 ** ((TRUE_PEAK - _MARGIN) / 20))


def loudness_gain(wav: Wav, sample_rate: int, lufs: float) -> float:
    """The factor that brings a sound to `lufs` once it has passed the limiter; 1 for silence."""
    measured = loudness(wav, sample_rate)
    if not np.isfinite(measured):
        return 1.0
    wanted = 10 ** ((lufs - measured) / 20)
    peaks, limit, gain = envelope(wav), limiter(sample_rate), wanted
    for _ in range(6):  # the limiter takes some loudness away: ask for a little more
        limited = (wav * (gain * limit.gain(peaks * gain))).astype(np.float32)
        missing = lufs - loudness(limited, sample_rate)
        if abs(missing) < TOLERANCE or gain > MOST * wanted:
            break
        gain *= 10 ** (missing / 20)
    if missing > TOLERANCE:
        log.info("%.1f dB softer than %.1f LUFS because of its peaks", missing, lufs)
    return float(min(gain, MOST * wanted))


def normalize_loudness(
    wav: Wav, sample_rate: int, lufs: float = -16.0, limited: bool = True
) -> Wav:
    """The same sound at `lufs`, its true peak at most TRUE_PEAK; silence stays.

    The guard is a limiter; without it (listening tests) a sound with high peaks is left softer
    than `lufs` instead, which is logged.
    """
    if limited:
        gain = loudness_gain(wav, sample_rate, lufs)
        return limiter(sample_rate)((wav * gain).astype(np.float32))
    measured = loudness(wav, sample_rate)
    if not np.isfinite(measured):
        return wav
    wanted, allowed = lufs - measured, TRUE_PEAK - true_peak(wav)
    if wanted > allowed:
        log.info("%.1f dB softer than %.1f LUFS because of its peaks", wanted - allowed, lufs)
    return (wav * 10 ** (min(wanted, allowed) / 20)).astype(np.float32)


def to_int16(wav: Wav) -> Int16:
    """wav (T,) -> 16-bit samples; what exceeds full scale is clipped."""
    return np.round(np.clip(wav, -1.0, 1.0) * 32767).astype(np.int16)


def check_format(path: str | Path) -> str:
    """The format that a file's name asks for, one of FORMATS. Raises OutputError."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in FORMATS:
        names = ", ".join(f".{name}" for name in FORMATS)
        raise OutputError(f"cannot write {path}: its name must end in one of {names}")
    return kind


def encode(wav: Wav, sample_rate: int, kind: str = "wav") -> bytes:
    """A complete mono file in memory, 16 bits or MP3; the same input gives the same bytes."""
    buffer = BytesIO()
    options: dict[str, object] = {"subtype": "PCM_16"}
    if kind == "mp3":  # 0 is the best of libsndfile's scale, still a quarter of the WAV
        options = {"compression_level": 0}
    with soundfile.SoundFile(
        buffer, "w", sample_rate, channels=1, format=kind.upper(), **options
    ) as file:
        file.comment = COMMENT
        file.write(wav if kind == "mp3" else to_int16(wav))
    return buffer.getvalue()


def save(path: str | Path, wav: Wav, sample_rate: int) -> None:
    """Write a mono file in the format of its name, one of FORMATS. Raises OutputError."""
    data = encode(wav, sample_rate, check_format(path))
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that exists and "
            "that you may write to"
        ) from error
