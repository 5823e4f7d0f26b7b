"""Assignment of voices to faces for each arm of a recipe; foils are drawn at random by the seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import linear_sum_assignment

from vclip.errors import ImageError, StudyError
from vclip.listening.stimuli.recipe import MADE, Arm, StudyRecipe


class VoiceModel(Protocol):
    """What a build asks of `vclip.pipeline.FaceToVoice`, which says what each is."""

    bank: Any
    sample_rate: int

    @property
    def weights(self) -> dict[str, str]: ...
    def look(self, photo: bytes) -> Any: ...
    def candidates(self, seen: Any, k: int, source: Any, seed: int) -> list[Any]: ...
    def candidate(self, speaker_id: str) -> Any: ...
    def recite(self, text: str, candidate: Any, seed: int) -> Any: ...


@dataclass(frozen=True)
class VoiceRef:
    """A voice of a model directory, by id."""

    model: str
    speaker: str


Ranked = dict[tuple[str, str], VoiceRef]
"""By arm and face."""


def rank(
    recipe: StudyRecipe, models: Mapping[str, VoiceModel], faces: Mapping[str, bytes]
) -> Ranked:
    """The voice of each arm for each face; recordings have none. Raises StudyError, VclipError."""
    seen = {(m, f): _look(models[m], f, data) for m in models for f, data in faces.items()}
    ranked: Ranked = {}
    for n, arm in enumerate(recipe.arms):
        rng = np.random.default_rng([recipe.seed, n])
        if arm.of is not None:
            own = {face: ranked[arm.of, face] for face in faces if (arm.of, face) in ranked}
            own = shuffle(arm.id, own, rng) if arm.voice == "shuffled" else own
            ranked |= {(arm.id, face): voice for face, voice in own.items()}
        elif arm.voice != "recording":
            for face in faces:
                had = {voice.speaker for (_, other), voice in ranked.items() if other == face}
                place = models[arm.model], seen[arm.model, face]
                speaker = _speaker(arm, recipe.seed, *place, had, rng)
                ranked[arm.id, face] = VoiceRef(arm.model, speaker)
    return ranked


def _look(model: VoiceModel, face: str, data: bytes) -> Any:
    try:
        return model.look(data)
    except ImageError as error:
        raise StudyError(f"{face}: {error}") from error


def shuffle(arm: str, own: Mapping[str, VoiceRef], rng: np.random.Generator) -> dict[str, VoiceRef]:
    """Each face gets another face's voice, never one that is its own too; each is given once.

    So the foils are the same voices as the voices that fit, for other faces. Raises StudyError.
    """
    faces = list(own)
    if not faces:
        raise StudyError(f"arms.{arm}.of: recordings cannot be shuffled")
    same = np.array([[own[one] == own[other] for other in faces] for one in faces])
    _, given = linear_sum_assignment(rng.random(same.shape) + len(faces) * same)
    if any(same[i, j] for i, j in enumerate(given)):
        raise StudyError(
            f"arms.{arm}: too many of the {len(faces)} faces have the same voice for each to get "
            "another's; add faces, or take another rank"
        )
    return {face: own[faces[j]] for face, j in zip(faces, given, strict=True)}


def _speaker(
    arm: Arm, seed: int, model: VoiceModel, seen: Any, had: set[str], rng: np.random.Generator
) -> str:
    """The id of the voice that an arm has for a face."""
    if arm.voice in MADE:
        found = model.candidates(seen, k=arm.rank, source=arm.voice, seed=seed)
        if len(found) < arm.rank:
            raise StudyError(f"arms.{arm.id}.rank: {arm.model} has only {len(found)} voices")
        return str(found[-1].speaker_id)
    if arm.voice == "fixed":
        return str(model.candidate(arm.speaker or "").speaker_id)
    names: Sequence[str] = [name for name in model.bank.speaker_ids if name not in had]
    if not names:
        raise StudyError(f"arms.{arm.id}: {arm.model} has no voice that the face has not yet")
    return str(rng.choice(names))
