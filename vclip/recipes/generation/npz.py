"""The archives of a model directory, bank.npz and faces.npz: arrays, and where they are from.

The latter is `provenance`, a JSON text, which `vclip.recipes.generation.assemble` copies into the
description of the directory.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vclip.errors import DataError

Arrays = dict[str, npt.NDArray[Any]]


def read_npz(path: Path, command: str = "") -> tuple[Arrays, dict[str, Any]]:
    """The arrays of an archive and its provenance, {} without one.

    Raises DataError, which names the command that makes it, if there is no such file.
    """
    if not path.is_file():
        raise DataError(f"there is no {path}; run `python -m vclip.recipes.generation.{command}`")
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    return arrays, json.loads(str(arrays.pop("provenance", "{}")))


def write_npz(path: Path, arrays: Mapping[str, npt.NDArray[Any]], origin: dict[str, Any]) -> None:
    """Write an archive; the folder is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays, provenance=np.array(json.dumps(origin)))  # type: ignore[arg-type]
