"""Losses of VITS without its discriminators: alignment, text, pitch, spectra and voice."""

import math
from collections.abc import Sequence
from typing import Any

import librosa
import numpy as np
import torch
from monotonic_alignment_search import maximum_path
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.association.voice_encoder import ResemblyzerEncoder
from vclip.recipes.tts.dataset import HOP, UtteranceBatch
from vclip.speech.harmonic_decoder import MIDDLE_F0

N_FFT = 1024


def align(
    z_p: Tensor, m_p: Tensor, logs_p: Tensor, x_mask: Tensor, y_mask: Tensor, prior: float
) -> Tensor:
    """Monotonic alignment (B, frames, ids) that maximises the likelihood, plus a diagonal prior."""
    with torch.no_grad(), torch.autocast(z_p.device.type, enabled=False):
        precision = torch.exp(-2 * logs_p)
        log_likelihood = (
            torch.sum(-0.5 * math.log(2 * math.pi) - logs_p, 1).unsqueeze(-1)
            + torch.einsum("bcl,bct->blt", precision, -0.5 * z_p**2)
            + torch.einsum("bcl,bct->blt", m_p * precision, z_p)
            - 0.5 * torch.sum(m_p**2 * precision, 1).unsqueeze(-1)
        )  # (B, ids, frames)
        if prior > 0:
            l_pos = (torch.cumsum(x_mask, -1) - 0.5) / x_mask.sum(-1, keepdim=True)  # (B, 1, ids)
            t_pos = (torch.cumsum(y_mask, -1) - 0.5) / y_mask.sum(-1, keepdim=True)
            distance = (l_pos.transpose(1, 2) - t_pos) / 0.06
            log_likelihood = log_likelihood - prior * 0.5 * distance**2
        mask = x_mask.transpose(1, 2) * y_mask  # (B, ids, frames)
        return maximum_path(log_likelihood, mask).transpose(1, 2).detach()


def text_losses(
    model: Any, batch: UtteranceBatch, posterior: tuple[Tensor, ...], g: Tensor, prior: float
) -> tuple[dict[str, Tensor], Tensor]:
    """Prior divergence and duration error (VITS eq. 3-4), and a sample of the prior.

    The sample (B, C, frames) follows the text along the alignment, spread as in synthesis; through
    the inverse flow it gives the latents that the text alone would give.
    """
    z, _, logs_q, y_mask = posterior
    x, m_p, logs_p, x_mask = model.text_encoder(batch.ids, batch.id_lengths, lang_emb=None)
    m_p, logs_p, z_p = (t.float() for t in (m_p, logs_p, model.flow(z, y_mask, g=g)))
    attention = align(z_p, m_p, logs_p, x_mask, y_mask, prior)
    durations = torch.log(attention.sum(1).unsqueeze(1) + 1e-6) * x_mask
    predicted = model.duration_predictor(x.detach(), x_mask, g=g.detach())
    with torch.autocast(z.device.type, enabled=False):
        m_p = torch.einsum("btl,bcl->bct", attention, m_p)
        logs_p = torch.einsum("btl,bcl->bct", attention, logs_p)
    divergence = logs_p - logs_q.float() - 0.5 + 0.5 * (z_p - m_p) ** 2 * torch.exp(-2 * logs_p)
    sample = m_p + torch.randn_like(m_p) * torch.exp(logs_p) * model.inference_noise_scale
    losses = {
        "kl": (divergence * y_mask).sum() / y_mask.sum(),
        "duration": ((predicted.float() - durations) ** 2).sum() / x_mask.sum(),
    }
    return losses, sample


def pitch_loss(log_f0: Tensor, voicing: Tensor, f0: Tensor) -> Tensor:
    """Error of log F0 where voiced, in units of a semitone, and of voicing; f0 in Hz, 0 unvoiced.

    All (B, frames); L1, so that the octave errors of the pitch tracker weigh little.
    """
    voiced = (f0 > 0).float()
    error = (log_f0 - torch.log(f0.clamp(min=1.0))).abs() * voiced * (12 / math.log(2))
    semitones = error.sum() / voiced.sum().clamp(min=1.0)
    return semitones + F.binary_cross_entropy_with_logits(voicing, voiced)


def filled(f0: Tensor) -> tuple[Tensor, Tensor]:
    """Log F0, interpolated where unvoiced, and voicing of f0 (B, frames) in Hz, 0 unvoiced."""
    rows = []
    for row in f0.cpu().numpy():
        known = np.flatnonzero(row)
        if not len(known):
            row, known = row + MIDDLE_F0, np.arange(len(row))
        steady = np.interp(np.arange(len(row)), known, row[known])
        rows.append(torch.from_numpy(np.log(steady).astype(np.float32)))
    return torch.stack(rows).to(f0.device), (f0 > 0).float()


