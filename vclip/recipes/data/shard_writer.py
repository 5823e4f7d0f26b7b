"""Writing of feature shards: threads read ahead of the encoder, processes share the shards."""

import functools
import itertools
import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from tqdm import tqdm

from vclip.errors import DataError, ImageError
from vclip.recipes.data.extraction import Decoded, Extractor
from vclip.recipes.data.shards import Shard, shard_path, skipped_in, write_shard

log = logging.getLogger(__name__)
SURE = 16  # files of a first shard that are not all broken by chance
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Worker:
    """Which of how many this one is, as torchrun and accelerate say."""

    rank: int = 0
    world: int = 1

    @classmethod
    def from_environment(cls) -> "Worker":
        """One of one without a launcher; its GPU is chosen by LOCAL_RANK."""
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
        return cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


@dataclass(frozen=True)
class MediaShards:
    """One side of a manifest: its media, cut into shards."""

    name: str
    extractor: Extractor
    media: dict[str, Path]  # by key, in the manifest's order
    shard_size: int

    @functools.cached_property
    def shards(self) -> list[list[str]]:
        """Keys of the media of each shard, in the manifest's order."""
        return list(batched(self.media, self.shard_size))

    def about(self, spec: str, weights_hash: str) -> dict[str, object]:
        """This side's part of features.json."""
        return {
            "spec": spec,
            "weights_sha256": weights_hash,
            **self.extractor.about,
            "files": len(self.media),
            "shards": len(self.shards),
        }

    def write(self, folder: Path, worker: Worker, retry: bool, threads: int) -> None:
        """Make the worker's shards that are missing or, with retry, lack some media.

        Raises DataError if nothing of the first one can be used.
        """
        paths = {
            i: shard_path(folder / self.name, i)
            for i in range(worker.rank, len(self.shards), worker.world)
        }
        left = {i: p for i, p in paths.items() if not p.is_file() or (retry and skipped_in(p))}
        total = sum(len(self.shards[i]) for i in paths)
        n_left = sum(len(self.shards[i]) for i in left)
        with tqdm(
            desc=self.name + (f", 1 of {worker.world} processes" if worker.world > 1 else ""),
            total=total,
            initial=total - n_left,
            unit=" files",
            disable=worker.rank > 0,
            mininterval=0.1 if sys.stderr.isatty() else 30,  # a log file wants fewer lines
        ) as bar:
            for i, shard in self._extracted(list(left), threads, bar):
                write_shard(left[i], shard, self.extractor.encoder.dimension)

    def _extracted(
        self, numbers: Sequence[int], threads: int, bar: Any
    ) -> Iterator[tuple[int, Shard]]:
        extractor, skipped = self.extractor, 0
        tasks = ((i, key) for i in numbers for key in self.shards[i])
        ahead = max(4 * threads, 2 * extractor.batch)
        stream = prefetch(tasks, lambda task: self._decoded(task[1]), threads, ahead)
        for i, group in itertools.groupby(stream, key=lambda made: made[0][0]):
            shard = Shard()
            for batch in batched(((key, ready) for (_, key), ready in group), extractor.batch):
                encode_batch(shard, extractor, batch)
                bar.update(len(batch))
                bar.set_postfix(skipped=skipped + len(shard.skipped), refresh=False)
            skipped += len(shard.skipped)
            if i == numbers[0] and not shard.rows and len(shard.skipped) >= SURE:
                key, reason = next(iter(shard.skipped.items()))
                told = f"none of the first {len(shard.skipped)} {self.name} can be used"
                raise DataError(f"{told}; {key}: {reason}")
            yield i, shard

    def _decoded(self, key: str) -> Decoded | str:
        """A file's input to the encoder, or why it cannot be used.

        Whatever is raised: decoders meet a million files here, and one must not end a run of hours.
        """
        try:
            return self.extractor.read(self.media[key])
        except (DataError, ImageError) as error:
            return str(error)
        except Exception as error:
            log.exception("unexpected in %s", self.media[key])
            return f"{type(error).__name__}: {error}"


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter (itertools.batched came with Python 3.12)."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def prefetch(
    items: Iterable[Item], work: Callable[[Item], Result], workers: int, ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with what work made of it, in order; threads are at most `ahead` items ahead."""
    pool = ThreadPoolExecutor(workers)
    futures = ((item, pool.submit(work, item)) for item in items)
    waiting = deque(itertools.islice(futures, ahead))
    try:
        while waiting:
            item, future = waiting.popleft()
            yield item, future.result()
            waiting.extend(itertools.islice(futures, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def encode_batch(
    shard: Shard, extractor: Extractor, batch: Sequence[tuple[str, Decoded | str]]
) -> None:
    """Encode what could be read of a batch of keys, note the rest."""
    shard.skipped.update({key: one for key, one in batch if isinstance(one, str)})
    good = [(key, one) for key, one in batch if isinstance(one, Decoded)]
    if not good:
        return
    try:
        found = extractor.encode([one for _, one in good])
    except DataError as error:
        shard.skipped.update({key: str(error) for key, _ in good})
        return
    for (key, one), rows in zip(good, found, strict=True):
        if not np.isfinite(rows).all():
            shard.skipped[key] = "its features are not numbers"
            continue
        shard.rows[key] = rows
        shard.whole += [key] if one.whole else []
