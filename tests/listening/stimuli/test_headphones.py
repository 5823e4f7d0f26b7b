"""Huggins pitch: each ear alone hears white noise, the difference of the ears is the tone."""

import io
from collections import Counter

import numpy as np
import pytest
import soundfile
from scipy.signal import welch

from vclip import audio
from vclip.listening.stimuli import headphones

RATE = headphones.SAMPLE_RATE
BAND = (580, 620)  # Hz, well inside 600 +- 6 %


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return headphones.trial(1, np.random.default_rng(0))


def interval(sound: np.ndarray, i: int) -> np.ndarray:
    """One of the noises, without its ramps."""
    start = headphones.GAP + i * (headphones.NOISE + headphones.GAP) + headphones.RAMP
    n = round((headphones.NOISE - 2 * headphones.RAMP) * RATE)
    return sound[round(start * RATE) :][:n].astype(np.float64)


def level(wav: np.ndarray, low: float, high: float) -> float:
    """dB of the mean power density between two frequencies."""
    frequencies, power = welch(wav, RATE, nperseg=8192)
    return float(10 * np.log10(power[(frequencies >= low) & (frequencies <= high)].mean()))


@pytest.mark.parametrize("ear", [0, 1])
def test_each_ear_alone_hears_white_noise(ear: int) -> None:
    rng = np.random.default_rng(1)
    long = np.concatenate([interval(headphones.trial(1, rng), 1)[:, ear] for _ in range(12)])
    levels = [level(long, low, 1.12 * low) for low in (200, 400, 565, 800, 1600, 6400, 12800)]
    assert max(levels) - min(levels) < 1.0  # dB; the band of the tone is the third
    assert abs(np.mean(long)) < 0.01 * np.std(long)
    kurtosis = np.mean((long - long.mean()) ** 4) / np.var(long) ** 2
    assert kurtosis == pytest.approx(3, abs=0.1)  # Gaussian


def test_the_sum_of_the_ears_has_a_notch_and_the_difference_is_the_tone(sound: np.ndarray) -> None:
    left, right = interval(sound, 1).T
    assert level(left + right, *BAND) < level(left + right, 800, 1600) - 20
    assert level(left - right, *BAND) > level(left - right, 800, 1600) + 40
    assert level(left - right, *BAND) == pytest.approx(level(2 * left, *BAND), abs=0.5)


def test_the_other_intervals_are_the_same_in_both_ears(sound: np.ndarray) -> None:
    for i in (0, 2):
        left, right = interval(sound, i).T
        assert np.array_equal(left, right)
    assert not np.array_equal(*interval(sound, 1).T)


def test_ears_are_equally_loud(sound: np.ndarray) -> None:
    loud = [audio.loudness(sound[:, ear].copy(), RATE) for ear in (0, 1)]
    assert loud == pytest.approx([headphones.LUFS] * 2, abs=0.2)
    assert np.abs(sound).max() < 0.5


def test_a_shift_is_undone_by_another() -> None:
    noise = np.random.default_rng(0).standard_normal(4096)
    assert np.allclose(headphones.shifted(headphones.shifted(noise)), noise)
    assert np.sum(headphones.shifted(noise) ** 2) == pytest.approx(np.sum(noise**2))


def test_six_trials_hold_each_interval_twice_by_lot() -> None:
    drawn = [tuple(headphones.targets(np.random.default_rng(seed))) for seed in range(60)]
    assert all(Counter(right) == {0: 2, 1: 2, 2: 2} for right in drawn)
    assert len(set(drawn)) > 30
    firsts = Counter(right[0] for right in drawn)
    assert set(firsts) == {0, 1, 2}


def test_all_six_must_be_right() -> None:
    right = headphones.targets(np.random.default_rng(0))
    assert headphones.passed(right, list(right))
    for i in range(6):
        wrong = [*right[:i], (right[i] + 1) % 3, *right[i + 1 :]]
        assert not headphones.passed(right, wrong)
    assert not headphones.passed(right, right[:5]) and not headphones.passed([], [])


def test_files_keep_both_ears_and_are_small(sound: np.ndarray) -> None:
    data = headphones.encode(sound)
    read, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate == RATE and read.shape == sound.shape
    assert np.abs(read - sound).max() < 2 / 32768
    assert len(data) < 500_000 and len(sound) == 5 * RATE


def test_the_same_generator_gives_the_same_sound(sound: np.ndarray) -> None:
    assert np.array_equal(sound, headphones.trial(1, np.random.default_rng(0)))
    assert not np.array_equal(sound, headphones.trial(1, np.random.default_rng(1)))


def test_volume_is_as_loud_as_the_stimuli_and_like_speech() -> None:
    wav = headphones.volume(np.random.default_rng(0))
    assert wav.dtype == np.float32 and len(wav) == headphones.VOLUME * RATE
    assert audio.loudness(wav, RATE) == pytest.approx(headphones.LUFS, abs=0.05)
    assert audio.true_peak(wav) < audio.TRUE_PEAK
    assert level(wav, 1000, 1100) - level(wav, 4000, 4400) == pytest.approx(18, abs=1.5)
    assert len(headphones.encode(wav)) < 600_000
