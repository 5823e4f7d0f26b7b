"""H/ASP, Vclip's frozen voice encoder: a residual net with attentive statistics pooling.

See docs/method.md, Association, and Heo et al. 2020 (arXiv 2009.14153): ResNetSE34V2 of clovaai's
voxceleb_trainer, encoder ASP, 64 mel bands, 16 kHz, 512 features. Read are their
`baseline_v2_smproto.model` and coqui's checkpoints of the same network; widths and depths are taken
from the weights.
"""

import math
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.arrays import Float32, Wav
from vclip.association.voice_encoder import check_speech
from vclip.audio import resample
from vclip.errors import ModelError, first_line
from vclip.runtime import mixed_precision, pick_device
from vclip.weights import BROKEN

RATE, N_FFT, WINDOW, HOP = 16000, 512, 400, 160
EMPHASIS = 0.97
LONGEST = 120.0  # seconds encoded at once; of a longer recording the mean over equal pieces
FRONT = ("torchfb.", "torch_spec.")  # the fixed layers before the network, in either repository


class LogMel(nn.Module):
    """Pre-emphasis, power spectrum, triangular HTK mel bands, log; each band without its mean."""

    emphasis: Tensor
    window: Tensor
    bands: Tensor

    def __init__(self, n_mels: int) -> None:
        super().__init__()
        bands = librosa.filters.mel(sr=RATE, n_fft=N_FFT, n_mels=n_mels, htk=True, norm=None)
        emphasis, window = torch.tensor([[[-EMPHASIS, 1.0]]]), torch.hamming_window(WINDOW)
        self.register_buffer("emphasis", emphasis, persistent=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("bands", torch.from_numpy(bands.T.copy()), persistent=False)

    def forward(self, wav: Tensor) -> Tensor:
        """(N, T) at 16 kHz → (N, n_mels, 1 + T // 160), every band of mean 0 and deviation 1."""
        wav = F.conv1d(F.pad(wav[:, None], (1, 0), "reflect"), self.emphasis)[:, 0]
        spectrum = torch.stft(wav, N_FFT, HOP, WINDOW, self.window, return_complex=True)
        power = spectrum.abs() ** 2  # (N, 257, frames)
        mel = (power.transpose(1, 2) @ self.bands).transpose(1, 2)
        return F.instance_norm((mel + 1e-6).log())


class SqueezeExcite(nn.Module):
    """Scales channels by what their means say (Hu et al. 2018)."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(channels, squeezed), nn.ReLU(), nn.Linear(squeezed, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W)
        scale: Tensor = self.fc(x.mean((2, 3)))
        return x * scale[:, :, None, None]


class SqueezeExciteBlock(nn.Module):
    """Two convolutions and a squeeze-excitation beside a shortcut; ReLU before the batch norm."""

    def __init__(self, n_in: int, n_out: int, stride: int, squeezed: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.se = SqueezeExcite(n_out, squeezed)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, x: Tensor) -> Tensor:  # (N, C, H, W) → (N, C', H / stride, W / stride)
        y = self.bn1(torch.relu(self.conv1(x)))
        return torch.relu(self.se(self.bn2(self.conv2(y))) + self.downsample(x))


def _stage(n_in: int, n_out: int, n_blocks: int, stride: int, reduction: int) -> nn.Sequential:
    """Blocks of one width; the first one changes width and resolution."""
    shapes = [(n_in, stride)] + [(n_out, 1)] * (n_blocks - 1)
    return nn.Sequential(
        *(SqueezeExciteBlock(n, n_out, step, n_out // reduction) for n, step in shapes)
    )


class Hasp(nn.Module):
    """The network; `widths` and `blocks` of its four stages."""

    def __init__(
        self,
        widths: tuple[int, ...] = (32, 64, 128, 256),
        blocks: tuple[int, ...] = (3, 4, 6, 3),
        n_mels: int = 64,
        dimension: int = 512,
        attention: int = 128,
        reduction: int = 8,
    ) -> None:
        super().__init__()
        self.dimension = dimension
        self.mel = LogMel(n_mels)
        self.conv1 = nn.Conv2d(1, widths[0], 3, 1, 1)
        self.bn1 = nn.BatchNorm2d(widths[0])
        inputs = (widths[0], *widths[:-1])
        self.layer1, self.layer2, self.layer3, self.layer4 = (
            _stage(inputs[i], widths[i], blocks[i], 2 if i else 1, reduction) for i in range(4)
        )
        pooled = widths[-1] * (n_mels // 8)
        self.attention = nn.Sequential(
            nn.Conv1d(pooled, attention, 1),
            nn.ReLU(),
            nn.BatchNorm1d(attention),
            nn.Conv1d(attention, pooled, 1),
            nn.Softmax(dim=2),
        )
        self.fc = nn.Linear(2 * pooled, dimension)

    def forward(self, wav: Tensor) -> Tensor:
        """(N, T) at 16 kHz → voice_features (N, V), raw scale."""
        mel = self.mel(wav)[:, None]
        with mixed_precision(wav.device):
            x = self.bn1(torch.relu(self.conv1(mel)))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        x = x.float().flatten(1, 2)  # (N, C × bands, frames); squares exceed half precision
        weight = self.attention(x)
        mean = (x * weight).sum(2)
        spread = ((x**2 * weight).sum(2) - mean**2).clamp(min=1e-5).sqrt()
        features: Tensor = self.fc(torch.cat((mean, spread), 1))
        return features


def load_hasp(path: Path) -> Hasp:
    """Read a checkpoint of either repository, or a safetensors file of the same names.

    Raises ModelError if it is missing, holds more than tensors and plain values, or does not fit.
    """
    try:
        weights = _plain_names(_read(path))
        network = Hasp(**_sizes(weights))
        network.load_state_dict(weights)
    except (*BROKEN, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"{path} is no usable H/ASP ({first_line(error)}); give voxceleb_trainer's "
            "baseline_v2_smproto.model or a checkpoint of coqui's ResNetSpeakerEncoder"
        ) from error
    return network.eval().requires_grad_(False)


def _read(path: Path) -> Mapping[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    found = torch.load(path, map_location="cpu", weights_only=True)
    return found.get("model", found)  # type: ignore[no-any-return]


def _plain_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The speaker network's weights; the front end is made here, the loss's own are left out."""
    plain = {name.removeprefix("module."): w.float() for name, w in weights.items()}
    network = {n.removeprefix("__S__."): w for n, w in plain.items() if n.startswith("__S__.")}
    return {n: w for n, w in (network or plain).items() if not n.startswith(FRONT)}


def _sizes(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Arguments of the network, read off its weights."""
    stages = [
        {int(name.split(".")[1]) for name in weights if name.startswith(f"layer{i}.")}
        for i in range(1, 5)
    ]
    widths = [weights[f"layer{i}.0.conv1.weight"].shape[0] for i in range(1, 5)]
    pooled = weights["attention.0.weight"].shape[1]
    if weights["fc.weight"].shape[1] != 2 * pooled:
        raise ValueError("its pooling is not ASP")
    return {
        "widths": tuple(widths),
        "blocks": tuple(map(len, stages)),
        "n_mels": 8 * pooled // widths[-1],
        "dimension": weights["fc.weight"].shape[0],
        "attention": weights["attention.0.weight"].shape[0],
        "reduction": widths[0] // weights["layer1.0.se.fc.0.weight"].shape[0],
    }


class HaspEncoder:
    """Whole recordings → voice_features of H/ASP, at unit norm.

    Only their direction says who speaks (the network was trained by cosines), and only direction is
    what the signature network predicts and what the mean over utterances keeps.
    """

    sample_rate = RATE
    min_seconds = 1.0

    def __init__(self, path: Path, device: str = "") -> None:
        self.device = pick_device(device)
        self.network = load_hasp(path).to(self.device)
        self.dimension = self.network.dimension

    @torch.inference_mode()
    def encode(self, wav: Wav, sample_rate: int) -> Float32:
        """(T,) float32 in [−1, 1] → voice_features (V,) float32, unit norm. DataError if unusable.

        Nothing is cut out or levelled: Vclip §4.1 takes the entire audio track.
        """
        check_speech(wav, sample_rate, self.min_seconds)
        speech = resample(wav, sample_rate, RATE)
        pieces = np.array_split(speech, math.ceil(len(speech) / (LONGEST * RATE)))
        features = [self.network(torch.from_numpy(p)[None].to(self.device)) for p in pieces]
        mean = F.normalize(torch.cat(features).float().mean(0), dim=0)
        return np.asarray(mean.cpu().numpy(), dtype=np.float32)
