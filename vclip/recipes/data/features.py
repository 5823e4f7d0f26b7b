"""Frozen features of a manifest's faces and voices, once, as shards (paper.md §1.1, 1.2).

    python -m vclip.recipes.data.features --pairs CSV --out DIR --image-encoder clip \\
        --voice-encoder hasp:baseline_v2_smproto.model

On several GPUs or nodes: `torchrun --nproc-per-node 8 -m vclip.recipes.data.features …`, or any
launcher
that sets RANK, WORLD_SIZE and LOCAL_RANK. Each process makes every WORLD_SIZE-th shard, and the
shards are the same however many make them. A killed run goes on at the first shard that is not
there. Media that cannot be used are skipped and listed in skipped.csv; `--retry` makes the shards
anew that lack some. A file is known by its path: one that changes needs another folder.
"""

import argparse
import csv
import functools
import io
import itertools
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import torch
from tqdm import tqdm

from vclip.errors import DataError, reported
from vclip.face.detector import FaceDetector
from vclip.recipes.data.encoders import (
    IMAGE_CHOICES,
    VOICE_CHOICES,
    image_encoder,
    voice_encoder,
)
from vclip.recipes.data.extraction import Faces, Side, Voices, add, ahead_of, read_or_reason
from vclip.recipes.data.feature_store import file_hash
from vclip.recipes.data.manifest import read_pairs
from vclip.recipes.data.shards import (
    DESCRIPTION,
    FACES,
    VERSION,
    VOICES,
    Shard,
    describe,
    open_features,
    replaced,
    shard_path,
    skipped_in,
    write_shard,
)

SKIPPED = "skipped.csv"
SURE = 16  # files of a first shard that are not all broken by chance
Item = TypeVar("Item")


@dataclass(frozen=True)
class Process:
    """Which of how many this one is, as torchrun and accelerate say."""

    rank: int = 0
    world: int = 1

    @classmethod
    def from_environment(cls) -> "Process":
        """One of one without a launcher; its GPU is chosen by LOCAL_RANK."""
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", 0)) % torch.cuda.device_count())
        return cls(int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1)))


@dataclass(frozen=True)
class Work:
    """One side of a manifest: its media, cut into shards."""

    name: str
    side: Side
    media: dict[str, Path]  # by key, in the manifest's order
    shard_size: int

    @property
    def shards(self) -> list[list[str]]:
        """Keys of each shard."""
        return list(batched(self.media, self.shard_size))

    def about(self, spec: str, weights_hash: str) -> dict[str, object]:
        """This side's part of features.json."""
        return {
            "spec": spec,
            "weights_sha256": weights_hash,
            **self.side.about,
            "files": len(self.media),
            "shards": len(self.shards),
        }

    def missing(self, folder: Path, process: Process, retry: bool) -> list[int]:
        """Numbers of the shards that this process has yet to make."""
        mine = range(process.rank, len(self.shards), process.world)
        return [i for i in mine if not _done(shard_path(folder / self.name, i), retry)]


def _done(path: Path, retry: bool) -> bool:
    return path.is_file() and not (retry and skipped_in(path))


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Lists of `size` items, the last one shorter (itertools.batched came with Python 3.12)."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


def make(work: Work, folder: Path, numbers: Sequence[int], workers: int, bar: Any) -> None:
    """Make these shards. Raises DataError if nothing of the first one can be used."""
    shards, side = work.shards, work.side
    tasks = ((i, key) for i in numbers for key in shards[i])
    stream = ahead_of(
        tasks,
        lambda task: read_or_reason(side, work.media[task[1]]),
        workers,
        ahead=max(4 * workers, 2 * side.batch),
    )
    skipped = 0
    for i, group in itertools.groupby(stream, key=lambda made: made[0][0]):
        shard = Shard()
        for batch in batched(((key, ready) for (_, key), ready in group), side.batch):
            add(shard, side, batch)
            bar.update(len(batch))
            bar.set_postfix(skipped=skipped + len(shard.skipped), refresh=False)
        skipped += len(shard.skipped)
        if i == numbers[0] and not shard.rows and len(shards[i]) >= SURE:
            key, reason = next(iter(shard.skipped.items()))
            raise DataError(
                f"none of the first {len(shards[i])} {work.name} can be used; {key}: {reason}"
            )
        write_shard(shard_path(folder / work.name, i), shard, int(str(side.about["dimension"])))


def check_description(folder: Path, about: dict[str, Any], process: Process) -> None:
    """Write features.json, or see that the one there tells the same. Raises DataError."""
    path = folder / DESCRIPTION
    if not path.is_file():
        with replaced(path, process.rank) as file:
            file.write((json.dumps(about, indent=1) + "\n").encode())
    other = _essence(describe(folder))
    for name, value in _essence(about).items():
        if other.get(name) != value:
            raise DataError(
                f"{folder} holds features with {name} {other.get(name)!r}, asked for is {value!r}; "
                "name another --out, or delete that folder"
            )


