"""Checkpoints of training: a run that is resumed equals one that was never stopped."""

import hashlib
import pickle
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch

from vclip.errors import DataError, OutputError
from vclip.recipes.association.batches import LabelData, PairData
from vclip.recipes.association.distributed import Group
from vclip.recipes.association.objective import RandomStreams
from vclip.recipes.association.settings import FitConfig
from vclip.recipes.data.shards import replaced

# what torch.load raises for files that it did not write
UNREADABLE = (OSError, RuntimeError, EOFError, LookupError, TypeError, pickle.PickleError)


def name_of(config: FitConfig, world: int, *data: PairData | LabelData | None) -> str:
    """SHA-256 of all that determines a training: settings, processes, every feature."""
    digest = hashlib.sha256(repr((astuple(config), world)).encode())
    for part in data:
        if part is not None:
            kinds = part.person if isinstance(part, PairData) else part.image_label
            for tensor in (kinds, part.image.count, part.image.values, part.voice.values):
                digest.update(tensor.contiguous().cpu().numpy().data)
    return digest.hexdigest()


def generators(streams: RandomStreams, device: torch.device) -> list[torch.Generator]:
    """All that this process draws from; get_state() and set_state() of each go on with them."""
    own = [streams.shared, streams.own, torch.default_generator]
    return own + ([torch.cuda.default_generators[device.index]] if device.type == "cuda" else [])


def save(path: Path, name: str, state: dict[str, Any], group: Group) -> None:
    """Write a state whole or not at all, from the first process. Raises OutputError."""
    if not group.first:
        return
    try:
        with replaced(path) as file:
            torch.save({"name": name, **state}, file)
    except (OSError, RuntimeError) as error:
        raise OutputError(f"cannot write {path}: {error}; choose another place") from error


def load(path: Path, name: str) -> dict[str, Any]:
    """The state at path. Raises DataError unless it is of the training of that name."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = state["name"]
    except UNREADABLE as error:
        raise DataError(f"{path} is no state of a training: {error}; delete it") from error
    if found != name:
        raise DataError(
            f"{path} is of a training with other settings, data or processes; "
            "take them again, or delete it to start anew"
        )
    return state
