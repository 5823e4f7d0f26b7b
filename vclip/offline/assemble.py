"""Describe a model directory: `python -m vclip.offline.assemble` writes its vclip.json.

Names every component with file, SHA-256, licence, and the command and data that made it, and
refuses a directory whose parts do not fit together by loading it once.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from vclip.errors import DataError, reported
from vclip.pipeline import FaceToVoice
from vclip.weights import BUNDLED, DESCRIPTION, VERSION, sha256

VOICES = (
    "VCTK (CC BY 4.0), CMU Arctic, HiFi-TTS (CC BY 4.0), M-AILABS and LJ Speech voices as spoken "
    "by Mimic 3 (CC BY-SA 4.0) and coqui (MIT); flite's CMU voices"
)
COMPONENTS: dict[str, dict[str, str]] = {
    "image_encoder": {
        "file": "face_encoder.safetensors",
        "command": "python -m vclip.offline.train_face --avspeech PAIRS",
        "data": "UTKFace adults (Zhang et al. 2017); stills of AVSpeech train people, unlabelled",
        "licence": "non-commercial research only (UTKFace)",
    },
    "association": {
        "file": "association.safetensors",
        "command": "python -m vclip.offline.train",
        "data": "AVSpeech clips of the Speech2Face project, 750 people; UTKFace, LibriSpeech, VCTK",
        "licence": "research only (media of AVSpeech belong to their owners)",
    },
    "synthesizer": {
        "file": "vits.safetensors",
        "command": "python -m vclip.offline.prepare_tts, train_tts, fit_speakers",
        "data": VOICES,
        "licence": "CC BY-SA 4.0 (follows the Mimic 3 samples)",
    },
    "bank": {
        "file": "bank.npz",
        "command": "python -m vclip.offline.build_bank",
        "data": "speech of the synthesizer, encoded by Resemblyzer",
        "licence": "CC BY-SA 4.0",
    },
    "generation": {
        "file": "generation.npz",
        "command": "python -m vclip.offline.fit_generation",
        "data": "speaker table of the synthesizer",
        "licence": "CC BY-SA 4.0",
    },
    "signature": {
        "file": "signature.safetensors",
        "command": "python -m vclip.offline.distill",
        "data": "speech of the synthesizer, encoded by Resemblyzer",
        "licence": "CC BY-SA 4.0",
    },
}


def describe(directory: Path) -> dict[str, Any]:
    """The description of the files that are there. Raises DataError if one is missing."""
    components = {}
    for name, entry in COMPONENTS.items():
        path = directory / entry["file"]
        if not path.is_file():
            raise DataError(f"{path} is missing; run `{entry['command']}` first")
        components[name] = entry | {"sha256": sha256(path)}
    return {"name": directory.name, "version": VERSION, "components": components}


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m vclip.offline.assemble", description=__doc__)
    parser.add_argument("--directory", type=Path, default=BUNDLED)
    directory = parser.parse_args(argv).directory.resolve()
    text = json.dumps(describe(directory), indent=2, ensure_ascii=False) + "\n"
    (directory / DESCRIPTION).write_text(text)
    FaceToVoice.from_pretrained(str(directory))
    print(directory / DESCRIPTION)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
