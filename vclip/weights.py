"""Model directories: which files a voice backend needs, checked before they are read.

`vclip.json` in such a directory names every component with its file, SHA-256, licence, and the
command and data that made it. The bundled one is in assets/models of this repository.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vclip.errors import ModelError

MODELS = Path(__file__).resolve().parent.parent / "assets" / "models"
BUNDLED = MODELS / "bundled"
DESCRIPTION = "vclip.json"
VERSION = 1


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def find(model: str) -> Path:
    """The directory of a bundled model by its name, or of any by its path. Raises ModelError."""
    for path in (MODELS / model, Path(model)):
        if path.is_dir():
            return path
    bundled = ", ".join(sorted(path.name for path in MODELS.iterdir()))
    raise ModelError(f"there is no model {model!r}; use {bundled} or the path of a model directory")


@dataclass(frozen=True)
class ModelDirectory:
    """A checked model directory."""

    path: Path
    description: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What it calls itself."""
        return str(self.description["name"])

    @classmethod
    def open(cls, model: str) -> "ModelDirectory":
        """By the name of a bundled model or by path. Raises ModelError, naming what there is."""
        path = find(model)
        try:
            description = json.loads((path / DESCRIPTION).read_text())
        except OSError as error:
            raise ModelError(
                f"{path} has no {DESCRIPTION}; run `python -m vclip.offline.assemble`"
            ) from error
        except ValueError as error:
            raise ModelError(
                f"{path / DESCRIPTION} is not JSON: {error}; fetch it again"
            ) from error
        if description.get("version") != VERSION:
            raise ModelError(
                f"{path / DESCRIPTION} is of version {description.get('version')}, this program "
                f"reads version {VERSION}; run `python -m vclip.offline.assemble`"
            )
        return cls(path, description)

    def file(self, component: str) -> Path:
        """Path of a component's weights. Raises ModelError if missing or altered."""
        entry = self.description["components"].get(component)
        if entry is None:
            raise ModelError(f"{self.path / DESCRIPTION} names no {component}")
        path: Path = self.path / entry["file"]
        if not path.is_file():
            raise ModelError(f"{path} is missing; fetch the model again")
        if sha256(path) != entry["sha256"]:
            raise ModelError(
                f"{path} is not the file that {DESCRIPTION} describes (its SHA-256 differs); "
                "fetch it again, or run `python -m vclip.offline.assemble` if you made it"
            )
        return path
