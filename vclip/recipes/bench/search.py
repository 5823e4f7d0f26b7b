"""How well voices are found in banks of 10² to 10⁶: `python -m vclip.recipes.bench.search`.

Compares exact search with indexes of FAISS: recall@10 against exact search, median latency of one
query, memory and time to build. `vclip.speakers.index` takes its switch-over and its index from
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

import argparse
import functools
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32, Floating, Indices
from vclip.errors import InputError, reported
from vclip.speakers import index

K = 10
DIMENSION = 256  # of the two kinds that are made up
SIZES = (100, 1_000, 10_000, 100_000, 1_000_000)
LISTS, GRAPH = (16, 32, 64, 128, 256, 512), (32, 64, 128, 256, 512)
METHODS: dict[str, tuple[str, tuple[int, ...]]] = {  # recipe of FAISS, breadths of search
    "exact": ("", (0,)),
    "ivf": ("IVF{lists},Flat", LISTS),
    "ivf-sq8": ("IVF{lists},SQ8", LISTS),
    "hnsw": ("HNSW32,Flat", GRAPH),
    "hnsw-sq8": ("HNSW32,SQ8", GRAPH),
}


@dataclass(frozen=True)
class SearchFigures:
    """One line of the table."""

    data: str
    n: int
    method: str
    breadth: int
    recall: float
    ms: float
    index_mb: float
    rss_mb: float
    build_s: float


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
            exact = index.Exact(self.table(n))
            np.save(file, np.stack([exact.search(query, K)[0] for query in self.queries()]))
        return np.asarray(np.load(file))


def unit(rows: Floating) -> Float32:
    """Rows (N, D) of unit norm."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def voices(model: str, n: int, n_queries: int, _: np.random.Generator) -> Iterator[Float32]:
    """Reference faces, then generated voices, a seed's at a time."""
    from vclip.pipeline import FaceToVoice  # torch, which measuring processes do without

    loaded = FaceToVoice.from_pretrained(model)
    if not loaded.n_faces:
        raise InputError(f"the model {model} has no reference faces; use --data clustered")
    yield loaded.reference_faces[:n_queries]
    seed, made = 0, 0
    while made < n:
        rows = loaded.cloud(seed)
        yield rows
        seed, made = seed + 1, made + len(rows)


def clustered(_: str, n: int, n_queries: int, rng: np.random.Generator) -> Iterator[Float32]:
    """Points around centres; the spread makes neighbours of one centre as alike as voices are."""
    centres = unit(rng.normal(size=(max(1, n // 100), DIMENSION)))
    for size in pieces(n, n_queries):
        noise = rng.normal(size=(size, DIMENSION)) * 0.7 / DIMENSION**0.5
        yield unit(centres[rng.integers(len(centres), size=size)] + noise)


def uniform(_: str, n: int, n_queries: int, rng: np.random.Generator) -> Iterator[Float32]:
    """Points anywhere."""
    for size in pieces(n, n_queries):
        yield unit(rng.normal(size=(size, DIMENSION)))


def pieces(n: int, n_queries: int) -> list[int]:
    """The queries, then n rows in parts that fit into memory."""
    return [n_queries] + [min(10_000, n - i) for i in range(0, n, 10_000)]


DATA: dict[str, Callable[[str, int, int, np.random.Generator], Iterator[Float32]]] = {
    "voices": voices,
    "clustered": clustered,
    "uniform": uniform,
}


def make(folder: Path, options: argparse.Namespace, data: str) -> VectorFiles:
    """Write the files of a bank of the largest size."""
    parts = DATA[data](
        options.model, max(options.sizes), options.queries, np.random.default_rng(options.seed)
    )
    queries = next(parts)
    queries.tofile(folder / "queries.f32")
    with (folder / "table.f32").open("wb") as file:
        for rows in tqdm(parts, desc=f"{data}, parts of the table"):
            rows.tofile(file)
    return VectorFiles(folder, queries.shape[1])


def build(bank: VectorFiles, n: int, recipe: str, path: Path) -> tuple[float, float]:
    """Seconds to build an index of n rows, and its MB as a file."""
    table = bank.table(n)
    begun = time.process_time()
    index.Approximate.build(table, recipe).save(path)
    return time.process_time() - begun, path.stat().st_size / 1e6


def search(bank: VectorFiles, n: int, path: Path | None, breadth: int) -> dict[str, float]:
    """Recall, latency and memory of one index, or of exact search if there is none."""
    table, queries = bank.table(n), bank.queries()
    tried: index.Index = index.Exact(table)
    if path is not None:
        tried = index.Approximate.load(path, table, breadth)
    found = [tried.search(query, K)[0] for query in queries]
    ms = 1e3 * statistics.median(seconds(tried, query) for query in queries)
    memory = rss_mb()
    shared = map(np.isin, found, bank.truth(n))
    return {"recall": float(np.mean(list(shared))), "ms": ms, "rss_mb": memory}


def seconds(tried: index.Index, query: Float32) -> float:
    """Processor time of a search."""
    begun = time.thread_time()
    tried.search(query, K)
    return time.thread_time() - begun


def rss_mb() -> float:
    """Resident memory of this process (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a function in a new process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def measure(bank: VectorFiles, data: str, n: int, method: str) -> Iterator[SearchFigures]:
    """One method at one size, at each of its breadths."""
    recipe, breadths = METHODS[method]
    path = bank.folder / "index.faiss" if recipe else None
    build_s, index_mb = alone(build, bank, n, recipe, path) if path else (0.0, 0.0)
    for breadth in breadths:
        told = alone(search, bank, n, path, breadth)
        yield SearchFigures(data, n, method, breadth, index_mb=index_mb, build_s=build_s, **told)


def run(options: argparse.Namespace) -> Iterator[SearchFigures]:
    """Every kind of data, size and method."""
    for data in options.data:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            bank = make(Path(folder), options, data)
            for n in options.sizes:
                for method in options.methods:
                    yield from measure(bank, data, n, method)


def line(figures: SearchFigures) -> str:
    """For people."""
    return (
        "{data:9s} {n:8d}  {method:8s} {breadth:4d}  {recall:6.3f} {ms:9.3f} {index_mb:9.1f} "
        "{rss_mb:8.0f} {build_s:8.1f}".format(**asdict(figures))
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.bench.search",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    options.add_argument("--data", nargs="+", default=["voices"], choices=list(DATA))
    options.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    options.add_argument("--queries", type=int, default=200)
    options.add_argument("--model", default="bundled", help="whose voices and faces")
    options.add_argument("--seed", type=int, default=0, help="of the data that are made up")
    options.add_argument("--folder", type=Path, help="for temporary files, 2 GB at 10⁶")
    options.add_argument("--json", action="store_true", help="one object a line")
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    options = parser().parse_args(argv)
    if min(options.sizes) < 1 or options.queries < 1:
        raise InputError("sizes and queries must be at least 1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the processes that measure
    tell: Callable[[SearchFigures], str] = (
        (lambda f: json.dumps(asdict(f))) if options.json else line
    )
    if not options.json:
        print("data             n  method   breadth recall       ms  index_mb   rss_mb  build_s")
    show = functools.partial(print, flush=True)
    for figures in run(options):
        show(tell(figures))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
