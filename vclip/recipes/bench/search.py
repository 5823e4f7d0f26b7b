"""Search in banks of 10² to 10⁶ voices: `python -m vclip.recipes.bench.search`.

Compares exact search with indexes of FAISS: recall@10 against exact search, median latency of one
query, memory and time to build. `vclip.speakers.bank` takes its switch-over and its index from
this.

--data voices: banks of the model's own generated voices, searched with its reference faces, so
crowding and the gap between the two sides are those of the app. clustered: points around N / 100
centres on the sphere, searched with points of the same kind. uniform: points anywhere on it, the
worst there is. Each figure is of a process that did nothing else, on one thread:
index_mb     bytes of the saved index, without the table
rss_mb       memory of a process that holds table and index and has answered the queries
build_s      seconds to build (exact search builds nothing)
ms           median milliseconds of one query for 10 voices
Both are times of the processor, which a machine that others use does not lengthen.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32, Floating, Indices
from vclip.errors import InputError
from vclip.recipes.bench import timing
from vclip.recipes.options import command
from vclip.speakers.bank import ExactIndex, FaissIndex, SearchIndex

K = 10
DIMENSION = 256  # of the two kinds that are made up
LISTS, GRAPH = (16, 32, 64, 128, 256, 512), (32, 64, 128, 256, 512)
Data = Literal["voices", "clustered", "uniform"]
Method = Literal["exact", "ivf", "ivf-sq8", "hnsw", "hnsw-sq8"]
METHODS: dict[Method, tuple[str, tuple[int, ...]]] = {  # recipe of FAISS, breadths of search
    "exact": ("", (0,)),
    "ivf": ("IVF{lists},Flat", LISTS),
    "ivf-sq8": ("IVF{lists},SQ8", LISTS),
    "hnsw": ("HNSW32,Flat", GRAPH),
    "hnsw-sq8": ("HNSW32,SQ8", GRAPH),
}


@dataclass(frozen=True)
class SearchBenchSettings:
    """Searches that are measured."""

    sizes: tuple[int, ...] = (100, 1_000, 10_000, 100_000, 1_000_000)
    data: tuple[Data, ...] = ("voices",)
    methods: tuple[Method, ...] = tuple(METHODS)
    queries: int = 200
    model: str = "bundled"  # whose voices and faces
    seed: int = 0  # of the data that are made up
    folder: Path | None = None  # for temporary files, 2 GB at 10⁶
    json: bool = False  # one object a line


@dataclass(frozen=True)
class VectorFiles:
    """A table (N, D) and queries (Q, D) as files, of which processes take the first n rows."""

    folder: Path
    dimension: int

    def table(self, n: int) -> Float32:
        """The first n rows, read, not mapped: mapped pages would not be told from the index."""
        file = self.folder / "table.f32"
        return np.fromfile(file, np.float32, n * self.dimension).reshape(n, self.dimension)

    def queries(self) -> Float32:
        """All of them."""
        return np.fromfile(self.folder / "queries.f32", np.float32).reshape(-1, self.dimension)

    def truth(self, n: int) -> Indices:
        """What exact search finds for each query in the first n rows (Q, K), searched once."""
        file = self.folder / f"truth-{n}.npy"
        if not file.exists():
            exact = ExactIndex(self.table(n))
            np.save(file, np.stack([exact.search(query, K)[0] for query in self.queries()]))
        return np.asarray(np.load(file))


def unit(rows: Floating) -> Float32:
    """Rows (N, D) of unit norm."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def voices(model: str, n: int, n_queries: int) -> Iterator[Float32]:
    """Reference faces, then generated voices, a seed's at a time."""
    from vclip.pipeline import FaceToVoice  # torch, which measuring processes do without

    loaded = FaceToVoice.from_pretrained(model)
    if not loaded.n_faces:
        raise InputError(f"the model {model} has no reference faces; use --data clustered")
    yield loaded.reference_faces[:n_queries]
    seed, made = 0, 0
    while made < n:
        rows = loaded.sampled_voice_emb(seed)
        yield rows
        seed, made = seed + 1, made + len(rows)


