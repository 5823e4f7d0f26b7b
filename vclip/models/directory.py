"""Model directories: their description, and their files checked before they are read.

`vclip.json` in such a directory names every component with its licence and the command and data
that made it, and says where its weights are:
* `file` and `sha256`: a file of the directory;
* `from`: "bundled", the bundled model's own;
* `url`, `sha256` and `folder`: a zip to be fetched on first use, and the folder within it;
* `clip` and `revision`: a CLIP of the hub, to be fetched on first use; without a revision, `clip`
  is the folder of a saved one in the directory.
The bundled model and the description of the vctk one are in assets/models of this repository.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from vclip.errors import ModelError
from vclip.models import cache
from vclip.models.download import sha256

MODELS = Path(__file__).resolve().parents[2] / "assets" / "models"
BUNDLED = MODELS / "bundled"
DESCRIPTION = "vclip.json"
VERSION = 1
HUB_ID = re.compile(r"([\w.-]+/[\w.-]+?)(?:@(.*))?", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{40}")
CHOICES = (
    "bundled, vctk or zero-shot (fetched on first use), a model directory, or OWNER/NAME@COMMIT "
    "of the Hugging Face hub"
)


def find_model(model: str) -> Path:
    """The directory of a shipped model by name, of any by path, or of one of the hub by its id.

    Raises ModelError.
    """
    for path in (MODELS / model, Path(model)):
        if path.is_dir():
            return path
    if not (hub_id := HUB_ID.fullmatch(model)):
        raise ModelError(f"there is no model {model!r}; use {CHOICES}")
    repository, commit = hub_id.groups()
    if not COMMIT.fullmatch(commit or ""):  # branches and tags move
        raise ModelError(
            f"there is no folder {model!r}, and as an id of the hub it is not pinned; give its "
            f"commit, 40 hexadecimal digits: {repository}@COMMIT"
        )
    return cache.fetch_snapshot(repository, commit)


@dataclass(frozen=True)
class ModelDirectory:
    """A checked model directory."""

    path: Path
    description: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Name of the model, as its description gives it."""
        return str(self.description["name"])

    @classmethod
    def open(cls, model: str) -> "ModelDirectory":
        """By the name of a bundled model or by path. Raises ModelError, naming what there is."""
        path = find_model(model)
        try:
            description = json.loads((path / DESCRIPTION).read_text())
        except OSError as error:
            raise ModelError(
                f"{path} has no {DESCRIPTION}; run `python -m vclip.recipes.generation.assemble`"
            ) from error
        except ValueError as error:
            raise ModelError(
                f"{path / DESCRIPTION} is not JSON: {error}; fetch it again"
            ) from error
        if description.get("version") != VERSION:
            raise ModelError(
                f"{path / DESCRIPTION} is of version {description.get('version')}, this program "
                f"reads version {VERSION}; run `python -m vclip.recipes.generation.assemble`"
            )
        return cls(path, description)

    def has(self, component: str) -> bool:
        """Whether the description names this component."""
        return component in self.description["components"]

    @property
    def components(self) -> dict[str, Mapping[str, Any]]:
        """What is told of each; of what is taken from the bundled model, what that says."""
        entries = dict(self.description["components"])
        for name, entry in entries.items():
            if entry.get("from") == BUNDLED.name:
                theirs = ModelDirectory.open(BUNDLED.name).components.get(name, {})
                entries[name] = {**theirs, **entry}
        return entries

    def file(self, component: str) -> Path:
        """Path of a component's weights. Raises ModelError if missing or altered."""
        entry = self._entry(component)
        if entry.get("from") == BUNDLED.name:
            return ModelDirectory.open(BUNDLED.name).file(component)
        if not {"file", "sha256"} <= entry.keys():
            raise ModelError(f"{self.path / DESCRIPTION} names no file of {component}")
        path = self.path / _inner(entry["file"])
        if not path.is_file():
            raise ModelError(f"{path} is missing; fetch the model again")
        if sha256(path) != entry["sha256"]:
            raise ModelError(
                f"{path} is not the file that {DESCRIPTION} describes (its SHA-256 differs); "
                "fetch it again, or run `python -m vclip.recipes.generation.assemble` if you made "
                "it"
            )
        return path

    def folder(self, component: str) -> Path:
        """The folder of a component of several files, fetched if need be. Raises ModelError."""
        entry = self._entry(component)
        if "url" not in entry:
            return self.file(component).parent
        return cache.fetch_archive(entry["url"], entry["sha256"]) / _inner(entry["folder"])

    def clip(self, component: str) -> str | None:
        """Spec for `clip_folder.find_clip`, if the component is a CLIP. Raises ModelError."""
        entry = self.components.get(component, {})
        if "clip" not in entry:
            return None
        if "revision" in entry:
            return f"{entry['clip']}@{entry['revision']}"
        return str(self.path / _inner(entry["clip"]))

    def _entry(self, component: str) -> Mapping[str, Any]:
        if not self.has(component):
            raise ModelError(f"{self.path / DESCRIPTION} names no {component}")
        entry: Mapping[str, Any] = self.description["components"][component]
        return entry


def _inner(name: str) -> PurePosixPath:
    """A path of a description, which may come from anywhere: never out of its folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ModelError(f"{DESCRIPTION} names {name!r}, which leads out of its folder")
    return path
