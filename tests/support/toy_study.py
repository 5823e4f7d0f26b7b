"""Studies of nothing, for tests of everything that works with a study."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from vclip import audio
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import parse

RATE = 8000


def fields(
    n_items: int = 6, conditions: str = "abc", types: str = "acr_fit", **design: Any
) -> dict[str, Any]:
    """A study file: items i0, i1 … with a face each, one question of each type (by spaces)."""
    return {
        "study": "toy",
        "title": "A toy",
        "consent": "Do you agree?",
        "contact": "nobody@example.org",
        "conditions": [{"id": name, "label": f"System {name}"} for name in conditions],
        "items": [item(n, conditions) for n in range(n_items)],
        "questions": [question(kind, conditions) for kind in types.split()],
        "design": {"trials_per_rater": 6, **design},
    }


def item(n: int, conditions: str) -> dict[str, Any]:
    return {
        "id": f"i{n}",
        "text": "A text.",
        "face": f"face_{n}.png",
        "stimuli": {c: {"path": f"{n}{c}.wav", "sha256": digest(f"{n}{c}")} for c in conditions},
    }


def question(kind: str, conditions: str) -> dict[str, Any]:
    more = {"target": conditions[0], "k": 3} if kind == "afc" else {}
    return {"id": kind, "type": kind, "prompt": "Well?", **more}


def digest(data: str | bytes) -> str:
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).hexdigest()


def study(
    n_items: int = 6, conditions: str = "abc", types: str = "acr_fit", **design: Any
) -> Study:
    """The same, read; its files do not exist."""
    return parse(json.dumps(fields(n_items, conditions, types, **design)))


def written(folder: Path, asked: dict[str, Any], seconds: float = 0.3) -> Path:
    """The study file, with all its sounds and faces beside it."""
    for n, one in enumerate(asked["items"]):
        for i, stimulus in enumerate(one["stimuli"].values()):
            tone = np.sin(np.arange(round(seconds * RATE)) * (0.1 + 0.01 * (7 * n + i)))
            audio.save(folder / stimulus["path"], (0.1 * tone).astype(np.float32), RATE)
            stimulus |= {"seconds": seconds}
            stimulus["sha256"] = digest((folder / stimulus["path"]).read_bytes())
        (folder / one["face"]).write_bytes(f"a picture of {n}".encode())
        one["face_sha256"] = digest((folder / one["face"]).read_bytes())
    path = folder / "study.json"
    path.write_text(json.dumps(asked))
    return path
