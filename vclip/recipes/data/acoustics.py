"""Acoustic measures of a recording: F0, periodicity, silence, level, clipping.

Samples that are not numbers are counted and taken as zero for everything else.
"""

from dataclasses import dataclass

import numpy as np
import parselmouth

from vclip import audio
from vclip.arrays import Float64, Floating, Wav

F0_RANGE = (60.0, 400.0)  # Hz; searched for the pitch of speech
PERIOD_RANGE = (60.0, 350.0)  # Hz; searched for periodicity
QUIET = 40.0  # dB below the loud frames of the same sound is silence
CLIPPED = 0.999  # of full scale
HOP = 0.01  # seconds between frames
MELODY = 9.0  # semitones


@dataclass(frozen=True)
class Sound:
    """Measures of one sound."""

    seconds: float
    f0: Float64  # (V,) Hz of the voiced frames, one each 10 ms
    periodicity: float  # mean height of the autocorrelation's peak, 0 noise to 1 periodic
    not_finite: int  # samples
    clipped: int  # samples
    silence: float  # share of the frames between the first and the last sound
    leading: float  # seconds of silence before the first sound
    trailing: float  # seconds of silence after the last
    lufs: float  # integrated loudness, ITU-R BS.1770; -inf for silence

    @property
    def spoken(self) -> float:
        """Seconds from the first sound to the last."""
        return self.seconds - self.leading - self.trailing

    @property
    def intonation(self) -> float:
        """Standard deviation of F0 in semitones about its median; 0 without voiced frames.

        Frames more than MELODY away are octave errors or creak and left out.
        """
        if not len(self.f0):
            return 0.0
        semitones = 12 * np.log2(self.f0 / np.median(self.f0))
        return float(np.std(semitones[np.abs(semitones) < MELODY]))


def measure(wav: Wav, sample_rate: int) -> Sound:
    """All measures of wav (T,)."""
    finite = np.nan_to_num(wav.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    leading, trailing, silence = silences(finite, sample_rate)
    return Sound(
        seconds=len(wav) / sample_rate,
        f0=pitch(finite, sample_rate),
        periodicity=periodicity(finite, sample_rate),
        not_finite=int(np.sum(~np.isfinite(wav))),
        clipped=int(np.sum(np.abs(finite) >= CLIPPED)),
        silence=silence,
        leading=leading,
        trailing=trailing,
        lufs=loudness(finite, sample_rate),
    )


def pitch(wav: Floating, sample_rate: int) -> Float64:
    """F0 in Hz of every voiced frame (V,), one each 10 ms: Praat's autocorrelation method.

    Boersma 1993; a path search keeps it from jumping by octaves, unvoiced frames are left out.
    """
    sound = parselmouth.Sound(np.asarray(wav, dtype=np.float64), sample_rate)
    if sound.duration < 3 / F0_RANGE[0]:  # Praat wants three periods
        return np.zeros(0)
    floor, ceiling = F0_RANGE
    track = sound.to_pitch_ac(time_step=HOP, pitch_floor=floor, pitch_ceiling=ceiling)
    f0 = track.selected_array["frequency"]
    return np.asarray(f0[f0 > 0], dtype=np.float64)


def frames(wav: Floating, size: int, hop: int) -> Float64:
    """Overlapping frames (F, size) of wav (T,), which is padded to one frame at least."""
    padded = np.pad(np.asarray(wav, dtype=np.float64), (0, max(0, size - len(wav))))
    return np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]


def level(parts: Float64) -> Float64:
    """Root mean square (F,) of frames (F, size)."""
    return np.asarray(np.sqrt(np.mean(np.square(parts), axis=1)))


def periodicity(wav: Floating, sample_rate: int) -> float:
    """Mean peak of the normalised autocorrelation in PERIOD_RANGE, over the louder half of frames.

    Frames of 50 ms under a Hann window, whose own autocorrelation is divided out (Boersma 1993):
    a periodic sound gives 1, white noise little, periodic sound with noise P / (P + N). All loud
    frames count, voiced or not, so that a voice too hoarse to pass for voiced is not left out.
    """
    size = int(0.05 * sample_rate)
    window = np.hanning(size)
    parts = frames(wav, size, int(HOP * sample_rate))
    loudness = level(parts)
    loud = parts[(loudness >= np.median(loudness)) & (loudness > 1e-6)]
    if not len(loud):
        return 0.0
    fine = 2  # the autocorrelation is read between samples, too
    low, high = (int(fine * sample_rate / f) for f in PERIOD_RANGE[::-1])
    lags = _autocorrelation((loud - loud.mean(axis=1, keepdims=True)) * window, fine)
    own = _autocorrelation(window[None], fine)
    peaks = (lags / own)[:, low : high + 1].max(axis=1)
    return float(np.clip(peaks, 0.0, 1.0).mean())


def _autocorrelation(parts: Float64, fine: int) -> Float64:
    """(F, size) -> (F, fine * size), 1 at lag 0; lags are in samples / fine."""
    n = 2 * parts.shape[1]
    power = np.square(np.abs(np.fft.rfft(parts, n)))
    lags = np.fft.irfft(power, fine * n)[:, : fine * parts.shape[1]]
    return np.asarray(lags / np.maximum(lags[:, :1], 1e-300))


def silences(wav: Floating, sample_rate: int) -> tuple[float, float, float]:
    """Seconds of silence before and after the sound, share of silent frames between.

    A frame of 20 ms is silent QUIET dB below the 95th percentile of all; nothing but silence is
    all leading.
    """
    size = hop = int(0.02 * sample_rate)
    loudness = level(frames(wav, size, hop))
    threshold = max(np.percentile(loudness, 95) * 10 ** (-QUIET / 20), 1e-6)
    sounding = np.flatnonzero(loudness > threshold)
    if not len(sounding):
        return len(wav) / sample_rate, 0.0, 1.0
    first, last = int(sounding[0]), int(sounding[-1])
    trailing = max(0.0, (len(wav) - (last + 1) * hop) / sample_rate)
    return first * hop / sample_rate, trailing, 1 - len(sounding) / (last + 1 - first)


def loudness(wav: Floating, sample_rate: int) -> float:
    """Integrated loudness in LUFS; -inf where it is silent or shorter than a block of 0.4 s."""
    if len(wav) <= audio.BLOCK * sample_rate:
        return float("-inf")
    return audio.loudness(np.asarray(wav, dtype=np.float32), sample_rate)


def harmonics_to_noise(periodicity: float) -> float:
    """dB of a periodicity in (0, 1): what is periodic over what is not."""
    return float(10 * np.log10(max(periodicity, 1e-6) / max(1 - periodicity, 1e-6)))
