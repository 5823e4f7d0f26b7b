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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vclip.errors import DataError, reported
from vclip.models.clip_folder import OPENAI_CLIP, PINNED_CLIP, clip_hash
from vclip.models.directory import BUNDLED, DESCRIPTION, VERSION, ModelDirectory
from vclip.models.download import sha256
from vclip.pipeline import FaceToVoice
from vclip.recipes.generation.npz import read_npz
from vclip.recipes.options import parse

VOICES = (
    "VCTK (CC BY 4.0), CMU Arctic, HiFi-TTS (CC BY 4.0), M-AILABS and LJ Speech voices as spoken "
    "by Mimic 3 (CC BY-SA 4.0) and coqui (MIT); voices of flite, festival and espeak-ng"
)
COMPONENTS: dict[str, dict[str, str]] = {
    "image_encoder": {
        "file": "face_encoder.safetensors",
        "command": "python -m vclip.recipes.face_encoder.train --avspeech PAIRS",
        "data": "UTKFace adults (Zhang et al. 2017); stills of AVSpeech train people, unlabelled; "
        "started from and taught by dlib's face network (Davis King, CC0)",
        "licence": "non-commercial research only (UTKFace)",
    },
    "association": {
        "file": "association.safetensors",
        "command": "python -m vclip.recipes.association.train --preset bundled",
        "data": "AVSpeech clips of the Speech2Face project, 750 people; UTKFace, LibriSpeech, VCTK",
        "licence": "research only (media of AVSpeech belong to their owners)",
    },
    "synthesizer": {
        "file": "vits.safetensors",
        "command": "python -m vclip.recipes.tts.prepare, python -m vclip.recipes.tts.train",
        "data": VOICES,
        "licence": "CC BY-SA 4.0 (follows the Mimic 3 samples)",
    },
    "bank": {
        "file": "bank.npz",
        "command": "python -m vclip.recipes.generation.build_bank",
        "data": "speech of the synthesizer, encoded by Resemblyzer",
        "licence": "CC BY-SA 4.0",
    },
    "generation": {
        "file": "generation.npz",
        "command": "python -m vclip.recipes.generation.fit_gmm",
        "data": "speaker table of the synthesizer",
        "licence": "CC BY-SA 4.0",
    },
    "signature": {
        "file": "signature.safetensors",
        "command": "python -m vclip.recipes.generation.distill",
        "data": "speech of the synthesizer, encoded by Resemblyzer",
        "licence": "CC BY-SA 4.0",
    },
    "faces": {
        "file": "faces.npz",
        "command": "python -m vclip.recipes.generation.reference_faces",
        "data": "features of UTKFace adults that the image encoder was not trained on; no pictures",
        "licence": "non-commercial research only (UTKFace)",
    },
}


def borrowed(component: str) -> dict[str, str]:
    """The entry of a component that is the bundled model's."""
    entry = {key: value for key, value in COMPONENTS[component].items() if key != "file"}
    return {"from": BUNDLED.name} | entry


VCTK_LICENCE = "CC BY 4.0 (VCTK, CSTR Edinburgh); audio MIT (T145/vctk-vits-speaker-comparison)"
VCTK: dict[str, dict[str, str]] = {
    "image_encoder": borrowed("image_encoder"),
    "association": borrowed("association"),
    "synthesizer": {
        # the address of coqui-tts 0.28's own list, TTS/.models.json, which gives no hash
        "url": "https://github.com/coqui-ai/TTS/releases/download/v0.6.1_models/"
        "tts_models--en--vctk--vits.zip",
        "folder": "tts_models--en--vctk--vits",
        "sha256": "ad753e5200614907627495b6177a08d755df1dbbde30eb6e31264caa2a3f3eaa",
        "sha256_source": "src/models/manifest.rs of github.com/dancxjo/mortar-sea, "
        "which gives 147691678 bytes; coqui publishes no hash, and no download of ours confirms it "
        "yet. Should coqui's file have another, the error names it and how to accept it",
        "command": "coqui's recipes/vctk/vits (tts_models/en/vctk/vits of coqui-tts)",
        "data": "VCTK (CC BY 4.0, CSTR Edinburgh)",
        "licence": "Apache 2.0 (coqui)",
    },
    "bank": {
        "file": "bank.npz",
        "command": "python -m vclip.recipes.generation.build_bank --directory assets/models/vctk "
        "--rename c p --recordings coqui-vctk --manifest MANIFEST",
        "data": "seven sentences of each voice, spoken by that model, encoded by Resemblyzer",
        "licence": VCTK_LICENCE,
    },
    "generation": COMPONENTS["generation"] | {"licence": VCTK_LICENCE},
    "signature": COMPONENTS["signature"] | {"licence": VCTK_LICENCE},
    "faces": borrowed("faces"),
}
CLIP = {
    "command": "published by its authors (Radford et al. 2021)",
    "data": "pictures and their captions from the web, not published",
    "licence": "MIT (OpenAI); its model card has deployment in products out of scope",
}


def clip_of(spec: str, directory: Path | None = None) -> dict[str, str]:
    """The entry of a CLIP: a folder of the directory, or OWNER/NAME@COMMIT. Raises DataError."""
    if directory and (directory / spec / "config.json").is_file():
        digest = clip_hash(directory / spec)
        return {"clip": spec, "sha256": digest, "licence": "see the model card of this CLIP"}
    if not PINNED_CLIP.fullmatch(spec):
        raise DataError(
            f"--clip {spec!r} is neither the folder of a CLIP in the directory nor pinned; write "
            "OWNER/NAME@COMMIT, 40 hex digits"
        )
    name, revision = spec.split("@")
    entry = {"clip": name, "revision": revision}
    return entry | (CLIP if spec == OPENAI_CLIP else {"licence": f"see the model card of {name}"})


ZERO_SHOT: dict[str, dict[str, str]] = {
    "image_encoder": clip_of(OPENAI_CLIP),
    **{name: borrowed(name) for name in ("synthesizer", "bank", "generation", "signature")},
}
KINDS = {"vctk": VCTK, "zero-shot": ZERO_SHOT}
OPTIONAL = {"faces"}  # without them no visitor's face is compared with others
DERIVED = {"generation", "signature"}  # of VCTK; vclip.models.fitted stands in


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
    if not fetched:
        FaceToVoice.from_pretrained(str(directory))
        return
    for name in components.keys() - fetched:
        opened.file(name)


@dataclass(frozen=True)
class AssembleSettings:
    """A model directory."""

    directory: Path = BUNDLED
    clip: str = ""  # OWNER/NAME@COMMIT, or a folder of the directory: the image encoder


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    settings = parse(AssembleSettings, argv)
    directory = settings.directory.resolve()
    text = json.dumps(describe(directory, settings.clip), indent=2, ensure_ascii=False) + "\n"
    (directory / DESCRIPTION).write_text(text)
    try_out(directory)
    print(directory / DESCRIPTION)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
