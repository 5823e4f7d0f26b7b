"""Weights of our own networks: safetensors with a JSON header of sizes and provenance."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from vclip.errors import OutputError

BROKEN = (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError)
"""Raised by reading a file, or by building a network of it, where it is missing or does not fit."""


def read_weights(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Header and tensors of a file that `write_weights` wrote. Raises one of BROKEN."""
    with safe_open(path, framework="pt") as file:
        header = dict(json.loads((file.metadata() or {})["vclip"]))
        return header, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def write_weights(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
    """Write tensors and what is to be known of them. Raises OutputError.

    The header is one entry: safetensors writes several in an order that differs from run to run.
    """
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    try:
        save_file(whole, path, {"vclip": json.dumps(dict(header), sort_keys=True)})
    except (OSError, SafetensorError) as error:
        raise OutputError(f"cannot write {path}: {error}; choose another place") from error
