"""Light adversarial discriminators and their losses.

VITS's own discriminators have 46 M parameters, which no CPU trains in an evening. These have about
0.6 M: five over periods (HiFi-GAN, arXiv 2010.05646) and three over spectrograms (UnivNet, arXiv
2106.07889), with least-squares losses and feature matching.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm

from vclip.recipes.tts.losses import spectrogram

Output = tuple[Tensor, list[Tensor]]  # (scores, features of every layer)


class PeriodDiscriminator(nn.Module):
    """Folds the waveform by a period and looks along every phase of it."""

    def __init__(self, period: int, channels: Sequence[int] = (1, 16, 32, 64, 64)) -> None:
        super().__init__()
        self.period = period
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (5, 1), (3, 1), (2, 0)))
            for a, b in itertools.pairwise(channels)
        )
        self.last = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), 1, (1, 0)))

    def forward(self, wav: Tensor) -> Output:
        """wav (B, T) -> scores and features."""
        wav = F.pad(wav, (0, -wav.shape[1] % self.period), mode="reflect")
        return _run(self.layers, self.last, wav.reshape(len(wav), 1, -1, self.period))


class SpectrogramDiscriminator(nn.Module):
    """Looks at magnitudes at one time-frequency resolution."""

    def __init__(self, n_fft: int, channels: int = 24) -> None:
        super().__init__()
        self.n_fft = n_fft
        sizes = [(1, (2, 1)), (channels, (2, 1)), (channels, (2, 2)), (channels, (2, 1))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(n, channels, (7, 3), stride, (3, 1))) for n, stride in sizes
        )
        self.last = weight_norm(nn.Conv2d(channels, 1, 3, 1, 1))

    def forward(self, wav: Tensor) -> Output:
        """wav (B, T) -> scores and features."""
        magnitudes = spectrogram(wav.float(), self.n_fft, self.n_fft // 4)
        return _run(self.layers, self.last, torch.log(magnitudes + 1e-3).unsqueeze(1))


def _run(layers: nn.ModuleList, last: nn.Module, x: Tensor) -> Output:
    features = []
    for layer in layers:
        x = F.leaky_relu(layer(x), 0.1)
        features.append(x)
    x = last(x)
    return x.flatten(1), [*features, x]


class Discriminators(nn.Module):
    """All of them; wav (B, T) -> an output each."""

    def __init__(self) -> None:
        super().__init__()
        periods, sizes = (2, 3, 5, 7, 11), (512, 1024, 2048)
        self.all = nn.ModuleList(
            [*map(PeriodDiscriminator, periods), *map(SpectrogramDiscriminator, sizes)]
        )

    def forward(self, wav: Tensor) -> list[Output]:
        """wav (B, T) -> outputs."""
        return [discriminator(wav) for discriminator in self.all]


def discriminator_loss(real: list[Output], generated: list[Output]) -> Tensor:
    """Least squares: real towards 1, generated towards 0; summed over discriminators."""
    pairs = zip(real, generated, strict=True)
    losses = [((1 - r.float()) ** 2).mean() + (g.float() ** 2).mean() for (r, _), (g, _) in pairs]
    return torch.stack(losses).sum()


def generator_loss(generated: list[Output]) -> Tensor:
    """Least squares: generated towards 1."""
    return torch.stack([((1 - g.float()) ** 2).mean() for g, _ in generated]).sum()


def feature_loss(real: list[Output], generated: list[Output]) -> Tensor:
    """L1 between the layers' features; real ones are targets, without gradient."""
    losses = [
        F.l1_loss(g.float(), r.detach().float())
        for (_, reals), (_, fakes) in zip(real, generated, strict=True)
        for r, g in zip(reals, fakes, strict=True)
    ]
    return torch.stack(losses).sum()