def _essence(about: dict[str, Any]) -> dict[str, Any]:
    """What must not change between runs; paths may."""
    flat = {"manifest": about["manifest"]["sha256"], "shard size": about["shard_size"]}
    for side in (FACES, VOICES):
        flat |= {f"{side}: {k}": value for k, value in about[side].items() if k != "spec"}
    return flat


def summarise(folder: Path, process: Process) -> str:
    """Write skipped.csv and say what there is; or which shards other processes still make."""
    try:
        sides = dict(zip((FACES, VOICES), open_features(folder), strict=True))
    except DataError as error:
        return f"this process is done, others are at work or were stopped: {error}"
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(("side", "file", "reason"))
    for name, side in sides.items():
        writer.writerows((name, *item) for item in side.skipped.items())
    with replaced(folder / SKIPPED, process.rank) as file:
        file.write(table.getvalue().encode())
    told = [
        f"{name}: {len(side)} files have features ({side.dimension}), {len(side.skipped)} skipped"
        + (f", {len(side.whole)} without a face found" if name == FACES else "")
        for name, side in sides.items()
    ]
    return "\n".join([*told, f"wrote {folder}; what was skipped is in {folder / SKIPPED}"])


def works(arguments: argparse.Namespace) -> tuple[list[Work], dict[str, Any]]:
    """Both sides of the command line, and what features.json says of them. VclipError."""
    pairs = read_pairs(arguments.pairs)
    images, image_hash = image_encoder(arguments.image_encoder)
    sounds, voice_hash = voice_encoder(arguments.voice_encoder)
    new_detector = functools.partial(FaceDetector, arguments.yunet)
    faces = Faces(
        images,
        new_detector if arguments.crop == "face" else None,
        arguments.views,
        max(1, arguments.batch // arguments.views),
    )
    size = arguments.shard_size
    pictures = Work(FACES, faces, {pair.face_key: pair.face for pair in pairs}, size)
    recordings = Work(
        VOICES,
        Voices(sounds, arguments.windows),
        {pair.voice_key: pair.voice for pair in pairs},
        size,
    )
    about = {
        "version": VERSION,
        "manifest": {"name": str(arguments.pairs), "sha256": file_hash(arguments.pairs)},
        "shard_size": size,
        FACES: pictures.about(arguments.image_encoder, image_hash),
        VOICES: recordings.about(arguments.voice_encoder, voice_hash),
    }
    return [pictures, recordings], about


def run(arguments: argparse.Namespace) -> str:
    """Make what is missing; return the closing report."""
    process = Process.from_environment()
    sides, about = works(arguments)
    check_description(arguments.out, about, process)
    for work in sides:
        numbers = work.missing(arguments.out, process, arguments.retry)
        shards = work.shards
        mine = range(process.rank, len(shards), process.world)
        left = sum(len(shards[i]) for i in numbers)
        total = sum(len(shards[i]) for i in mine)
        with tqdm(
            desc=work.name + (f", 1 of {process.world} processes" if process.world > 1 else ""),
            total=total,
            initial=total - left,
            unit=" files",
            disable=process.rank > 0,
            mininterval=0.1 if sys.stderr.isatty() else 30,  # a log file wants fewer lines
        ) as bar:
            if numbers:
                make(work, arguments.out, numbers, arguments.workers, bar)
    return summarise(arguments.out, process)


def parser() -> argparse.ArgumentParser:
    """The command line; the default image encoder is the paper's."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.data.features",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    options.add_argument("--pairs", type=Path, required=True, help="manifest of pairs (CSV)")
    options.add_argument("--out", type=Path, required=True, help="folder of the shards")
    options.add_argument("--image-encoder", default="clip", help=f"{IMAGE_CHOICES} (default: clip)")
    options.add_argument("--voice-encoder", required=True, help=VOICE_CHOICES)
    options.add_argument("--views", type=int, default=1, help="views of every face (default: 1)")
    options.add_argument("--windows", action="store_true", help="also windows of the recordings")
    options.add_argument("--crop", choices=("face", "whole"), default="face", help="of a picture")
    options.add_argument("--yunet", type=Path, help="YuNet's ONNX file; Haar cascade without it")
    options.add_argument("--shard-size", type=int, default=4096, help="files (default: 4096)")
    options.add_argument("--batch", type=int, default=256, help="images encoded at once")
    options.add_argument("--workers", type=int, default=min(16, os.cpu_count() or 1))
    options.add_argument("--retry", action="store_true", help="try again what was skipped")
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Make the shards; 2 and one line on stderr for input that cannot be used."""
    arguments = parser().parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    cv2.setNumThreads(1)  # files are what is done in parallel
    for name in ("views", "shard_size", "batch", "workers"):
        if getattr(arguments, name) < 1:
            raise DataError(f"--{name.replace('_', '-')} must be at least 1")
    print(run(arguments))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
