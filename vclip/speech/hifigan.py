"""Coqui's HiFi-GAN, the decoder of VITS, laid out for a CPU.

It is 95 % of the time of a full-size VITS. Without weight norm and with channels last in memory it
takes 0.83 of coqui's own time; in bfloat16, where the processor has matrix units (AMX), 0.20.
Autocast, ONNX Runtime and OpenVINO give less (docs/log.md), and four sentences in a batch take as
long as one after the other.
"""

import math
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Precision = Literal["auto", "float32", "bfloat16"]


def fastest(precision: Precision) -> torch.dtype:
    """The dtype of a precision here: "auto" is bfloat16 where matrix units compute it."""
    has_matrix_units = torch.cpu.get_capabilities().get("amx_bf16", False)
    wanted = precision == "bfloat16" or (precision == "auto" and has_matrix_units)
    return torch.bfloat16 if wanted else torch.float32


class Hifigan:
    """A `streaming.WaveformDecoder` of coqui's generator, which it takes over and changes."""

    def __init__(self, generator: Any, precision: Precision = "auto") -> None:
        self.hop, self.reach, self._dtype = hop(generator), reach(generator), fastest(precision)
        self._generator = _channels_last(generator).to(self._dtype).eval()
        # the last layer costs nothing; in float32 it halves what bfloat16 changes in the spectrum
        generator.conv_post = nn.Sequential(_Float(), generator.conv_post.float())

    def to(self, device: str) -> "Hifigan":
        """Move it, as a module is moved."""
        self._generator.to(device)
        return self

    def prepare(self, z: Tensor, g: Tensor) -> Tensor:
        """Nothing of HiFi-GAN needs the whole utterance."""
        return z

    def render(self, prepared: Tensor, g: Tensor) -> Tensor:
        """(1, C, frames), speaker (1, S, 1) -> (1, 1, frames * hop), float32."""
        x, condition = (
            y.unsqueeze(2).to(self._dtype, memory_format=torch.channels_last) for y in (prepared, g)
        )
        wav: Tensor = self._generator(x, g=condition).squeeze(2)
        return wav


class _Float(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float()


def hop(generator: Any) -> int:
    """Samples of sound that one frame of latents becomes."""
    return math.prod(up.stride[-1] for up in generator.ups)


def reach(generator: Any) -> int:
    """Frames on either side of one that its samples depend on, from kernels and strides.

    Walks from the samples of frame 0 back to the latents and widens the span at every layer.
    """
    low, high = 0, hop(generator) - 1
    half = _half(generator.conv_post)
    low, high = low - half, high + half
    for i in reversed(range(generator.num_upsamples)):
        blocks = generator.resblocks[i * generator.num_kernels : (i + 1) * generator.num_kernels]
        half = max(_block(block) for block in blocks)
        low, high = low - half, high + half
        up = generator.ups[i]
        kernel, stride, padding = up.kernel_size[-1], up.stride[-1], up.padding[-1]
        # input j lands on outputs j * stride - padding + [0, kernel)
        low, high = -((kernel - 1 - padding - low) // stride), (high + padding) // stride
    half = _half(generator.conv_pre)
    return int(max(half - low, high + half))


def _half(conv: Any) -> int:
    """Samples on either side that a convolution looks at."""
    return int(conv.dilation[-1] * (conv.kernel_size[-1] - 1) // 2)


def _block(block: nn.Module) -> int:
    """The same of a residual block: its convolutions follow one another."""
    return sum(_half(m) for m in block.modules() if isinstance(m, nn.Conv1d))


def remove_weight_norm(model: nn.Module) -> None:
    """Work out all normed weights once, bit for bit as every call would; only training needs it."""
    for module in list(model.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


def _channels_last(generator: Any) -> Any:
    """One-dimensional convolutions as two-dimensional ones of height 1, channels last in memory."""
    remove_weight_norm(generator)
    for parent in list(generator.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv1d | nn.ConvTranspose1d):
                setattr(parent, name, _flat(child))
    return generator


def _flat(conv: nn.Conv1d | nn.ConvTranspose1d) -> nn.Conv2d | nn.ConvTranspose2d:
    assert conv.groups == 1
    kind = nn.ConvTranspose2d if isinstance(conv, nn.ConvTranspose1d) else nn.Conv2d
    with torch.device("meta"):
        flat = kind(
            conv.in_channels,
            conv.out_channels,
            (1, conv.kernel_size[0]),
            stride=(1, conv.stride[0]),
            padding=(0, int(conv.padding[0])),
            dilation=(1, conv.dilation[0]),
            bias=conv.bias is not None,
        )
    weight = conv.weight.detach().unsqueeze(2).contiguous(memory_format=torch.channels_last)
    flat.weight, flat.bias = nn.Parameter(weight), conv.bias
    return flat
