"""The description of a model directory, vclip.json: `python -m vclip.recipes.generation.assemble`.

Names every component with file, SHA-256, licence, and the command and data that made it, and
refuses a directory whose parts do not fit together by loading it once. A directory called vctk is
that of coqui's VCTK VITS: its weights are fetched on first use, faces and association are the
bundled model's, and generation and signature may be missing. One called zero-shot is the bundled
model with OpenAI's CLIP in place of its face encoder and association (see
`vclip.association.zero_shot`). With --clip OWNER/NAME@COMMIT, or the name of a folder in the
directory, the image encoder of any other is that CLIP, and without an association it is zero-shot,
too.
"""

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vclip.errors import DataError
from vclip.models.clip_folder import OPENAI_CLIP, PINNED_CLIP, clip_hash
from vclip.models.directory import BUNDLED, DESCRIPTION, VERSION, ModelDirectory
from vclip.models.download import sha256
from vclip.pipeline import FaceToVoice
from vclip.recipes.generation.npz import read_npz
from vclip.recipes.options import command

OPTIONAL = {"faces"}  # without them no visitor's face is compared with others
DERIVED = {"generation", "signature"}  # of VCTK; vclip.models.fitted stands in
Entries = dict[str, dict[str, str]]  # by the name of the component


def read_entries() -> dict[str, Entries]:
    """Entries of components.toml by kind of directory; those `from` another one filled in."""
    kinds: dict[str, Entries] = tomllib.loads(
        Path(__file__).with_name("components.toml").read_text(encoding="utf-8")
    )
    for entries in kinds.values():
        for name, entry in entries.items():
            if "from" in entry:
                entries[name] = entry | kinds[entry["from"]][name]
                del entries[name]["file"]  # which lies in the other directory
    return kinds


KINDS = read_entries()
COMPONENTS, VCTK = KINDS["bundled"], KINDS["vctk"]


def clip_of(spec: str, directory: Path) -> dict[str, str]:
    """The entry of a CLIP: a folder of the directory, or OWNER/NAME@COMMIT. Raises DataError."""
    if (directory / spec / "config.json").is_file():
        digest = clip_hash(directory / spec)
        return {"clip": spec, "sha256": digest, "licence": "see the model card of this CLIP"}
    if not PINNED_CLIP.fullmatch(spec):
        raise DataError(
            f"--clip {spec!r} is neither the folder of a CLIP in the directory nor pinned; write "
            "OWNER/NAME@COMMIT, 40 hex digits"
        )
    if spec == OPENAI_CLIP:
        return KINDS["zero-shot"]["image_encoder"]
    name, revision = spec.split("@")
    return {"clip": name, "revision": revision, "licence": f"see the model card of {name}"}


def describe(directory: Path, clip: str = "") -> dict[str, Any]:
    """The description of the files that are there. Raises DataError if one is missing."""
    parts = KINDS.get(directory.name, COMPONENTS)
    may_lack = OPTIONAL | DERIVED if directory.name == "vctk" else OPTIONAL
    if clip:
        parts = parts | {"image_encoder": clip_of(clip, directory)}
        may_lack = may_lack | {"association"}
    components: dict[str, Any] = {}
    for name, entry in parts.items():
        if "file" not in entry:
            components[name] = entry
            continue
        path = directory / entry["file"]
        if path.is_file():
            components[name] = entry | {"sha256": sha256(path)}
            if name in {"bank", "faces"} and (made := read_npz(path)[1]):
                components[name]["made"] = made
        elif name not in may_lack:
            raise DataError(f"{path} is missing; run `{entry['command']}` first")
    return {"name": directory.name, "version": VERSION, "components": components}


def try_out(directory: Path) -> None:
    """Load what is described; of weights that would have to be fetched, everything else."""
    opened = ModelDirectory.open(str(directory))
    components = opened.description["components"]
    fetched = {name for name, entry in components.items() if {"url", "revision"} & entry.keys()}
    if fetched:
        for name in components.keys() - fetched:
            opened.file(name)
    else:
        FaceToVoice.from_pretrained(str(directory))


@dataclass(frozen=True)
class AssembleSettings:
    """A model directory."""

    directory: Path = BUNDLED
    clip: str = ""  # OWNER/NAME@COMMIT, or a folder of the directory: the image encoder


@command(AssembleSettings)
def main(settings: AssembleSettings) -> None:
    directory = settings.directory.resolve()
    text = json.dumps(describe(directory, settings.clip), indent=2, ensure_ascii=False) + "\n"
    (directory / DESCRIPTION).write_text(text)
    try_out(directory)
    print(directory / DESCRIPTION)


if __name__ == "__main__":
    raise SystemExit(main())
