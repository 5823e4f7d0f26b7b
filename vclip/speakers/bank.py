"""The bank: known speakers, found by the nearness of their voices."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vclip.arrays import Float32
from vclip.errors import SpeakerError
from vclip.speakers.index import Index, build


@dataclass(frozen=True)
class Hit:
    """A speaker that was found; score is the cosine with the query."""

    index: int
    speaker_id: str
    score: float


class SpeakerBank:
    """Speaker ids with their voice_emb (N, D), unit norm.

    index: what searches voice_emb; by default what suits its size, which is built at once.
    """

    def __init__(
        self, speaker_ids: Sequence[str], voice_emb: Float32, index: Index | None = None
    ) -> None:
        if len(speaker_ids) != len(voice_emb) or len(set(speaker_ids)) != len(speaker_ids):
            raise ValueError(f"{len(speaker_ids)} ids for {len(voice_emb)} voices, or ids twice")
        norms = np.sqrt(np.einsum("nd,nd->n", voice_emb, voice_emb))  # no copy of a large table
        if not np.allclose(norms, 1, atol=1e-4):
            raise ValueError("voice_emb must have unit norm")
        self.speaker_ids = list(speaker_ids)
        self.voice_emb = voice_emb
        self._index = index or build(voice_emb)
        self._rows = {speaker_id: i for i, speaker_id in enumerate(speaker_ids)}

    def __len__(self) -> int:
        return len(self.speaker_ids)

    def index(self, speaker_id: str) -> int:
        """Row of a speaker. Raises SpeakerError."""
        if speaker_id not in self._rows:
            some = ", ".join(self.speaker_ids[:3])
            raise SpeakerError(f"there is no speaker {speaker_id!r}; the bank has {some}, …")
        return self._rows[speaker_id]

    def search(self, image_emb: Float32, k: int) -> list[Hit]:
        """The k nearest to image_emb (D,), best first; all of them if k exceeds the bank."""
        rows, scores = self._index.search(image_emb, k)
        found = zip(rows.tolist(), scores.tolist(), strict=True)
        return [Hit(row, self.speaker_ids[row], score) for row, score in found]
