"""Headphone screening by Huggins pitch, and the sound by which a rater sets the volume.

A narrow band of a noise in opposite phase at the two ears is heard as a faint tone; each ear alone
hears plain noise, and over loudspeakers most people hear no tone. Milne et al. (2021), An online
headphone screening test based on dichotic pitch, Behavior Research Methods 53, 1551–1562: their
sounds and their six trials, of which all must be right.
"""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import soundfile
from scipy.signal import windows

from vclip import audio
from vclip.arrays import Float32, Float64

SAMPLE_RATE = 44100  # Hz
INTERVALS, TRIALS = 3, 6
CENTRE, WIDTH = 600.0, 0.06  # Hz; half the band, as a share of its centre
NOISE, GAP, RAMP = 1.0, 0.5, 0.03  # seconds
LUFS = -23.0  # of each ear, like the stimuli
VOLUME = 6.0  # seconds


def targets(rng: np.random.Generator) -> list[int]:
    """Which interval, 0 to 2, holds the tone in each of the six trials: each twice, by lot."""
    return [int(i) for i in rng.permutation(np.arange(TRIALS) % INTERVALS)]


def passed(right: Sequence[int], answers: Sequence[int]) -> bool:
    """Whether all trials were answered right; guessing does so once in 729 times."""
    return len(right) == TRIALS and list(right) == list(answers)


def trial(target: int, rng: np.random.Generator) -> Float32:
    """Three noises, one with the tone: wav (T, 2) float32, left and right, at SAMPLE_RATE."""
    gap = np.zeros((round(GAP * SAMPLE_RATE), 2))
    parts = [gap]
    for i in range(INTERVALS):
        noise = rng.standard_normal(round(NOISE * SAMPLE_RATE))
        right = shifted(noise) if i == target else noise
        parts += [np.stack([noise, right], axis=1) * _ramps(len(noise))[:, None], gap]  # (T, 2)
    wav = np.concatenate(parts).astype(np.float32)
    gain = 10 ** ((LUFS - audio.loudness(wav[:, 0], SAMPLE_RATE)) / 20)
    return (wav * gain).astype(np.float32)


def shifted(noise: Float64) -> Float64:
    """The same noise (T,) with the band around CENTRE in opposite phase."""
    spectrum = np.fft.rfft(noise)
    frequencies = np.fft.rfftfreq(len(noise), 1 / SAMPLE_RATE)
    band = np.abs(frequencies - CENTRE) <= WIDTH * CENTRE
    return np.fft.irfft(np.where(band, -spectrum, spectrum), len(noise))


def volume(rng: np.random.Generator) -> Float32:
    """Noise with the spectrum and rhythm of speech at LUFS, wav (T,) at SAMPLE_RATE.

    Flat to 500 Hz, then 9 dB less an octave (Byrne et al. 1994, roughly); four swells a second.
    """
    n = round(VOLUME * SAMPLE_RATE)
    frequencies = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 1.0)
    weights = np.minimum(1.0, (500 / frequencies) ** 1.5) * (frequencies > 80)
    noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(n)) * weights, n)
    swell = 0.6 - 0.4 * np.cos(2 * np.pi * 4 * np.arange(n) / SAMPLE_RATE)
    wav = (noise / np.abs(noise).max() * swell * _ramps(n)).astype(np.float32)
    return audio.normalize_loudness(wav, SAMPLE_RATE, LUFS, limited=False)


def encode(wav: Float32) -> bytes:
    """A FLAC file of wav (T, channels) or (T,): a lossy one would mix the ears."""
    buffer = BytesIO()
    soundfile.write(buffer, wav, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def _ramps(n: int) -> Float64:
    """Raised-cosine fades at both ends, (n,)."""
    gain: Float64 = windows.tukey(n, 2 * RAMP * SAMPLE_RATE / (n - 1))
    return gain
