"""Normalisation of sounds, so that only what is compared differs: silence, loudness, rate, format.

A sound here is wav (T,) float32 at one sample rate in Hz that all of a study share.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from vclip import audio
from vclip.arrays import Wav
from vclip.errors import StudyError

LEAD, TAIL = 0.1, 0.2  # seconds of silence before and after what is heard
FRAME = 0.005  # seconds
FLOOR = -40.0  # dB below the loudest frame: softer is silence
FADE = 0.005  # seconds: cut silence does not click
TOLERANCE = 0.1  # LU between what was asked and what was measured in a file
EARLY = 0.02  # seconds between the leading silence that was asked and measured
SHORTEST = 0.1  # seconds
Key = TypeVar("Key")


def heard(wav: Wav, sample_rate: int) -> tuple[int, int]:
    """First and one after the last sample that is not silence. Raises StudyError if all is."""
    n = max(1, round(FRAME * sample_rate))
    frames = np.pad(wav, (0, -len(wav) % n)).reshape(-1, n).astype(np.float64)
    level = np.sqrt((frames**2).mean(axis=1))
    if not len(level) or not level.any():
        raise StudyError("it is silent; use another text or voice")
    loud = np.flatnonzero(level >= level.max() * 10 ** (FLOOR / 20))
    return int(loud[0]) * n, min(len(wav), (int(loud[-1]) + 1) * n)


def trim(wav: Wav, sample_rate: int) -> Wav:
    """What is heard, after LEAD and before TAIL seconds of its own near-silence.

    Where there is less than that, zeros are added. Raises StudyError.
    """
    start, stop = heard(wav, sample_rate)
    if stop - start < SHORTEST * sample_rate:
        raise StudyError(f"less than {SHORTEST} s of it can be heard; use another text or voice")
    n = max(1, round(FRAME * sample_rate))  # whole frames, so that it measures the same again
    lead, tail = (round(seconds * sample_rate / n) * n for seconds in (LEAD, TAIL))
    padded = np.pad(_faded(wav, sample_rate), (lead, tail))  # a hissing recording does not click
    return _faded(padded[start : stop + lead + tail], sample_rate)


def _faded(wav: Wav, sample_rate: int) -> Wav:
    """Faded in and out, linearly."""
    fade = np.minimum(np.arange(len(wav)) / (FADE * sample_rate), 1.0)
    return (wav * fade * fade[::-1]).astype(np.float32)


def match(sounds: Mapping[Key, Wav], sample_rate: int, lufs: float) -> tuple[dict[Key, Wav], float]:
    """All at the same loudness without a limiter, and which: lower than `lufs` if one must be."""
    for wav in sounds.values():  # its highest peak at the guard, a little below for rounding
        reach = audio.loudness(wav, sample_rate) + audio.TRUE_PEAK - audio.true_peak(wav) - 0.01
        lufs = min(lufs, reach)
    matched = {}
    for key, wav in sounds.items():
        matched[key] = audio.normalize_loudness(wav, sample_rate, lufs, limited=False)
    return matched, lufs


def mnru(wav: Wav, q: float, rng: np.random.Generator) -> Wav:
    """White noise that follows the speech, q dB below it: x (1 + 10^(-q/20) n), ITU-T P.810.

    n is a sign by lot instead of a Gaussian: as white, and without peaks that would make all
    sounds of a study softer.
    """
    noise = rng.choice((-1.0, 1.0), len(wav))
    return (wav * (1 + 10 ** (-q / 20) * noise)).astype(np.float32)


def check(name: str, wav: Wav, sample_rate: int, asked: int, lufs: float) -> None:
    """Raise StudyError unless what was read back has this rate, loudness and leading silence."""
    measured, (start, _) = audio.loudness(wav, sample_rate), heard(wav, sample_rate)
    if sample_rate != asked:
        raise StudyError(f"{name} has {sample_rate} Hz instead of {asked}; choose another rate")
    if abs(measured - lufs) > TOLERANCE:
        raise StudyError(f"{name} has {measured:.2f} LUFS instead of {lufs:.2f}; write FLAC")
    if abs(start / sample_rate - LEAD) > EARLY:
        raise StudyError(
            f"{name} begins after {start / sample_rate:.3f} s instead of {LEAD}; write FLAC"
        )
