"""Distance of speech from a voice, as a loss: Resemblyzer made differentiable.

The speaker consistency loss of YourTTS (arXiv 2112.02418, §2.1), with the encoder of this project.
"""

import librosa
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.association.voice_encoder import ResemblyzerEncoder

N_FFT, HOP, N_MELS, RATE = 400, 160, 40, 16000  # Resemblyzer's
LEVEL = 10 ** (-30 / 20)  # root mean square that it levels speech to


class VoiceDistance(nn.Module):
    """1 - cosine between the features of waveforms and given voice features."""

    filters: Tensor
    window: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.network = ResemblyzerEncoder().network.requires_grad_(False)
        filters = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=N_MELS)
        self.register_buffer("filters", torch.from_numpy(filters))
        self.register_buffer("window", torch.hann_window(N_FFT))

    def forward(self, wav: Tensor, voice: Tensor) -> Tensor:
        """Waveforms (B, T) and voice features (B, V) -> mean distance, a scalar."""
        return (1 - (self.features(wav) * voice).sum(dim=1)).mean()

    def features(self, wav: Tensor) -> Tensor:
        """Waveforms (B, T), taken as one stretch of speech each -> features (B, V), unit norm."""
        wav = self.resample(wav)
        wav = wav * (LEVEL / wav.square().mean(dim=1, keepdim=True).sqrt().clamp(min=1e-4))
        bins = torch.stft(
            wav, N_FFT, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        mel = self.filters @ (bins.real**2 + bins.imag**2)  # (B, n_mels, frames)
        hidden = self.network.lstm(mel.transpose(1, 2))[1][0][-1]
        features: Tensor = F.normalize(torch.relu(self.network.linear(hidden)), dim=1)
        return features

    def resample(self, wav: Tensor) -> Tensor:
        """(B, T) at the speech's rate -> 16 kHz, in the frequency domain."""
        n = round(wav.shape[1] * RATE / self.sample_rate)
        resampled = torch.fft.irfft(torch.fft.rfft(wav)[:, : n // 2 + 1], n)
        return torch.mul(resampled, n / wav.shape[1])
