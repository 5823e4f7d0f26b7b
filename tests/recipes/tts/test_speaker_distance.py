"""The differentiable voice encoder against Resemblyzer's own code."""

import numpy as np
import torch

from vclip import audio
from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.recipes.tts.losses import VoiceDistance


def voice(seconds: float, f0: float) -> np.ndarray:
    """A buzz with two formants and some breath, 22,050 Hz."""
    t = np.arange(round(seconds * 22050)) / 22050
    k = np.arange(1, 40)[:, None]
    gain = np.exp(-(((k * f0 - 600) / 300) ** 2)) + 0.3 * np.exp(-(((k * f0 - 2200) / 500) ** 2))
    buzz = (gain * np.sin(2 * np.pi * k * f0 * t)).sum(0)
    noise = np.random.default_rng(0).normal(0, 0.02, len(t))
    return np.asarray(0.05 * buzz + noise, dtype=np.float32)


def test_features_equal_those_of_the_network_on_its_own_mel() -> None:
    network = ResemblyzerEncoder().network
    from resemblyzer.audio import wav_to_mel_spectrogram  # which warns if it is imported first

    wav = voice(1.6, 130.0)
    inner = audio.resample(wav, 22050, VoiceDistance.RATE)
    level = inner * (VoiceDistance.LEVEL / np.sqrt(np.mean(np.square(inner))))
    with torch.no_grad():
        expected = network(torch.from_numpy(wav_to_mel_spectrogram(level))[None])
        found = VoiceDistance(22050).features(torch.from_numpy(wav)[None])
    assert (expected * found).sum().item() > 0.999


def test_distance_is_nothing_to_oneself_and_can_be_descended() -> None:
    distance = VoiceDistance(22050)
    low, high = (torch.from_numpy(voice(1.2, f0))[None] for f0 in (110.0, 240.0))
    target = distance.features(low).detach()
    assert abs(distance(low, target).item()) < 1e-5
    assert distance(0.1 * low, target).item() < 1e-5  # loudness is no voice
    wav = high.clone().requires_grad_(True)
    loss = distance(wav, target)
    loss.backward()
    assert wav.grad is not None and loss.item() > 0.1
    step = wav.detach() - 1e-3 * wav.grad / wav.grad.norm() * wav.detach().norm()
    assert distance(step, target).item() < loss.item()
