"""Threads, locks and devices of torch, and a torchaudio that imports everywhere."""

import contextlib
import os
import sys
import threading
import types
from typing import Any

import torch


def limit_threads() -> None:
    """One thread for each request of programs that serve or speak; OMP_NUM_THREADS overrides it.

    Torch shares an operation among all cores by default, and its threads wait for each other at
    every one of the thousands that a sentence takes. Where somebody else has work on one of the
    cores they wait long: on two cores, one of them busy, the first sound of a paragraph took 1.4 s
    with two threads and 0.09 s with one. Two requests still use two cores.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


def fork_safe_lock() -> threading.Lock:
    """A lock that no other thread holds at a fork: ZeroGPU's process would never see it freed."""
    lock = threading.Lock()
    release = lock.release
    os.register_at_fork(before=lock.acquire, after_in_parent=release, after_in_child=release)
    return lock


def pick_device(name: str = "") -> torch.device:
    """The device of that name; by default a GPU where there is one, else the CPU."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Half precision for what tolerates it, on a GPU only."""
    return torch.autocast("cuda", torch.float16, enabled=device.type == "cuda")


def ensure_torchaudio() -> None:
    """Let torchaudio be imported where its compiled extension cannot load; call it before.

    PyPI's wheel is a CUDA build, which fails with OSError beside a CPU-only torch. coqui-tts and
    transformers import torchaudio whatever they need of it; what vclip uses of them needs none of
    the compiled part, so a stub stands in, only where the real one fails.
    """
    try:
        import torchaudio  # noqa: F401
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stub = types.ModuleType("torchaudio._extension")
        stub.__dict__.update(
            _IS_TORCHAUDIO_EXT_AVAILABLE=False,
            _IS_ALIGN_AVAILABLE=False,
            fail_if_no_align=lambda function: function,
        )
        sys.modules["torchaudio._extension"] = stub
