"""Make the sounds of a study: `python -m vclip.listening.build RECIPE.json [-o FOLDER]`.

Voices are ranked for each face, every arm speaks every item, and what is written differs in nothing
else: silence before it, loudness (no limiter), sample rate and format are the same, and measured in
the files. Their names say nothing. manifest.json says how each file was made, and its figures.
"""

import argparse
import hashlib
import json
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vclip import audio
from vclip.arrays import Wav
from vclip.errors import DataError, OutputError, StudyError, reported
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load, parse
from vclip.listening.stimuli import files, normalization
from vclip.listening.stimuli.recipe import Arm, ItemSpec, StudyRecipe, read
from vclip.listening.stimuli.voices import Ranked, VoiceModel, rank

NAME = "python -m vclip.listening.build"
Key = tuple[str, str]  # item, arm


@dataclass(frozen=True)
class Stimuli:
    """All sounds of a study, at one sample rate in Hz and one loudness in LUFS."""

    wavs: dict[Key, Wav]
    sample_rate: int
    lufs: float


def build(
    recipe: StudyRecipe,
    base: Path,
    folder: Path,
    open_model: Callable[[str], VoiceModel],
    command: str,
) -> Study:
    """Write study.json, manifest.json, sounds and faces; the study as it was read back.

    base: where the recipe's paths begin. Raises StudyError and whatever models raise.
    """
    models = {name: open_model(name) for name in sorted({arm.model for arm in recipe.arms})}
    faces = {source.face: read_bytes(base / source.face) for source in recipe.sources}
    plan = BuildPlan(recipe, rank(recipe, models, faces), models)
    check_document(plan)
    return write(plan, speak(plan, base), faces, folder, command)


@dataclass(frozen=True)
class BuildPlan:
    """The voice of every sound of a recipe, and the models that speak."""

    recipe: StudyRecipe
    ranked: Ranked
    models: Mapping[str, VoiceModel]

    def pairs(self) -> Iterator[tuple[ItemSpec, Arm]]:
        """Every item with each of its arms."""
        pairs = product(self.recipe.sources, self.recipe.arms)
        return ((source, arm) for source, arm in pairs if self.recipe.has(arm, source))

    def of(self, source: ItemSpec, arm: Arm) -> dict[str, Any]:
        """What a study file says of it; nothing of recordings."""
        voice = self.ranked.get((arm.id, source.face))
        if voice is None:
            return {}
        made_by = {"voice": voice.speaker, "model": voice.model, "seed": self.recipe.seed}
        return made_by | {"weights": dict(self.models[voice.model].weights)}


def check_document(plan: BuildPlan) -> None:
    """Raise StudyError now if the study would be wrong, before hours of speech."""
    promised = {}
    for source, arm in plan.pairs():
        digest = hashlib.sha256(f"{source.id} {arm.id}".encode()).hexdigest()
        file = {"path": "promised", "sha256": digest}
        promised[source.id, arm.id] = file | plan.of(source, arm)
    faces = {source.face: {"path": source.face} for source in plan.recipe.sources}
    parse(json.dumps(document(plan.recipe, promised, faces)), "the recipe's study")


def document(
    recipe: StudyRecipe, sounds: Mapping[Key, dict[str, Any]], faces: Mapping[str, dict[str, str]]
) -> dict[str, Any]:
    """The study file of a recipe as JSON; sounds by item and arm, faces by their path."""
    items = []
    for source in recipe.sources:
        own = {arm: told for (item, arm), told in sounds.items() if item == source.id}
        face = faces[source.face]
        digest = {"face_sha256": face["sha256"]} if "sha256" in face else {}
        about = {"id": source.id, "text": source.text, "face": face["path"], **digest}
        items.append(about | {"stimuli": own})
    conditions = [{"id": arm.id, "label": arm.label, "kind": arm.kind} for arm in recipe.arms]
    return {**recipe.study, "conditions": conditions, "items": items}


