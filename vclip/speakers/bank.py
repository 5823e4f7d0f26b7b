"""The bank of known speakers, searched by cosine: exactly if small, through FAISS if large.

Both answer alike: row numbers and cosines, best first, equal cosines in the order of their rows.
What suits which size was measured once (docs/results.md, Finished experiments): IVF
finds 0.9975 of the ten nearest of a million voices in 4 ms. HNSW is faster and twice as large.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from vclip.arrays import Float32, Indices
from vclip.errors import ModelError, SpeakerError

EXACT_UP_TO = 100_000  # rows, 4 ms: nothing missed, nothing to build
RECIPE = "IVF{lists},SQ8"  # as faiss.index_factory reads it
BREADTH = 512  # lists that are searched
SAMPLE = 64  # rows a list that centres are sought with; FAISS's 256 take four times as long
SPARE = 4  # times k are taken from FAISS, whose own scores are rough, and scored exactly


class SearchIndex(Protocol):
    """A table (N, D) of unit norm that can be searched by many threads at once."""

    def search(self, query: Float32, k: int) -> tuple[Indices, Float32]:
        """Row numbers and cosines of the k nearest to query (D,), or of all N if k is more."""


def top_k(scores: Float32, k: int) -> Indices:
    """Indices of the k largest scores, best first; equal ones in their order."""
    if not 0 < k < len(scores):
        return np.argsort(-scores, kind="stable")[: max(k, 0)]
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    found = np.flatnonzero(scores >= least)  # k of them, and those equal to the last
    return found[np.argsort(-scores[found], kind="stable")[:k]]


def build_index(table: Float32) -> "ExactIndex | FaissIndex":
    """The index that suits a table (N, D) of unit norm."""
    return ExactIndex(table) if len(table) <= EXACT_UP_TO else FaissIndex.build(table)


class ExactIndex:
    """Compares the query with every row."""

    def __init__(self, table: Float32) -> None:
        self.table = table

    def search(self, query: Float32, k: int) -> tuple[Indices, Float32]:
        """See SearchIndex."""
        scores = self.table @ query  # (N, D) @ (D,) -> (N,)
        rows = top_k(scores, k)
        return rows, scores[rows]


class FaissIndex:
    """FAISS names likely rows, which are then scored exactly.

    So what is said of a row is true whichever index found it; a row may be missed. Built by one
    thread, since FAISS builds another index of the same rows when several share the work.
    """

    def __init__(self, table: Float32, inner: Any, breadth: int = BREADTH) -> None:
        self.table, self.inner = table, inner
        self._parameters = _faiss().SearchParametersIVF(nprobe=breadth)  # handed over at searches

    @classmethod
    def build(cls, table: Float32, recipe: str = RECIPE, breadth: int = BREADTH) -> "FaissIndex":
        """Index a table (N, D); the same rows give the same index."""
        faiss = _faiss()
        lists = min(4 * round(len(table) ** 0.5), max(1, len(table) // 39))  # FAISS wants 39 a list
        inner = faiss.index_factory(
            table.shape[1], recipe.format(lists=lists), faiss.METRIC_INNER_PRODUCT
        )
        if hasattr(inner, "cp"):
            inner.cp.max_points_per_centroid = SAMPLE
        inner.train(table)
        inner.add(table)
        return cls(table, inner, breadth)

    def save(self, path: Path) -> None:
        """Write what FAISS built, without the table."""
        _faiss().write_index(self.inner, str(path))

    @classmethod
    def load(cls, path: Path, table: Float32, breadth: int = BREADTH) -> "FaissIndex":
        """Load an index for the table that it was built of. Raises ModelError."""
        try:
            inner = _faiss().read_index(str(path))
        except RuntimeError as error:
            raise ModelError(f"{path} is no index of FAISS; delete it, it is made anew") from error
        if (inner.ntotal, inner.d) != table.shape:
            raise ModelError(f"{path} is an index of other rows; delete it, it is made anew")
        return cls(table, inner, breadth)

    def search(self, query: Float32, k: int) -> tuple[Indices, Float32]:
        """See SearchIndex; of the k nearest, FAISS may miss some."""
        wanted = min(max(SPARE * k, 1), len(self.table))
        asked = np.ascontiguousarray(query[None], dtype=np.float32)
        _, found = self.inner.search(asked, wanted, params=self._parameters)  # (1, wanted)
        rows = np.sort(found[0][found[0] >= 0])  # -1 where the lists held fewer
        if len(rows) < min(k, len(self.table)):
            return ExactIndex(self.table).search(query, k)
        scores = self.table[rows] @ query
        best = top_k(scores, k)
        return rows[best], scores[best]


def _faiss() -> Any:
    """FAISS, imported only where a large table needs it, with this thread's work in one thread."""
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss


@dataclass(frozen=True)
class SearchHit:
    """A speaker that was found; score is the cosine with the query."""

    index: int
    speaker_id: str
    score: float


class SpeakerBank:
    """Speaker ids with their voice_emb (N, D), unit norm.

    index: what searches voice_emb; by default what suits its size, which is built at once.
    """

    def __init__(
        self, speaker_ids: Sequence[str], voice_emb: Float32, index: SearchIndex | None = None
    ) -> None:
        if len(speaker_ids) != len(voice_emb) or len(set(speaker_ids)) != len(speaker_ids):
            raise ValueError(f"{len(speaker_ids)} ids for {len(voice_emb)} voices, or ids twice")
        norms = np.sqrt(np.einsum("nd,nd->n", voice_emb, voice_emb))  # no copy of a large table
        if not np.allclose(norms, 1, atol=1e-4):
            raise ValueError("voice_emb must have unit norm")
        self.speaker_ids = list(speaker_ids)
        self.voice_emb = voice_emb
        self._index = index or build_index(voice_emb)
        self._rows = {speaker_id: i for i, speaker_id in enumerate(speaker_ids)}

    def __len__(self) -> int:
        return len(self.speaker_ids)

    def index(self, speaker_id: str) -> int:
        """Row of a speaker. Raises SpeakerError."""
        if speaker_id not in self._rows:
            some = ", ".join(self.speaker_ids[:3])
            raise SpeakerError(f"there is no speaker {speaker_id!r}; the bank has {some}, …")
        return self._rows[speaker_id]

    def search(self, image_emb: Float32, k: int) -> list[SearchHit]:
        """The k nearest to image_emb (D,), best first; all of them if k exceeds the bank."""
        rows, scores = self._index.search(image_emb, k)
        found = zip(rows.tolist(), scores.tolist(), strict=True)
        return [SearchHit(row, self.speaker_ids[row], score) for row, score in found]
