"""The bank: known speakers, found by the nearness of their voices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vclip.errors import SpeakerError

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Hit:
    """A speaker that was found; score is the cosine with the query."""

    index: int
    speaker_id: str
    score: float


class SpeakerBank:
    """Speaker ids with their voice_emb (N, D), unit norm; exact search."""

    def __init__(self, speaker_ids: Sequence[str], voice_emb: Array) -> None:
        if len(speaker_ids) != len(voice_emb) or len(set(speaker_ids)) != len(speaker_ids):
            raise ValueError(f"{len(speaker_ids)} ids for {len(voice_emb)} voices, or ids twice")
        if not np.allclose(np.linalg.norm(voice_emb, axis=1), 1, atol=1e-4):
            raise ValueError("voice_emb must have unit norm")
        self.speaker_ids = list(speaker_ids)
        self.voice_emb = voice_emb
        self._index = {speaker_id: i for i, speaker_id in enumerate(speaker_ids)}

    def __len__(self) -> int:
        return len(self.speaker_ids)

    def index(self, speaker_id: str) -> int:
        """Row of a speaker. Raises SpeakerError."""
        if speaker_id not in self._index:
            some = ", ".join(self.speaker_ids[:3])
            raise SpeakerError(f"there is no speaker {speaker_id!r}; the bank has {some}, …")
        return self._index[speaker_id]

    def search(self, image_emb: Array, k: int) -> list[Hit]:
        """The k nearest to image_emb (D,), best first; all of them if k exceeds the bank."""
        scores = self.voice_emb @ image_emb  # (N, D) @ (D,) -> (N,)
        return [Hit(int(i), self.speaker_ids[i], float(scores[i])) for i in top(scores, k)]


def top(scores: Array, k: int) -> npt.NDArray[np.intp]:
    """Indices of the k largest scores, best first; equal ones in their order."""
    return np.argsort(-scores, kind="stable")[:k]
