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
from torch.nn import functional as F

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


def check_images(images: np.ndarray, size: int) -> None:
    """Raise ValueError unless images are (N, size, size, 3) uint8."""
    if images.ndim != 4 or images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
        raise ValueError(f"want (N, {size}, {size}, 3) uint8, got {images.shape} {images.dtype}")


def check_speech(wav: np.ndarray, sample_rate: int, min_seconds: float) -> None:
    """Raise DataError for a recording (T,) that is too short, or silent."""
    seconds = len(wav) / sample_rate
    if seconds < min_seconds:
        raise DataError(
            f"The recording has {seconds:.2f} s; the voice encoder needs {min_seconds} s."
        )
    if not np.any(wav):
        raise DataError("The recording is silent; use one with speech.")


class ResidualBlock(nn.Module):
    """Two 3 × 3 convolutions beside a shortcut (He et al. 2016), as in dlib's face network.

    A stride of 2 pools the shortcut. Channels that the shortcut lacks are zero, and so is the last
    row and column of the block where H is even. No batch statistics: training sees what the app
    sees.
    """

    def __init__(self, n_in: int, n_out: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 0 if stride > 1 else 1)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C_in, H, H) → (N, C_out, H // stride, H // stride)."""
        y = self.second(torch.relu(self.first(x)))
        if self.stride > 1:
            x = F.avg_pool2d(x, self.stride)
            short = x.shape[2] - y.shape[2]  # 1 where H is even
            y = F.pad(y, (0, short, 0, short))
        return torch.relu(F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1])) + y)


class SmallFaceEncoder(nn.Module):
    """A residual net for face crops; the features are the means of every stage's channels.

    The last stage alone knows who somebody is; the earlier ones add what it was taught to forget.
    `widths`: channels of the stem and of each stage. The stem quarters the resolution, every stage
    but the first halves it. `blocks`: residual blocks of each stage.
    """

    def __init__(
        self,
        image_size: int = 150,
        widths: tuple[int, ...] = (32, 32, 64, 128, 256),
        blocks: tuple[int, ...] = (3, 4, 3, 1),
    ) -> None:
        super().__init__()
        self.image_size, self.dimension = image_size, sum(widths[1:])
        self.architecture = {
            "image_size": image_size,
            "widths": list(widths),
            "blocks": list(blocks),
        }
        self.stem = nn.Conv2d(3, widths[0], 7, 2)
        self.stages = nn.ModuleList()
        for n_in, n_out, n_blocks in zip(widths[:-1], widths[1:], blocks, strict=True):
            first = ResidualBlock(n_in, n_out, 2 if len(self.stages) else 1)
            rest = [ResidualBlock(n_out, n_out, 1) for _ in range(n_blocks - 1)]
            self.stages.append(nn.Sequential(first, *rest))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, size, size) from `to_input` → image_features (N, F) ≥ 0."""
        x = F.max_pool2d(torch.relu(self.stem(x)), 3, 2)
        means = []
        for stage in self.stages:
            x = stage(x)
            means.append(x.float().mean((2, 3)))
        return torch.cat(means, 1)

    @torch.inference_mode()
    def encode(self, images: np.ndarray) -> np.ndarray:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale.

        The mean over a picture and its mirror image, which no face objective tells apart.
        """
        check_images(images, self.image_size)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for i in range(0, len(images), BATCH):
            x = to_input(images[i : i + BATCH])
            parts.append(((self(x) + self(x.flip(3))) / 2).numpy())
        return np.concatenate(parts)


def to_input(images: np.ndarray) -> Tensor:
    """(N, H, W, 3) uint8 → (N, 3, H, W) float32 in [−1, 1], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load_face_encoder(path: Path) -> ImageEncoder:
    """Read what `vclip.recipes.face_encoder.train` wrote; ModelError if it is missing or does not
    fit."""
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {})["vclip"])
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        encoder = SmallFaceEncoder(**metadata["architecture"])
        encoder.load_state_dict(weights, strict=True)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"The face encoder {path} cannot be used ({_first_line(error)}); "
            "restore it or make it again with python -m vclip.recipes.face_encoder.train."
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
        check_speech(wav, sample_rate, self.min_seconds)
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
