"""Coqui's own archive of a VITS, as its model manager unpacks it: read, without building anything.

`config.json`, `model_file.pth` (or another name that the manager accepts) and the speakers' rows in
`speaker_ids.json`, `speaker_ids.pth`, `speakers.json` or `speakers.pth`.
"""

import json
import pickle
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from vclip.errors import ModelError, first_line

WEIGHTS = ("model_file.pth", "model_file.pth.tar", "model.pth", "checkpoint.pth")
SPEAKERS = ("speaker_ids.json", "speaker_ids.pth", "speakers.json", "speakers.pth")
NOT_SPOKEN = ("disc.", "posterior_encoder.", "speaker_encoder.")  # what only training needs
# coqui's other ways to tell voices or languages apart; a raw speaker table is what vclip speaks to
UNSUPPORTED = ("use_d_vector_file", "use_language_embedding", "encoder_sample_rate")


@dataclass(frozen=True)
class CoquiArchive:
    """The archive's config, its weights, and its speakers in the order of the table's rows."""

    config: dict[str, Any]
    state: dict[str, torch.Tensor]
    speakers: list[str]


def read(directory: Path) -> CoquiArchive:
    """Read an archive. Raises ModelError naming the file that is missing, broken or unfit."""
    config = _checked(_read_json(directory / "config.json"), directory)
    state = _read_weights(_find(directory, WEIGHTS))
    if "emb_g.weight" not in state:
        raise ModelError(f"the VITS in {directory} has no speaker table; take a multi-speaker one")
    names = _read_speakers(_find(directory, SPEAKERS))
    if sorted(names.values()) != list(range(len(state["emb_g.weight"]))):
        raise ModelError(
            f"the speaker file in {directory} names {len(names)} speakers, the weights have "
            f"{len(state['emb_g.weight'])} rows; unpack the archive again"
        )
    # one name of the published VCTK model ends in a line break
    return CoquiArchive(
        config, state, [name.strip() for name in sorted(names, key=names.__getitem__)]
    )


def _find(directory: Path, names: tuple[str, ...]) -> Path:
    if found := [directory / name for name in names if (directory / name).is_file()]:
        return found[0]
    others = [path for path in directory.glob("*.pth") if path.name not in SPEAKERS]
    if names is WEIGHTS and len(others) == 1:
        return others[0]
    raise ModelError(f"{directory} has no {names[0]}; unpack coqui's archive there again")


def _read_json(path: Path) -> dict[str, Any]:
    """A JSON object; older configs carry // comments."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(re.sub(r'("(?:[^"\\]|\\.)*")|//[^\n]*', r"\1", text))
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read {path}: {error}; unpack the archive again") from error
    if not isinstance(content, dict):
        raise ModelError(f"{path} is not a JSON object; unpack the archive again")
    return content


def _read_torch(path: Path) -> Any:
    """A .pth file, tensors and plain values only: nothing in it can run code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(
            f"cannot read {path}: {first_line(error)}; unpack the archive again"
        ) from error


def _read_weights(path: Path) -> dict[str, torch.Tensor]:
    content = _read_torch(path)
    state = content.get("model") if isinstance(content, dict) else None
    if not isinstance(state, dict):
        raise ModelError(f"{path} has no entry 'model'; it is not a coqui checkpoint")
    return {key: value for key, value in state.items() if not key.startswith(NOT_SPOKEN)}


def _read_speakers(path: Path) -> dict[str, int]:
    content = _read_json(path) if path.suffix == ".json" else _read_torch(path)
    rows = content if isinstance(content, dict) else {}
    if not rows or not all(isinstance(row, int) for row in rows.values()):
        raise ModelError(f"{path} does not map names to rows of the speaker table")
    return {str(name): row for name, row in rows.items()}


def _checked(config: dict[str, Any], directory: Path) -> dict[str, Any]:
    if config.get("model") != "vits":
        raise ModelError(f"{directory}/config.json describes a {config.get('model')!r}, not a VITS")
    args = config.get("model_args")
    if not isinstance(args, dict):
        raise ModelError(f"{directory}/config.json has no model_args; unpack the archive again")
    for option in UNSUPPORTED:
        if args.get(option) or config.get(option):
            raise ModelError(f"the VITS in {directory} has {option}, which vclip does not speak to")
    return config
