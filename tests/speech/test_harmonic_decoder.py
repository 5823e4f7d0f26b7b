"""The harmonic decoder: its pulses against a naive sum, its filter bank inverted, its locality."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from vclip.speech.harmonic_decoder import MAX_F0, MIN_F0, HarmonicDecoder

RATE, HOP = 22050, 256


@pytest.fixture(scope="module")
def decoder() -> HarmonicDecoder:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = HarmonicDecoder(6, 4, RATE, width=16, hidden=24, blocks=2).eval()
        for parameter in made.parameters():  # zeros of the start would hide dependencies
            parameter.data += 0.1 * torch.randn_like(parameter)
    return made


def latents(frames: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(2, 6, frames, generator=generator),
        torch.randn(2, 4, 1, generator=generator),
    )


def test_pulses_are_the_sum_of_all_harmonics_at_unit_power(decoder: HarmonicDecoder) -> None:
    f0 = torch.full((1, 40), 210.0)
    pulses = decoder.pulse_train(f0, torch.ones(1, 40))[0].double()
    phase = 2 * math.pi * 210.0 / RATE * torch.arange(1, 40 * HOP + 1, dtype=torch.float64)
    n = int(RATE / 2 / 210)
    naive = sum(torch.cos(k * (phase - math.pi)) for k in range(1, n + 1)) * math.sqrt(2 / n)
    assert (pulses - naive).abs().max() < 0.02  # of a peak of ten; single precision of the angle
    assert pulses.square().mean() == pytest.approx(1.0, abs=0.03)


def test_pulses_are_silent_where_unvoiced_and_follow_a_glide(decoder: HarmonicDecoder) -> None:
    f0 = torch.linspace(100, 300, 80)[None]
    voiced = (torch.arange(80) >= 40).float()[None]
    pulses = decoder.pulse_train(f0, voiced)[0]
    assert pulses[: 39 * HOP].abs().max() == 0
    peaks = np.flatnonzero((pulses > 0.6 * pulses.max()).numpy())
    periods = np.diff(peaks[np.diff(peaks, prepend=-9) > 3])
    assert periods[0] == pytest.approx(RATE / 200, rel=0.05)
    assert periods[-1] == pytest.approx(RATE / 300, rel=0.05)


def test_a_signal_taken_apart_and_put_together_is_the_same(decoder: HarmonicDecoder) -> None:
    frames = torch.randn(2, HOP, 12, generator=torch.Generator().manual_seed(2))
    signal = frames.transpose(1, 2).flatten(1)
    again = decoder.overlap_add(decoder.stft(frames))[:, 0]
    inner = slice(decoder.n_fft, -decoder.n_fft)
    assert again.shape == signal.shape
    assert torch.allclose(again[:, inner], signal[:, inner], atol=1e-5)


def test_a_window_with_its_reach_is_rendered_like_the_whole(decoder: HarmonicDecoder) -> None:
    z, g = latents(60)
    with torch.inference_mode():
        prepared = decoder.prepare(z, g)
        whole = decoder.render(prepared, g)
        reach, first, last = decoder.reach, 20, 33
        part = decoder.render(prepared[:, :, first - reach : last + reach], g)
    inner = part[:, :, reach * HOP : -reach * HOP]
    assert whole.shape == (2, 1, 60 * HOP)
    assert torch.allclose(whole[:, :, first * HOP : last * HOP], inner, atol=1e-6)


def test_nothing_outside_the_reach_matters(decoder: HarmonicDecoder) -> None:
    """The gradient of one frame's samples vanishes beyond `reach`, and is there within it."""
    z, g = latents(60)
    prepared = decoder.prepare(z, g).detach().requires_grad_(True)
    decoder.render(prepared, g)[:, :, 30 * HOP : 31 * HOP].square().sum().backward()
    assert prepared.grad is not None
    touched = prepared.grad.abs().sum((0, 1)).nonzero().squeeze(1)
    assert 30 - decoder.reach <= int(touched.min()) <= 30 - decoder.reach + 2
    assert 30 + decoder.reach - 2 <= int(touched.max()) <= 30 + decoder.reach


def test_noise_comes_from_the_generator_and_pitch_stays_in_bounds(decoder: HarmonicDecoder) -> None:
    z, g = latents(10)
    once, again, other = (
        decoder.prepare(z, g, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(once, again) and not torch.equal(once, other)
    log_f0, _ = decoder.pitch(1e4 * z, g)
    assert log_f0.min() >= math.log(MIN_F0) - 1e-5 and log_f0.max() <= math.log(MAX_F0) + 1e-5


def test_an_untrained_decoder_speaks_at_a_middle_pitch() -> None:
    fresh = HarmonicDecoder(6, 4, RATE, width=16, hidden=24, blocks=1)
    log_f0, voicing = fresh.pitch(*latents(10))
    assert torch.allclose(log_f0.exp(), torch.tensor(150.0))
    assert torch.allclose(voicing, torch.tensor(0.0))


def test_intonation_is_widened_about_the_voice_and_jitter_is_not() -> None:
    made = HarmonicDecoder(6, 4, RATE, width=16, hidden=24, blocks=1, pitch_range=2.0)
    time = torch.arange(400.0)
    melody, jitter = 0.1 * torch.sin(2 * math.pi * time / 200), 0.02 * torch.cos(math.pi * time)
    level, voiced = math.log(140.0), torch.ones(1, 400)
    widened = made.widen_intonation((level + melody + jitter)[None], voiced)[0]
    inner = slice(20, -20)  # at the ends there is less to average
    wanted = level + 2 * melody + jitter
    torch.testing.assert_close(widened[inner], wanted[inner], atol=5e-3, rtol=0)
    made.pitch_range = 1.0
    torch.testing.assert_close(
        made.widen_intonation((level + melody)[None], voiced)[0], level + melody
    )


def test_the_level_of_a_voice_is_that_of_its_voiced_frames() -> None:
    made = HarmonicDecoder(6, 4, RATE, width=16, hidden=24, blocks=1, pitch_range=3.0)
    log_f0 = torch.cat(
        [torch.full((1, 60), math.log(120.0)), torch.full((1, 60), math.log(400.0))], 1
    )
    voiced = (torch.arange(120) < 60).float()[None]
    assert made.widen_intonation(log_f0, voiced)[0, :50].exp().mean() == pytest.approx(
        120.0, rel=1e-3
    )
