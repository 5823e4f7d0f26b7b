"""Sound in and out of files, and at another sample rate.

Everywhere `wav (T,)` is mono float32 in [-1, 1] and travels with its `sample_rate` in Hz.
"""

from io import BytesIO
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

from vclip.errors import DataError, OutputError

Wav = npt.NDArray[np.float32]

PEAK = 0.99  # of full scale: leaves room for the rounding to 16 bits and for lossy encoders


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


def guard_peak(wav: Wav, peak: float = PEAK) -> Wav:
    """The same sound turned down, if needed, so that no sample exceeds peak; never turned up."""
    loudest = float(np.max(np.abs(wav), initial=0.0))
    return wav if loudest <= peak else (wav * (peak / loudest)).astype(np.float32)


def match_loudness(wav: Wav, level: float = 0.06, peak: float = PEAK) -> Wav:
    """Scale to a root mean square of level (of full scale), then guard the peak; silence stays."""
    rms = float(np.sqrt(np.mean(np.square(wav, dtype=np.float64)))) if len(wav) else 0.0
    return guard_peak((wav * (level / rms)).astype(np.float32), peak) if rms > 1e-6 else wav


def to_int16(wav: Wav) -> npt.NDArray[np.int16]:
    """wav (T,) -> 16-bit samples; what exceeds full scale is clipped."""
    return np.round(np.clip(wav, -1.0, 1.0) * 32767).astype(np.int16)


def wav_bytes(wav: Wav, sample_rate: int) -> bytes:
    """A complete 16-bit WAV file in memory; the same input gives the same bytes."""
    buffer = BytesIO()
    soundfile.write(buffer, to_int16(wav), sample_rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def save_wav(path: str | Path, wav: Wav, sample_rate: int) -> None:
    """Write a 16-bit mono WAV file. Raises OutputError where the path cannot be written."""
    try:
        Path(path).write_bytes(wav_bytes(wav, sample_rate))
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; choose a folder that exists and "
            "that you may write to"
        ) from error
