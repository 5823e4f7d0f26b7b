"""Explanations: how well a voice fits a face, how well it fits others, and what it resembles.

A score alone says little: a voice may fit everybody. How many other faces it fits worse, which
voices of the bank it resembles, and what a face of somebody else would have got say more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vclip.arrays import Float32
from vclip.errors import InputError, ModelError
from vclip.speakers.bank import SpeakerBank
from vclip.speakers.candidates import Candidate

N_NEIGHBOURS = 3


@dataclass(frozen=True)
class Explanation:
    """Fit of a voice to a face, its percentile over other faces, and the nearest voices.

    score is their cosine; percentile the share, 0 to 1, of n_faces other faces that this voice
    fits worse (None without such faces); neighbours the most similar voices of the bank, itself
    excluded, with their cosines.
    """

    score: float
    percentile: float | None
    n_faces: int
    neighbours: list[tuple[str, float]]


@dataclass(frozen=True)
class ShuffledControl:
    """A control: candidates ranked for somebody else's face, and how they fit the shown one.

    n_shared of them are among those offered for the shown face.
    """

    candidates: list[Candidate]
    scores_here: list[float]
    n_shared: int


def explain(
    candidate: Candidate, image_emb: Float32, faces: Float32, bank: SpeakerBank
) -> Explanation:
    """A voice beside image_emb (D,) and the other faces (N, D)."""
    score = float(candidate.voice_emb @ image_emb)
    return Explanation(
        score=score,
        percentile=percentile(score, faces @ candidate.voice_emb) if len(faces) else None,
        n_faces=len(faces),
        neighbours=neighbours(candidate, bank),
    )


def percentile(score: float, others: Float32) -> float:
    """The share of the others' scores (N,) that lie below."""
    return float(np.mean(others < score))


def neighbours(candidate: Candidate, bank: SpeakerBank) -> list[tuple[str, float]]:
    """The bank's voices nearest to a voice and their cosines, itself excluded."""
    hits = bank.search(candidate.voice_emb, N_NEIGHBOURS + 1)
    found = [(hit.speaker_id, hit.score) for hit in hits if hit.speaker_id != candidate.speaker_id]
    return found[:N_NEIGHBOURS]


def shuffled_control(
    offered: Sequence[Candidate], other: list[Candidate], image_emb: Float32
) -> ShuffledControl:
    """Compare candidates of another face with those offered for image_emb (D,)."""
    ids = {candidate.speaker_id for candidate in offered}
    scores = [float(candidate.voice_emb @ image_emb) for candidate in other]
    return ShuffledControl(other, scores, sum(candidate.speaker_id in ids for candidate in other))


def check_reference_face(index: int, n_faces: int) -> None:
    """Raise ModelError without reference faces, InputError for one that is not there."""
    if not n_faces:
        raise ModelError(
            "this model has no reference faces; "
            "run `python -m vclip.recipes.generation.reference_faces`"
        )
    if not 0 <= index < n_faces:
        raise InputError(f"there is no reference face {index}; the model has {n_faces}, from 0")
