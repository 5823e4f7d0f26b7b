"""Writing of feature shards: threads read ahead of the encoder, processes share the shards."""

import itertools
import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

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

    @property
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

    def missing(self, folder: Path, worker: Worker, retry: bool) -> list[int]:
        """Numbers of the shards that this process has yet to make."""
        mine = range(worker.rank, len(self.shards), worker.world)
        return [i for i in mine if not _done(shard_path(folder / self.name, i), retry)]


def _done(path: Path, retry: bool) -> bool:
    return path.is_file() and not (retry and skipped_in(path))


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter (itertools.batched came with Python 3.12)."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def write_shards(
    part: MediaShards, folder: Path, numbers: Sequence[int], workers: int, bar: Any
) -> None:
    """Make these shards. Raises DataError if nothing of the first one can be used."""
    shards, extractor = part.shards, part.extractor
    tasks = ((i, key) for i in numbers for key in shards[i])
    stream = prefetch(
        tasks,
        lambda task: decode_or_reason(extractor, part.media[task[1]]),
        workers,
        ahead=max(4 * workers, 2 * extractor.batch),
    )
    skipped = 0
    for i, group in itertools.groupby(stream, key=lambda made: made[0][0]):
        shard = Shard()
        for batch in batched(((key, ready) for (_, key), ready in group), extractor.batch):
            encode_batch(shard, extractor, batch)
            bar.update(len(batch))
            bar.set_postfix(skipped=skipped + len(shard.skipped), refresh=False)
        skipped += len(shard.skipped)
        if i == numbers[0] and not shard.rows and len(shards[i]) >= SURE:
            key, reason = next(iter(shard.skipped.items()))
            raise DataError(
                f"none of the first {len(shards[i])} {part.name} can be used; {key}: {reason}"
            )
        dimension = int(str(extractor.about["dimension"]))
        write_shard(shard_path(folder / part.name, i), shard, dimension)


def prefetch(
    items: Iterable[Item], work: Callable[[Item], Result], workers: int, ahead: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with what work made of it, in order; threads are at most `ahead` items ahead."""
    pool, waiting = ThreadPoolExecutor(workers), deque[tuple[Item, Future[Result]]]()
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) >= ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        for first, future in waiting:
            yield first, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def decode_or_reason(extractor: Extractor, path: Path) -> Decoded | str:
    """A file's input to the encoder, or why it cannot be used.

    Whatever is raised: decoders meet a million files here, and one must not end a run of hours.
    """
    try:
        return extractor.read(path)
    except (DataError, ImageError) as error:
        return str(error)
    except Exception as error:
        log.exception("unexpected in %s", path)
        return f"{type(error).__name__}: {error}"


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
