"""Measures of sounds whose answer is known: tones, noise, silence, clipping; labelled voices."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vclip import audio
from vclip.recipes.data import acoustics

RATE = 22050


def buzz(f0: float, seconds: float = 2.0, sample_rate: int = RATE) -> np.ndarray:
    """Harmonics of f0 up to 3 kHz, falling like those of a voice."""
    t = np.arange(int(seconds * sample_rate)) / sample_rate
    wav = sum(np.sin(2 * np.pi * k * f0 * t) / k for k in range(1, int(3000 / f0)))
    return (0.2 * wav).astype(np.float32)


def noise(seconds: float = 2.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, int(seconds * RATE)).astype(np.float32)


@pytest.mark.parametrize("f0", [75.0, 90.0, 165.0, 240.0, 340.0])
@pytest.mark.parametrize("sample_rate", [16000, RATE])
def test_pitch_of_a_buzz(f0: float, sample_rate: int) -> None:
    found = acoustics.pitch(buzz(f0, sample_rate=sample_rate), sample_rate)
    assert found == pytest.approx(np.full(len(found), f0), rel=0.005)
    assert len(found) > 180  # of 200 frames


def test_pitch_is_that_of_the_voiced_part() -> None:
    hiss = 0.05 * noise(1.0)
    found = acoustics.pitch(np.concatenate([hiss, buzz(120.0, 1.0), hiss]), RATE)
    assert np.median(found) == pytest.approx(120, rel=0.01) and 80 < len(found) < 120


def test_noise_silence_and_clicks_have_no_pitch() -> None:
    assert len(acoustics.pitch(noise(), RATE)) < 10
    assert not len(acoustics.pitch(np.zeros(RATE), RATE))
    assert not len(acoustics.pitch(np.ones(30), RATE))


@pytest.mark.slow
def test_median_pitch_agrees_with_sex_labels(shared: Path) -> None:
    """165 Hz parts 98 % of VCTK's voices; here every fifth of them."""
    with (shared / "voices/manifest.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if r["source"] == "vctk" and r["sex"]][::5]
    f0 = [np.median(acoustics.pitch(*audio.load_wav(shared / "voices" / r["path"]))) for r in rows]
    right = [(hz > 165) == (row["sex"] == "F") for hz, row in zip(f0, rows, strict=True)]
    assert len(right) > 20 and np.mean(right) >= 0.95


def test_intonation_is_in_semitones_and_forgives_octave_errors() -> None:
    up_and_down = 130.0 * 2 ** (np.tile([-2.0, 2.0], 50) / 12)
    sounds = [up_and_down, np.append(up_and_down, [65.0 / 2, 520.0]), np.full(50, 130.0)]
    still = acoustics.measure(np.zeros(RATE, dtype=np.float32), RATE)
    found = [replace(still, f0=f0).intonation for f0 in sounds]
    assert found == pytest.approx([2.0, 2.0, 0.0], abs=0.3) and still.intonation == 0


@pytest.mark.parametrize("f0", [75.0, 110.0, 217.3, 330.0])
def test_a_periodic_sound_has_periodicity_one(f0: float) -> None:
    assert acoustics.periodicity(buzz(f0), RATE) > 0.98


@pytest.mark.parametrize("snr", [3.0, 6.0, 12.0])
def test_noise_takes_its_share_of_the_periodicity(snr: float) -> None:
    """P / (P + N), so that harmonics to noise is the ratio in dB that was mixed."""
    tone, hiss = buzz(130.0).astype(float), noise().astype(float)
    hiss *= tone.std() / hiss.std() * 10 ** (-snr / 20)
    found = acoustics.periodicity(tone + hiss, RATE)
    assert acoustics.harmonics_to_noise(found) == pytest.approx(snr, abs=0.8)


def test_periodicity_of_noise_and_of_nothing() -> None:
    assert acoustics.periodicity(noise(), RATE) < 0.25
    assert acoustics.periodicity(np.zeros(RATE), RATE) == 0
    assert acoustics.periodicity(np.zeros(7), RATE) == 0


def test_periodicity_knows_no_level() -> None:
    wav = buzz(130.0) + noise()
    assert acoustics.periodicity(0.01 * wav, RATE) == pytest.approx(
        acoustics.periodicity(wav, RATE), rel=1e-6
    )


def test_silences_are_where_they_were_put() -> None:
    parts = [np.zeros(int(0.3 * RATE)), buzz(120, 1.0), np.zeros(int(0.5 * RATE)), buzz(120, 0.5)]
    wav = np.concatenate([*parts, np.zeros(int(0.2 * RATE))]).astype(np.float32)
    leading, trailing, share = acoustics.silences(wav, RATE)
    assert leading == pytest.approx(0.3, abs=0.02)
    assert trailing == pytest.approx(0.2, abs=0.02)
    assert share == pytest.approx(0.5 / 2.0, abs=0.02)
    sound = acoustics.measure(wav, RATE)
    assert sound.spoken == pytest.approx(2.0, abs=0.03)


def test_nothing_but_silence_is_all_leading() -> None:
    assert acoustics.silences(np.zeros(RATE), RATE) == (1.0, 0.0, 1.0)
    sound = acoustics.measure(np.zeros(RATE, np.float32), RATE)
    assert sound.spoken == 0 and sound.lufs == float("-inf") and not len(sound.f0)


def test_broken_samples_are_counted_and_the_rest_is_measured() -> None:
    wav = buzz(120.0)
    wav /= np.abs(wav).max() * 1.25
    clean = acoustics.measure(wav, RATE)
    assert clean.not_finite == clean.clipped == 0
    broken = wav.copy()
    broken[1000], broken[2000], broken[3000] = np.nan, np.inf, -np.inf
    broken[4000:4005] = [1, -1, 1, 1, -1]
    found = acoustics.measure(broken, RATE)
    assert found.not_finite == 3 and found.clipped == 5
    assert np.median(found.f0) == pytest.approx(120, rel=0.01)
    assert found.lufs == pytest.approx(clean.lufs, abs=0.2)


def test_full_scale_997_hz_has_the_standards_loudness() -> None:
    """A 997 Hz sine at full scale in one channel reads -3.01 LUFS (BS.1770, annex 1)."""
    wav = np.sin(2 * np.pi * 997 * np.arange(48000 * 4) / 48000)
    assert acoustics.loudness(wav, 48000) == pytest.approx(-3.01, abs=0.1)
    assert acoustics.loudness(0.1 * wav, 48000) == pytest.approx(-23.01, abs=0.1)


def test_loudness_of_a_blink_is_undefined() -> None:
    assert acoustics.loudness(noise(0.3), RATE) == float("-inf")
