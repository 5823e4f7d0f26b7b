"""The harmonic-plus-noise decoder: a light decoder for VITS, shaped frame by frame.

HiFi-GAN, VITS's own decoder, has to invent the phase of every period from latents at 86 frames a
second. A network small enough for two cores does that badly: it sounds hoarse. Here the pitch is
read off the latents, a band-limited pulse train at that pitch and white noise are made whole, and a
network at frame rate only says how to filter the two (source-filter model; compare Period VITS,
arXiv 2210.15964, and Vocos, arXiv 2306.00814). Ten times cheaper to train and to run.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MIN_F0, MIDDLE_F0, MAX_F0 = 50.0, 150.0, 550.0  # Hz


class PitchHead(nn.Module):
    """Reads log F0 and voicing off the latents."""

    def __init__(self, channels: int, g_channels: int, width: int = 128) -> None:
        super().__init__()
        self.condition = nn.Linear(g_channels, width)
        self.first = nn.Conv1d(channels, width, 5, padding=2)
        self.second = nn.Conv1d(width, width, 5, padding=2)
        self.last = nn.Conv1d(width, 2, 5, padding=2)
        nn.init.zeros_(self.last.weight)
        self.last.bias = nn.Parameter(torch.tensor([math.log(MIDDLE_F0), 0.0]))

    def forward(self, z: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
        """Latents (B, C, frames), speakers (B, S, 1) -> log F0, voicing logits; (B, frames)."""
        x = self.first(z) + self.condition(g.squeeze(-1)).unsqueeze(-1)
        x = F.gelu(x)
        x = x + F.gelu(self.second(x))
        log_f0, voicing = self.last(x).float().unbind(1)
        return log_f0.clamp(math.log(MIN_F0), math.log(MAX_F0)), voicing


class ConvNeXtBlock(nn.Module):
    """ConvNeXt block whose norm is scaled and shifted by the speaker."""

    def __init__(self, width: int, hidden: int, g_channels: int, kernel: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.condition = nn.Linear(g_channels, 2 * width)
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)
        nn.init.zeros_(self.condition.weight)
        nn.init.zeros_(self.condition.bias)
        self.contract.weight.data *= 0.1  # near the identity at first

    def forward(self, x: Tensor, g: Tensor) -> Tensor:
        """(B, frames, width), speakers (B, S) -> (B, frames, width)."""
        scale, shift = self.condition(g).unsqueeze(1).chunk(2, dim=-1)
        y = self.depthwise(x.transpose(1, 2)).transpose(1, 2)
        y = self.norm(y) * (1 + scale) + shift
        result: Tensor = x + self.contract(F.gelu(self.expand(y)))
        return result


class HarmonicDecoder(nn.Module):
    """Latents and speaker to waveform; takes the place of coqui's `waveform_decoder`.

    `prepare` makes what depends on the whole past (the running phase) or on chance (the noise);
    `render` is local: frame t of its output depends on frames t - reach to t + reach of its input.
    """

    window: Tensor

    def __init__(
        self,
        channels: int,
        g_channels: int,
        sample_rate: int,
        width: int = 256,
        hidden: int = 768,
        blocks: int = 8,
        kernel: int = 7,
        hop: int = 256,
        splits: int = 2,
        n_fft: int = 512,
        pitch_range: float = 1.0,
    ) -> None:
        super().__init__()
        self.pitch_range = pitch_range
        self.channels, self.sample_rate, self.hop = channels, sample_rate, hop
        self.step, self.n_fft, self.splits = hop // splits, n_fft, splits
        # convolutions, and the samples that a filter frame takes in and gives out
        self.reach = (blocks + 1) * (kernel // 2) + math.ceil((2 * n_fft - self.step) / 2 / hop)
        self.pitch = PitchHead(channels, g_channels)
        self.first = nn.Conv1d(channels + 2, width, kernel, padding=kernel // 2)
        self.condition = nn.Linear(g_channels, width)
        self.blocks = nn.ModuleList(
            ConvNeXtBlock(width, hidden, g_channels, kernel) for _ in range(blocks)
        )
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, 3 * splits * (n_fft // 2 + 1))
        self.last.weight.data *= 0.1
        self.register_buffer("window", torch.hann_window(n_fft), persistent=False)

    def forward(self, z: Tensor, g: Tensor) -> Tensor:
        """Latents (B, C, frames) and speakers (B, S, 1) -> waveform (B, 1, frames * hop)."""
        return self.render(self.prepare(z, g), g)

    def prepare(self, z: Tensor, g: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Latents, pitch, pulses and noise of a whole utterance, (B, C + 2 + 2 * hop, frames)."""
        log_f0, voicing = self.pitch(z, g)
        voiced = torch.sigmoid(voicing)
        return self.excitation(z, self.widen_intonation(log_f0, voiced), voiced, generator)

    def widen_intonation(self, log_f0: Tensor, voiced: Tensor, frames: int = 15) -> Tensor:
        """Widen the intonation: the smooth part of log F0, by pitch_range about the voice's level.

        A text says little about its melody; what is predicted is an average of many, and flat.
        """
        level = (log_f0 * voiced).sum(1, keepdim=True) / voiced.sum(1, keepdim=True).clamp(min=1.0)
        padded = F.pad(log_f0.unsqueeze(1), (frames // 2, frames // 2), mode="replicate")
        smooth = F.avg_pool1d(padded, frames, 1).squeeze(1)
        widened = log_f0 + (self.pitch_range - 1) * (smooth - level)
        return widened.clamp(math.log(MIN_F0), math.log(MAX_F0))

    def excitation(
        self, z: Tensor, log_f0: Tensor, voiced: Tensor, generator: torch.Generator | None = None
    ) -> Tensor:
        """What `prepare` gives, from a known pitch: log F0, voicing in [0, 1]; (B, frames) each."""
        pulses = self.pulse_train(log_f0.exp(), voiced)
        noise = torch.randn(pulses.shape, generator=generator, device=pulses.device)
        shape = (len(z), -1, self.hop)
        frames = [signal.reshape(shape).transpose(1, 2) for signal in (pulses, noise)]
        pitch = torch.stack([log_f0 - math.log(MIDDLE_F0), voiced], dim=1)
        return torch.cat([z, pitch, *frames], dim=1)

    def pulse_train(self, f0: Tensor, voiced: Tensor) -> Tensor:
        """Band-limited pulse train of unit power where voiced; (B, frames) -> (B, frames * hop)."""
        f0, voiced = (
            F.interpolate(x.unsqueeze(1), scale_factor=self.hop, mode="linear").squeeze(1)
            for x in (f0, voiced)
        )
        cycles = torch.cumsum(f0.double() / self.sample_rate, dim=1) % 1.0
        n = torch.floor(self.sample_rate / 2 / f0)  # harmonics below Nyquist
        half = math.pi * (cycles - 0.5).float()  # the sum of cosines in closed form, pulse at 0.5
        ratio = torch.sin(n * half) * torch.cos((n + 1) * half)
        safe = torch.where(half.abs() < 1e-4, torch.ones_like(half), torch.sin(half))
        total = torch.where(half.abs() < 1e-4, n, ratio / safe)
        return total * torch.sqrt(2 / n) * voiced

    def render(self, prepared: Tensor, g: Tensor) -> Tensor:
        """Filter pulses and noise: (B, C + 2 + 2 * hop, frames) -> (B, 1, frames * hop)."""
        parts = [self.channels + 2, self.hop, self.hop]
        condition, pulses, noise = torch.split(prepared, parts, dim=1)
        log_h, phase, log_n = self.filter_spectra(condition, g)
        harmonics = torch.polar(torch.exp(log_h), phase) * self.stft(pulses)
        return self.overlap_add(harmonics + torch.exp(log_n) * self.stft(noise))

    def filter_spectra(self, condition: Tensor, g: Tensor) -> tuple[Tensor, ...]:
        """Log gain and phase of the pulses' filter, log gain of the noise's; (B, steps, bins)."""
        speaker = g.squeeze(-1)
        x = self.first(condition).transpose(1, 2) + self.condition(speaker).unsqueeze(1)
        for block in self.blocks:
            x = block(x, speaker)
        y = self.last(self.norm(x)).float()  # (B, frames, splits * 3 * bins)
        log_h, phase, log_n = y.unflatten(2, (self.splits, 3, -1)).flatten(1, 2).unbind(2)
        return (log_h - 3).clamp(max=4), phase, (log_n - 6).clamp(max=4)  # quiet at first

    def stft(self, frames: Tensor) -> Tensor:
        """Spectra (B, steps, bins) of a signal in frames (B, hop, frames)."""
        signal = frames.transpose(1, 2).flatten(1)
        pad = (self.n_fft - self.step) // 2
        parts = F.pad(signal, (pad, pad)).unfold(1, self.n_fft, self.step)
        spectra: Tensor = torch.fft.rfft(parts.float() * self.window, norm="ortho")
        return spectra

    def overlap_add(self, spectra: Tensor) -> Tensor:
        """Overlap-add of spectra (B, steps, bins) -> (B, 1, steps * step)."""
        parts = torch.fft.irfft(spectra, self.n_fft, norm="ortho") * self.window
        pad = (self.n_fft - self.step) // 2
        length = spectra.shape[1] * self.step + 2 * pad
        folded = F.fold(
            parts.transpose(1, 2), (1, length), (1, self.n_fft), stride=(1, self.step)
        ).squeeze(2)  # (B, 1, length)
        gain = self.window.square().sum() / self.step
        return torch.div(folded[:, :, pad : length - pad], gain)
