"""dlib's public-domain face network as a teacher: its weights, read into our own modules.

`dlib_face_recognition_resnet_model_v1.dat` (Davis King, CC0) is in the package
face_recognition_models. Its network is that of dlib's dnn_face_recognition_ex.cpp: a residual net
of 29 convolutions that maps a 150 × 150 face to a descriptor (128,); faces of one person lie within
0.6. The file is dlib's own stream: every tensor is its size and then little-endian float32.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from vclip.errors import DataError
from vclip.face.encoder import SmallFaceEncoder

FILE = "models/dlib_face_recognition_resnet_model_v1.dat"
WIDTHS, BLOCKS = (32, 32, 64, 128, 256, 256), (3, 4, 3, 3, 1)
DESCRIPTOR = 128
MEAN = torch.tensor([122.782, 117.001, 104.298])  # of its input, 0 … 255, before / 256
CROP_SHARE = 0.9  # of our crop's side is that of dlib's chips (padding 0.25): the face fills more


@dataclass(frozen=True)
class Teacher:
    """The whole network, and the matrix (channels of its last stage, 128) to its descriptor."""

    net: SmallFaceEncoder
    last: Tensor


def installed() -> Path | None:
    """The file in the package face_recognition_models, if that is installed."""
    spec = importlib.util.find_spec("face_recognition_models")
    path = Path(spec.origin).parent / FILE if spec and spec.origin else None
    return path if path and path.is_file() else None


class _Stream:
    """Tensors of known sizes, in the file's order."""

    def __init__(self, path: Path) -> None:
        try:
            self.data, self.path, self.at = path.read_bytes(), path, 0
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror or error}") from error

    def take(self, rows: int, columns: int = 1) -> Tensor:
        """The next tensor (rows, columns, 1, 1), as (rows, columns)."""
        head = b"".join(_integer(n) for n in (2, rows, columns, 1, 1))  # 2: the stream's version
        found = self.data.find(head, self.at)
        end = found + len(head) + 4 * rows * columns
        if found < 0 or end > len(self.data):
            raise DataError(f"{self.path} is not dlib's face network; give {Path(FILE).name}")
        self.at = end
        values = np.frombuffer(self.data, "<f4", rows * columns, found + len(head))
        return torch.from_numpy(values.astype(np.float32)).view(rows, columns)


def _integer(n: int) -> bytes:
    """dlib's coding of a positive integer: number of bytes, then the bytes."""
    size = (n.bit_length() + 7) // 8
    return bytes([size]) + n.to_bytes(size, "little")


@torch.no_grad()
def _fill(convolution: nn.Conv2d, stream: _Stream) -> None:
    """Weights and biases, then the affine layer that follows, folded into them."""
    weight, bias = convolution.weight, convolution.bias
    assert bias is not None
    values = stream.take(weight.numel() + len(bias))[:, 0]
    scale, shift = stream.take(2 * len(bias))[:, 0].chunk(2)
    weight.copy_(values[: weight.numel()].view_as(weight) * scale[:, None, None, None])
    bias.copy_(values[weight.numel() :] * scale + shift)


def read_teacher(
    path: Path, widths: tuple[int, ...] = WIDTHS, blocks: tuple[int, ...] = BLOCKS
) -> Teacher:
    """The network in that file. Raises DataError for any other file."""
    net, stream = SmallFaceEncoder(150, widths, blocks), _Stream(path)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            _fill(module, stream)
    last = stream.take(widths[-1], DESCRIPTOR)
    with torch.no_grad():  # its input is (x - MEAN) / 256, ours x / 127.5 - 1
        weight, bias = net.stem.weight, net.stem.bias
        assert bias is not None
        bias += (weight.sum((2, 3)) @ (127.5 - MEAN)) / 256
        weight *= 127.5 / 256
    return Teacher(net.eval().requires_grad_(False), last)