def speak(plan: BuildPlan, base: Path) -> Stimuli:
    """All sounds, alike in everything but what is compared. Raises StudyError, DataError."""
    recipe, raw = plan.recipe, dict[Key, tuple[Wav, int]]()
    todo = [(source, arm) for source, arm in plan.pairs() if arm.voice != "mnru"]
    for source, arm in tqdm(todo, desc="speech", disable=None):
        raw[source.id, arm.id] = _say(plan, source, arm, base)
    rate = recipe.sample_rate or min(sample_rate for _, sample_rate in raw.values())
    wavs = {key: _trimmed(key, wav, own, rate) for key, (wav, own) in raw.items()}
    for n, (source, arm) in enumerate(plan.pairs()):
        if arm.voice == "mnru" and (clean := wavs.get((source.id, arm.of or ""))) is not None:
            rng = np.random.default_rng([recipe.seed, n])
            wavs[source.id, arm.id] = normalization.mnru(clean, arm.q, rng)
    matched, lufs = normalization.match(wavs, rate, recipe.lufs)
    return Stimuli(matched, rate, lufs)


def _say(plan: BuildPlan, source: ItemSpec, arm: Arm, base: Path) -> tuple[Wav, int]:
    """One sound at its own level and rate."""
    if arm.voice == "recording":
        return audio.load_wav(base / source.recordings[arm.id])
    voice = plan.ranked[arm.id, source.face]
    model = plan.models[voice.model]
    pieces = model.recite(source.text, model.candidate(voice.speaker), plan.recipe.seed)
    return np.concatenate([piece.wav for _, piece in pieces]), model.sample_rate


def _trimmed(key: Key, wav: Wav, own: int, rate: int) -> Wav:
    try:
        return normalization.trim(audio.resample(wav, own, rate), rate)
    except StudyError as error:
        raise StudyError(f"item {key[0]}, arm {key[1]}: {error}") from error


def write(
    plan: BuildPlan, made: Stimuli, faces: Mapping[str, bytes], folder: Path, command: str
) -> Study:
    """Everything into the folder; then measured, noted and read back. Raises StudyError."""
    try:
        pictures = {name: files.write_face(folder, data) for name, data in faces.items()}
        sounds, notes = {}, []
        for source, arm in plan.pairs():
            wav, kind = made.wavs[source.id, arm.id], plan.recipe.format
            file = files.write_sound(folder, wav, made.sample_rate, kind, made.lufs)
            heard = audio.load_wav(folder / file["path"])
            normalization.check(file["path"], *heard, made.sample_rate, made.lufs)
            measured, told = files.measure(*heard), plan.of(source, arm)
            figures = {name: measured[name] for name in ("lufs", "seconds")}
            sounds[source.id, arm.id] = {**file, **figures, **told}
            voice = {name: value for name, value in told.items() if name != "weights"}
            who = {"item": source.id, "condition": arm.id, "text": source.text}
            notes.append({**file, **who, **measured, **voice})
        manifest = {
            "command": command,
            "format": plan.recipe.format,
            "sample_rate": made.sample_rate,
            "lufs": round(made.lufs, 2),
            "lead": normalization.LEAD,
            "weights": {name: dict(model.weights) for name, model in plan.models.items()},
            "faces": pictures,
            "files": notes,
        }
        files.write_json(folder / "manifest.json", manifest)
        files.write_json(folder / "study.json", document(plan.recipe, sounds, pictures))
        files.tidy(folder, {f["path"] for f in [*sounds.values(), *pictures.values()]})
    except OSError as error:
        raise OutputError(f"cannot write into {folder}: {error.strerror or error}") from error
    return load(folder / "study.json")


def read_bytes(path: Path) -> bytes:
    """Content of a picture. Raises DataError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read the face {path}: {error.strerror}") from error


def _open(name: str) -> VoiceModel:
    from vclip import runtime  # listening itself knows no model
    from vclip.pipeline import FaceToVoice

    runtime.limit_threads()
    return FaceToVoice.from_pretrained(name)


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog=NAME, description=__doc__)
    parser.add_argument("recipe", metavar="RECIPE.json", type=Path)
    parser.add_argument("-o", "--output", type=Path, help="folder; the recipe's, if left out")
    options = parser.parse_args(argv)
    command = shlex.join([*NAME.split(), *(sys.argv[1:] if argv is None else argv)])
    folder = options.output or options.recipe.parent
    recipe = read(options.recipe)
    study = build(recipe, options.recipe.parent, folder, _open, command)
    loud = [s.lufs or 0.0 for item in study.items for s in item.stimuli.values()]
    print(f"{folder / 'study.json'}: {len(loud)} sounds, {min(loud):.2f} to {max(loud):.2f} LUFS")
    if max(loud) < recipe.lufs - normalization.TOLERANCE:
        print(f"{recipe.lufs} LUFS would take a limiter: the peaks of a sound made all softer")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
