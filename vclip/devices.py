"""Where frozen encoders run, and how precisely."""

import contextlib
from typing import Any

import torch


def device_of(name: str = "") -> torch.device:
    """The device of that name; by default a GPU where there is one, else the CPU."""
    return torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def mixed(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Half precision for what tolerates it, on a GPU only."""
    return torch.autocast("cuda", torch.float16, enabled=device.type == "cuda")