def made_up(n: int, n_queries: int, seed: int, clustered: bool) -> Iterator[Float32]:
    """The queries, then n rows in parts that fit into memory: points anywhere on the sphere.

    Clustered ones lie around centres; the spread makes neighbours of one centre as alike as voices.
    """
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(max(1, n // 100), DIMENSION))) if clustered else None
    for size in [n_queries] + [min(10_000, n - i) for i in range(0, n, 10_000)]:
        points = rng.normal(size=(size, DIMENSION))
        if centres is not None:
            near = centres[rng.integers(len(centres), size=size)]
            points = near + points * 0.7 / DIMENSION**0.5
        yield unit(points)


def make(folder: Path, settings: SearchBenchSettings, data: Data) -> VectorFiles:
    """Write the files of a bank of the largest size."""
    n, n_queries = max(settings.sizes), settings.queries
    if data == "voices":
        parts = voices(settings.model, n, n_queries)
    else:
        parts = made_up(n, n_queries, settings.seed, data == "clustered")
    queries = next(parts)
    queries.tofile(folder / "queries.f32")
    with (folder / "table.f32").open("wb") as file:
        for rows in tqdm(parts, desc=f"{data}, parts of the table"):
            rows.tofile(file)
    return VectorFiles(folder, queries.shape[1])


def build(files: VectorFiles, n: int, recipe: str, path: Path) -> tuple[float, float]:
    """Seconds to build an index of n rows, and its MB as a file."""
    table = files.table(n)
    taken = timing.seconds(lambda: FaissIndex.build(table, recipe).save(path), time.process_time)
    return taken, path.stat().st_size / 1e6


def search(files: VectorFiles, n: int, path: Path | None, breadth: int) -> dict[str, float]:
    """Recall, latency and memory of one index, or of exact search if there is none."""
    table, queries = files.table(n), files.queries()
    tried: SearchIndex = ExactIndex(table)
    if path is not None:
        tried = FaissIndex.load(path, table, breadth)
    found = [tried.search(query, K)[0] for query in queries]
    taken = timing.median(lambda i: tried.search(queries[i], K), len(queries), time.thread_time)
    memory = rss_mb()
    shared = map(np.isin, found, files.truth(n))
    return {"recall": float(np.mean(list(shared))), "ms": 1000 * taken, "rss_mb": memory}


def rss_mb() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function in a new process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(settings: SearchBenchSettings) -> Iterator[dict[str, Any]]:
    """One row for every kind of data, size, method and breadth of search."""
    for data in settings.data:
        with tempfile.TemporaryDirectory(dir=settings.folder) as folder:
            files = make(Path(folder), settings, data)
            for n in settings.sizes:
                for method in settings.methods:
                    for found in measure_method(files, n, *METHODS[method]):
                        yield {"data": data, "n": n, "method": method} | found


def measure_method(
    files: VectorFiles, n: int, recipe: str, breadths: tuple[int, ...]
) -> Iterator[dict[str, float]]:
    """One method at one size, at each of its breadths."""
    path = files.folder / "index.faiss" if recipe else None
    build_s, index_mb = alone(build, files, n, recipe, path) if path else (0.0, 0.0)
    for breadth in breadths:
        found = alone(search, files, n, path, breadth)
        yield {"breadth": breadth} | found | {"index_mb": index_mb, "build_s": build_s}


@command(SearchBenchSettings)
def main(settings: SearchBenchSettings) -> None:
    if min(settings.sizes) < 1 or settings.queries < 1:
        raise InputError("sizes and queries must be at least 1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that measure
    timing.show(measure(settings), settings.json)


if __name__ == "__main__":
    raise SystemExit(main())
