"""Speech on ZeroGPU, the GPUs that Hugging Face lends to Spaces for seconds; elsewhere nothing.

The package `spaces` runs a decorated function in a process that is forked when a GPU has been
found; only there CUDA exists. What it is given and what it yields is pickled, so a whole text goes
in and pieces of speech come out. A visitor's share of GPU time can be used up, a GPU can be out of
reach: then the CPU speaks, which is no slower for the bundled model.

Tested against a stand-in, and tried once with spaces 0.51.3 itself (its forked processes and
queues, a stand-in for the service that lends GPUs, no CUDA); never run on ZeroGPU hardware.
"""

import importlib
import importlib.util
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, cast

from vclip.arrays import Float32
from vclip.errors import BusyError, ModelError
from vclip.speech.narrator import Narrator
from vclip.speech.synthesizer import Speech, Synthesizer

log = logging.getLogger(__name__)
Pieces = Iterator[tuple[float, Speech]]


def is_zero_gpu() -> bool:
    """Whether this is a Space with ZeroGPU hardware, by the sign that `spaces` goes by."""
    told = os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")
    return told and importlib.util.find_spec("spaces") is not None


def prepare() -> None:
    """Import `spaces`, which patches torch's CUDA; call it before torch is imported."""
    if is_zero_gpu():
        importlib.import_module("spaces")


def narrator() -> type[Narrator]:
    """The narrator of this machine: a GpuNarrator on ZeroGPU hardware, else the default."""
    return GpuNarrator if is_zero_gpu() else Narrator


def report() -> None:
    """Tell ZeroGPU that the app has started. Raises ModelError.

    `spaces` hooks this into `Blocks.launch`, which our server does not call.
    """
    if not is_zero_gpu():
        return
    startup = getattr(importlib.import_module("spaces.zero"), "startup", None)
    if startup is None:
        raise ModelError("this version of the package spaces starts otherwise; use spaces==0.51.3")
    startup()


class GpuNarrator(Narrator):
    """Speaks on a GPU if one can be had, else on the CPU."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        super().__init__(synthesizer)
        recite = Narrator(cast(Any, synthesizer).on("cuda"))._recite
        spaces = importlib.import_module("spaces")
        self._recite_on_gpu = spaces.GPU(recite, duration=seconds_of_gpu)

    def _recite(
        self, sentences: list[str], speaker_embedding: Float32, seed: int, rate: float, pause: float
    ) -> Pieces:
        said = (sentences, speaker_embedding, seed, rate, pause)
        with closing(self._recite_on_gpu(*said)) as pieces:
            try:
                first = next(pieces)
            except Exception as error:  # spaces raises gr.Error, httpx's and its own
                log.warning("no GPU (%s); the CPU speaks", error)
            else:
                yield first
                yield from _rest(pieces)
                return
        yield from super()._recite(*said)


def _rest(pieces: Pieces) -> Pieces:
    try:
        yield from pieces
    except Exception as error:
        log.warning("the GPU stopped in the middle of a text: %s", error)
        raise BusyError("the GPU was taken away in the middle; please try again") from error


def seconds_of_gpu(sentences: Sequence[str], *_: Any) -> int:
    """Upper estimate of GPU seconds that ZeroGPU is told; short requests are served sooner."""
    return 10 + sum(map(len, sentences)) // 200
