"""A model directory with a CLIP and no association, in miniature."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from toy_clip import make_clip
from toy_model import make_model

from vclip.models.download import sha256

SEXES, AGES = ["F", "M", "F", "M", ""], [34, 34, 18, np.nan, np.nan]


def make_zero_shot(directory: Path, **entries: Any) -> Path:
    """toy_model's, with its speakers described; entries replace those of vclip.json."""
    make_model(directory)
    make_clip(directory / "clip")
    with np.load(directory / "bank.npz") as file:
        bank = dict(file)
    np.savez(directory / "bank.npz", **bank, sex=np.array(SEXES), age=np.array(AGES, np.float32))
    description = json.loads((directory / "vclip.json").read_text())
    parts = description["components"]
    for name in ("association", "faces"):
        (directory / parts.pop(name)["file"]).unlink()
    parts["image_encoder"] = {"clip": "clip", "licence": "none"}
    parts["bank"]["sha256"] = sha256(directory / "bank.npz")
    (directory / "vclip.json").write_text(json.dumps(description | {"components": parts | entries}))
    return directory