def spectrogram(wav: Tensor, n_fft: int = N_FFT, hop: int = HOP) -> Tensor:
    """Magnitudes (B, n_fft // 2 + 1, T // hop) of wav (B, T), padded as VITS pads."""
    pad = (n_fft - hop) // 2
    wav = F.pad(wav.unsqueeze(1), (pad, pad), mode="reflect").squeeze(1)
    window = torch.hann_window(n_fft, device=wav.device)
    bins = torch.stft(wav, n_fft, hop, n_fft, window, center=False, return_complex=True)
    return torch.sqrt(bins.real**2 + bins.imag**2 + 1e-6)


class MelDistance(nn.Module):
    """L1 between log-mel spectrograms of two waveforms (B, T); the VITS reconstruction loss."""

    filters: Tensor

    def __init__(self, sample_rate: int, n_mels: int = 80) -> None:
        super().__init__()
        filters = librosa.filters.mel(sr=sample_rate, n_fft=N_FFT, n_mels=n_mels)
        self.register_buffer("filters", torch.from_numpy(filters))

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """A scalar."""
        return F.l1_loss(self.log_mel(generated), self.log_mel(real))

    def log_mel(self, wav: Tensor) -> Tensor:
        """(B, n_mels, frames)."""
        return torch.log(torch.clamp(self.filters @ spectrogram(wav.float()), min=1e-5))


class SpectralDistance(nn.Module):
    """L1 between log magnitudes of two waveforms (B, T) at several window lengths.

    The mel distance alone leaves a buzz at the frame rate (86 Hz): its window of 1024 samples
    blurs lines 86 Hz apart into one. Windows of 2048 and 4096 show them, and the voice's harmonics,
    and are compared where those are strong, in the lowest share of bins (0.2 is 2.2 kHz).
    (Multi-resolution STFT loss, arXiv 1910.11480.)
    """

    def __init__(
        self, sizes: Sequence[int] = (512, 2048, 4096), shares: Sequence[float] = (1.0, 0.2, 0.2)
    ) -> None:
        super().__init__()
        self.sizes, self.shares = sizes, shares

    def forward(self, generated: Tensor, real: Tensor) -> Tensor:
        """A scalar, the mean over window lengths."""
        distances = []
        for n_fft, share in zip(self.sizes, self.shares, strict=True):
            bins = int(share * n_fft / 2)
            a, b = (
                torch.log(spectrogram(wav.float(), n_fft, n_fft // 8)[:, :bins].clamp(min=1e-2))
                for wav in (generated, real)
            )
            distances.append(F.l1_loss(a, b))
        return torch.stack(distances).mean()


class VoiceDistance(nn.Module):
    """1 - cosine between the features of waveforms and given voice features, differentiably.

    The speaker consistency loss of YourTTS (arXiv 2112.02418, §2.1), with Resemblyzer as encoder.
    """

    RATE, N_FFT, HOP, N_MELS = 16000, 400, 160, 40  # Resemblyzer's
    LEVEL = 10 ** (-30 / 20)  # root mean square that it levels speech to
    filters: Tensor
    window: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.network = ResemblyzerEncoder().network.requires_grad_(False)
        filters = librosa.filters.mel(sr=self.RATE, n_fft=self.N_FFT, n_mels=self.N_MELS)
        self.register_buffer("filters", torch.from_numpy(filters))
        self.register_buffer("window", torch.hann_window(self.N_FFT))

    def forward(self, wav: Tensor, voice: Tensor) -> Tensor:
        """Waveforms (B, T) and voice features (B, V) -> mean distance, a scalar."""
        return (1 - (self.features(wav) * voice).sum(dim=1)).mean()

    def features(self, wav: Tensor) -> Tensor:
        """Waveforms (B, T), taken as one stretch of speech each -> features (B, V), unit norm."""
        wav = self.resample(wav)
        wav = wav * (self.LEVEL / wav.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4))
        bins = torch.stft(
            wav, self.N_FFT, self.HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        mel = self.filters @ (bins.real**2 + bins.imag**2)  # (B, n_mels, frames)
        hidden = self.network.lstm(mel.transpose(1, 2))[1][0][-1]
        features: Tensor = F.normalize(torch.relu(self.network.linear(hidden)), dim=1)
        return features

    def resample(self, wav: Tensor) -> Tensor:
        """(B, T) at the speech's rate -> 16 kHz, in the frequency domain."""
        n = round(wav.shape[1] * self.RATE / self.sample_rate)
        resampled = torch.fft.irfft(torch.fft.rfft(wav)[:, : n // 2 + 1], n)
        return torch.mul(resampled, n / wav.shape[1])
