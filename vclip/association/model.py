"""The association: heads that bring a face and its voice close (docs/method.md, Association).

Frozen image features go through a small ReLU MLP, frozen voice features through a RealNVP flow,
which keeps their dimension: D = V. They are trained by `vclip.recipes.association.train`.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.errors import ModelError, first_line
from vclip.weights import BROKEN, read_weights, write_weights

MAX_LOGIT_SCALE = math.log(100.0)
HALVES = (torch.bfloat16, torch.float16)  # what mixed precision leaves; too coarse for unit norms
FORMAT = "vclip-association-1"


@dataclass(frozen=True)
class Dimensions:
    """Sizes of the features that the heads read."""

    image_dimension: int  # F
    voice_dimension: int = 256  # V = D


@dataclass(frozen=True)
class HeadSizes:
    """Architecture of the two heads, whatever the features that they read."""

    image_hidden: int = 256
    image_layers: int = 1  # hidden layers of the MLP
    dropout: float = 0.3
    couplings: int = 4
    coupling_hidden: int = 64
    max_log_scale: float = 0.5  # |log s| of one coupling stays below
    flow: bool = True  # else an MLP like the image's: the ablation of Vclip §4.3


@dataclass(frozen=True)
class AssociationConfig(HeadSizes, Dimensions):
    """What is needed to build the heads again."""


class Standardise(nn.Module):
    """(x - mean) / std with the training features' statistics as buffers."""

    mean: Tensor
    std: Tensor

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(dimension))
        self.register_buffer("std", torch.ones(dimension))

    def fit(self, features: Tensor) -> None:
        """Take mean and std of features (N, dimension); constant columns are only centred."""
        std, mean = torch.std_mean(features, dim=0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def forward(self, features: Tensor) -> Tensor:
        return (features - self.mean) / self.std

    def inverse(self, standard: Tensor) -> Tensor:
        """The features that forward() would map to standard."""
        return standard * self.std + self.mean


class AffineCoupling(nn.Module):
    """One affine coupling (Dinh et al. 2017): half of x is scaled and shifted by the other half.

    The halves are the even and odd coordinates; flip says which one stays. The last layer starts
    at zero, so an untrained flow is the identity; tanh bounds the log scale, so it stays
    invertible in float32.
    """

    def __init__(self, dimension: int, hidden: int, max_log_scale: float, flip: bool) -> None:
        super().__init__()
        self.max_log_scale = max_log_scale
        even, odd = slice(0, None, 2), slice(1, None, 2)
        self._kept, self._moved = (odd, even) if flip else (even, odd)
        kept, moved = (len(range(dimension)[half]) for half in (self._kept, self._moved))
        self.net = nn.Sequential(nn.Linear(kept, hidden), nn.ReLU(), nn.Linear(hidden, 2 * moved))
        last = self.net[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def _affine(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Log scale and shift of the moved half: the kept one, which both directions see, says."""
        raw, shift = self.net(x[:, self._kept]).chunk(2, dim=1)
        return self.max_log_scale * torch.tanh(raw / self.max_log_scale), shift

    def forward(self, x: Tensor) -> Tensor:
        """x (N, V) -> y (N, V)."""
        log_scale, shift = self._affine(x)
        y = x.clone()
        y[:, self._moved] = x[:, self._moved] * log_scale.exp() + shift
        return y

    def inverse(self, y: Tensor) -> Tensor:
        """y (N, V) -> the x that forward() maps to it."""
        log_scale, shift = self._affine(y)
        x = y.clone()
        x[:, self._moved] = (y[:, self._moved] - shift) * (-log_scale).exp()
        return x


class RealNVP(nn.Module):
    """A stack of couplings that keep the two halves in turn."""

    def __init__(self, dimension: int, couplings: int, hidden: int, max_log_scale: float) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(
            AffineCoupling(dimension, hidden, max_log_scale, flip=bool(i % 2))
            for i in range(couplings)
        )

    def forward(self, x: Tensor) -> Tensor:
        """x (N, V) -> z (N, V)."""
        for coupling in self.couplings:
            x = coupling(x)
        return x

    def inverse(self, z: Tensor) -> Tensor:
        """z (N, V) -> the x that forward() maps to it."""
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, AffineCoupling)
            z = coupling.inverse(z)
        return z


def _mlp(config: AssociationConfig, width: int) -> nn.Sequential:
    """width -> D through the config's hidden layers."""
    layers: list[nn.Module] = []
    for _ in range(config.image_layers):
        layers += [nn.Linear(width, config.image_hidden), nn.ReLU(), nn.Dropout(config.dropout)]
        width = config.image_hidden
    return nn.Sequential(*layers, nn.Linear(width, config.voice_dimension))


def _unit(emb: Tensor) -> Tensor:
    emb = F.normalize(emb.float() if emb.dtype in HALVES else emb, dim=1)
    norms = emb.detach().norm(dim=1)
    assert torch.allclose(norms, torch.ones_like(norms), atol=1e-3), "embedding without unit norm"
    return emb


class Association(nn.Module):
    """Both heads and the learned log temperature; embeddings have unit norm."""

    def __init__(self, config: AssociationConfig) -> None:
        super().__init__()
        self.config = config
        self.image_dimension, self.voice_dimension = config.image_dimension, config.voice_dimension
        self.image_standard = Standardise(config.image_dimension)
        self.image_head = _mlp(config, config.image_dimension)
        self.voice_standard = Standardise(config.voice_dimension)
        sizes = config.voice_dimension, config.couplings, config.coupling_hidden
        flow = RealNVP(*sizes, config.max_log_scale) if config.flow else None
        self.voice_head = flow or _mlp(config, config.voice_dimension)
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    @property
    def dimension(self) -> int:
        """D, the size of both embeddings."""
        return self.config.voice_dimension

    def encode_image(self, image_features: Tensor, normalize: bool = True) -> Tensor:
        """image_features (N, F), raw -> image_emb (N, D), unit norm unless normalize is off."""
        _check(image_features, self.config.image_dimension, "image_features")
        emb: Tensor = self.image_head(self.image_standard(image_features))
        return _unit(emb) if normalize else emb

    def encode_voice(self, voice_features: Tensor, normalize: bool = True) -> Tensor:
        """voice_features (N, V), raw -> voice_emb (N, D), unit norm unless normalize is off."""
        _check(voice_features, self.config.voice_dimension, "voice_features")
        emb: Tensor = self.voice_head(self.voice_standard(voice_features))
        return _unit(emb) if normalize else emb

    def clamp_scale(self) -> None:
        """Keep logit_scale at or below ln 100, as CLIP does after every step."""
        with torch.no_grad():
            self.logit_scale.clamp_(max=MAX_LOGIT_SCALE)


def _check(features: Tensor, dimension: int, name: str) -> None:
    if features.ndim != 2 or features.shape[1] != dimension:
        raise ValueError(f"{name} must be (N, {dimension}), got {tuple(features.shape)}")


def save_association(path: Path, association: Association, metadata: Mapping[str, object]) -> None:
    """Write weights, sizes and metadata (command, data, hashes of inputs). Raises OutputError."""
    header = {"format": FORMAT, "config": asdict(association.config), **metadata}
    write_weights(path, association.state_dict(), header)


def load_association_metadata(path: Path) -> dict[str, Any]:
    """The header that `save_association` wrote. Raises ModelError for anything else."""
    try:
        header = read_weights(path)[0]
    except BROKEN as error:
        raise ModelError(
            f"{path} is no association: {error}; "
            "make one with python -m vclip.recipes.association.train"
        ) from error
    if header.get("format") != FORMAT:
        raise ModelError(f"{path} is not of format {FORMAT}; train it again with this version")
    return header


def load_association(path: Path) -> Association:
    """The association saved at path, strict, ready for use (eval mode). Raises ModelError."""
    header = load_association_metadata(path)
    try:
        association = Association(AssociationConfig(**header["config"]))
        association.load_state_dict(read_weights(path)[1])
    except BROKEN as error:
        reason = first_line(error)
        raise ModelError(f"{path} does not fit its own sizes: {reason}; train it again") from error
    return association.eval().requires_grad_(False)
