"""Frozen encoders: pictures of faces to image_features, speech to voice_features."""

import json
import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from vclip.audio import resample
from vclip.errors import DataError, ModelError

log = logging.getLogger(__name__)
BATCH = 64  # images encoded at once


class ImageEncoder(Protocol):
    """Pixels of face crops → image_features."""

    image_size: int
    dimension: int

    def encode(self, images: np.ndarray) -> np.ndarray:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale."""
        ...


class VoiceEncoder(Protocol):
    """Speech → voice_features."""

    sample_rate: int
    dimension: int
    min_seconds: float

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        """(T,) float32 at any sample rate → voice_features (V,) float32, raw scale."""
        ...


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut (He et al. 2016; pooled shortcut as in ResNet-D)."""

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.ReLU(),
            nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            pool = nn.AvgPool2d(stride, ceil_mode=True) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, nn.Conv2d(n_in, n_out, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:  # (N, C_in, H, W) → (N, C_out, H / stride, W / stride)
        return torch.relu(self.body(x) + self.shortcut(x))


class SmallFaceEncoder(nn.Module):
    """A residual net for face crops; the features are its batch-normalised last linear layer.

    `widths`: channels of the stem and of each stage; every one halves the resolution.
    `blocks`: residual blocks of each stage.
    """

    def __init__(
        self,
        image_size: int = 80,
        dimension: int = 256,
        widths: tuple[int, ...] = (32, 64, 128, 256),
        blocks: tuple[int, ...] = (1, 2, 1),
    ) -> None:
        super().__init__()
        self.image_size, self.dimension = image_size, dimension
        self.architecture = {
            "image_size": image_size,
            "dimension": dimension,
            "widths": list(widths),
            "blocks": list(blocks),
        }
        self.stem = nn.Sequential(
            nn.Conv2d(3, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()
        )
        stages = []
        for n_in, n_out, n_blocks in zip(widths[:-1], widths[1:], blocks, strict=True):
            stages += [ResidualBlock(n_in, n_out, 2)]
            stages += [ResidualBlock(n_out, n_out, 1) for _ in range(n_blocks - 1)]
        self.stages = nn.Sequential(*stages)
        self.neck = nn.Linear(widths[-1], dimension, bias=False)
        self.norm = nn.BatchNorm1d(dimension)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, size, size) from `to_input` → image_features (N, F), each near unit variance."""
        features: Tensor = self.stages(self.stem(x)).mean((2, 3))
        features = self.norm(self.neck(features).float())
        return features

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale.

        The mean over a picture and its mirror image, which no face objective tells apart.
        """
        size = self.image_size
        if images.ndim != 4 or images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
            raise ValueError(
                f"want (N, {size}, {size}, 3) uint8, got {images.shape} {images.dtype}"
            )
        parts = [np.zeros((0, self.dimension), np.float32)]
        for i in range(0, len(images), BATCH):
            x = to_input(images[i : i + BATCH])
            parts.append(((self(x) + self(x.flip(3))) / 2).numpy())
        return np.concatenate(parts)


def to_input(images: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 → (N, 3, H, W) float32 in [−1, 1], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load_face_encoder(path: Path) -> ImageEncoder:
    """Read what `vclip.offline.train_face` wrote; ModelError if it is missing or does not fit."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["vclip"])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        encoder = SmallFaceEncoder(**metadata["architecture"])
        encoder.load_state_dict(weights, strict=True)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The face encoder {path} cannot be used ({_first_line(error)}); "
            "restore it or make it again with python -m vclip.offline.train_face."
        ) from error
    return encoder.eval().requires_grad_(False)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]


class ResemblyzerEncoder:
    """Resemblyzer's speaker encoder (GE2E, Wan et al. 2018), whose weights are in its package.

    An offline dependency: ModelError where it isn't installed. Features have unit norm and are ≥ 0.
    """

    sample_rate = 16000
    dimension = 256
    min_seconds = 1.0

    def __init__(self) -> None:
        self._preprocess, network = _import_resemblyzer()
        self.network = network("cpu", verbose=False).eval()

    def encode(self, wav: np.ndarray, sample_rate: int) -> np.ndarray:
        """(T,) float32 in [−1, 1] → voice_features (256,) float32.

        Volume is levelled and long pauses are cut out first. DataError if little speech is left.
        """
        seconds = len(wav) / sample_rate
        if seconds < self.min_seconds:
            raise DataError(
                f"The recording has {seconds:.2f} s; the voice encoder needs {self.min_seconds} s."
            )
        if not np.any(wav):
            raise DataError("The recording is silent; use one with speech.")
        speech = self._preprocess(resample(wav, sample_rate, self.sample_rate).clip(-1, 1))
        if len(speech) < self.min_seconds / 2 * self.sample_rate:
            raise DataError("The recording holds almost no speech; use a clearer or longer one.")
        features = self.network.embed_utterance(speech)
        return np.asarray(features, dtype=np.float32)


def _import_resemblyzer() -> tuple[Callable[[np.ndarray], np.ndarray], Callable[..., Any]]:
    """preprocess_wav and VoiceEncoder."""
    try:
        with warnings.catch_warnings():  # both are about how resemblyzer's own imports are written
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            warnings.filterwarnings("ignore", "Deprecated call to `pkg", DeprecationWarning)
            warnings.filterwarnings("ignore", "Please import `binary_dilation`", DeprecationWarning)
            from resemblyzer import VoiceEncoder as Network
            from resemblyzer import preprocess_wav
    except ImportError as error:
        raise ModelError(
            f"The voice encoder needs the package resemblyzer ({error}); "
            "pip install -r requirements-dev.txt."
        ) from error
    return preprocess_wav, Network
