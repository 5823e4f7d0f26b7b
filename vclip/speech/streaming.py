"""A waveform decoder run window by window, with enough context that the seams cannot be heard.

A decoder is local: a frame of sound depends on `reach` frames of latents on either side. A window
is therefore decoded with that many frames more than it keeps, and what it keeps equals the same
stretch of the whole. At the ends of an utterance the decoder pads as it always does.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

FIRST = 32  # frames of the first window, 0.37 s at hop 256 and 22,050 Hz: sound soon
LARGEST = 256  # frames; context costs little beside it, and a visitor who left costs 3 s at most


class WaveformDecoder(Protocol):
    """Latents to waveform, in two steps: what needs the whole utterance, and what is local."""

    hop: int  # samples of a frame
    reach: int  # frames of context on both sides that `render` looks at

    def to(self, device: str) -> "WaveformDecoder":
        """Move it to a device, as a module is moved."""

    def prepare(self, z: Tensor, g: Tensor) -> Tensor:
        """Latents (1, C, frames), speaker (1, S, 1) -> (1, C', frames) for `render`."""

    def render(self, prepared: Tensor, g: Tensor) -> Tensor:
        """(1, C', frames) -> (1, 1, frames * hop)."""


class Window(NamedTuple):
    """Frames start to stop are kept; begin to end are decoded."""

    begin: int
    start: int
    stop: int
    end: int


def windows(frames: int, reach: int, first: int = FIRST, largest: int = LARGEST) -> list[Window]:
    """Cut an utterance: `first` frames, then twice as many each time, up to `largest`."""
    found, start, size = [], 0, first
    while start < frames:
        stop = min(start + size, frames)
        if frames - stop < reach:  # a rest of mere context is decoded anyway
            stop = frames
        found.append(Window(max(0, start - reach), start, stop, min(frames, stop + reach)))
        start, size = stop, min(2 * size, largest)
    return found


def stream(
    decoder: WaveformDecoder, prepared: Tensor, g: Tensor, first: int = FIRST
) -> Iterator[Tensor]:
    """The waveform in pieces ((stop - start) * hop,); decoded when they are asked for."""
    for begin, start, stop, end in windows(prepared.shape[2], decoder.reach, first):
        with torch.inference_mode():
            wav = decoder.render(prepared[:, :, begin:end], g)[0, 0]
        yield wav[(start - begin) * decoder.hop : (stop - begin) * decoder.hop]
