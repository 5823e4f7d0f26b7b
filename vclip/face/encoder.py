"""Frozen image encoders: pictures of faces to image_features."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vclip.arrays import Float32, Images
from vclip.errors import ModelError, first_line
from vclip.weights import BROKEN, read_weights

BATCH = 64  # images encoded at once


class ImageEncoder(Protocol):
    """Pixels of face crops → image_features."""

    image_size: int
    dimension: int

    def encode(self, images: Images) -> Float32:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale."""


def check_images(images: Images, size: int) -> None:
    """Raise ValueError unless images are (N, size, size, 3) uint8."""
    if images.ndim != 4 or images.shape[1:] != (size, size, 3) or images.dtype != np.uint8:
        raise ValueError(f"want (N, {size}, {size}, 3) uint8, got {images.shape} {images.dtype}")


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
        sizes = {"widths": list(widths), "blocks": list(blocks)}
        self.architecture = {"image_size": image_size, **sizes}
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
    def encode(self, images: Images) -> Float32:
        """(N, size, size, 3) uint8 RGB → image_features (N, F) float32, raw scale.

        The mean over a picture and its mirror image, which no face objective tells apart.
        """
        check_images(images, self.image_size)
        parts = [np.zeros((0, self.dimension), np.float32)]
        for i in range(0, len(images), BATCH):
            x = to_input(images[i : i + BATCH])
            parts.append(((self(x) + self(x.flip(3))) / 2).numpy())
        return np.concatenate(parts)


def to_input(images: Images) -> Tensor:
    """(N, H, W, 3) uint8 → (N, 3, H, W) float32 in [−1, 1], channels last in memory."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 127.5 - 1


def load_face_encoder(path: Path) -> SmallFaceEncoder:
    """Read what `vclip.recipes.face_encoder.train` wrote. Raises ModelError."""
    try:
        header, weights = read_weights(path)
        encoder = SmallFaceEncoder(**header["architecture"])
        encoder.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    except BROKEN as error:
        raise ModelError(
            f"The face encoder {path} cannot be used ({first_line(error)}); "
            "restore it or make it again with python -m vclip.recipes.face_encoder.train."
        ) from error
    return encoder.eval().requires_grad_(False)
