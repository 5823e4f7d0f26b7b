"""Frozen features of a manifest's faces and voices, made once, as shards (docs/method.md, Data).

    python -m vclip.recipes.data.features --pairs CSV --out DIR --image-encoder clip \\
        --voice-encoder hasp:baseline_v2_smproto.model

The manifest is a CSV with the columns person, face, voice, sex, as `vclip.recipes.data.prepare`
writes it, or a list with the column path of pictures or recordings of any people. On several GPUs
or nodes: `torchrun --nproc-per-node 8 -m vclip.recipes.data.features …`, or any launcher that sets
RANK, WORLD_SIZE and LOCAL_RANK. Each process makes every WORLD_SIZE-th shard, and the shards are
the same however many make them. A killed run goes on at the first shard that is not there. Media
that cannot be used are skipped and listed in skipped.csv; `--retry` makes the shards anew that lack
some. A file is known by its path: one that changes needs another folder.
"""

import functools
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
from tyro.conf import arg

from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.recipes.data.encoders import (
    IMAGE_CHOICES,
    VOICE_CHOICES,
    open_image_encoder,
    open_voice_encoder,
)
from vclip.recipes.data.extraction import FaceExtractor, VoiceExtractor
from vclip.recipes.data.manifest import REPO, file_hash, read_media
from vclip.recipes.data.shard_writer import MediaShards, Worker
from vclip.recipes.data.shards import (
    DESCRIPTION,
    FACES,
    VERSION,
    VOICES,
    Shards,
    open_features,
    read_description,
    replaced,
    write_table,
)
from vclip.recipes.options import command

SKIPPED = "skipped.csv"
STORE = REPO / "build" / "features"  # of what recipes make for themselves


@dataclass(frozen=True)
class FeatureSettings:
    """Options of the command; without the spec of an encoder its side is left out."""

    pairs: Path
    """manifest of pairs, or list of pictures or recordings (CSV)"""
    out: Path
    """folder of the shards"""
    image_encoder: Annotated[str | None, arg(help=IMAGE_CHOICES)] = "clip"
    voice_encoder: Annotated[str | None, arg(help=VOICE_CHOICES)] = None
    views: int = 1
    """views of every face"""
    windows: bool = False
    """also windows of the recordings"""
    crop: Literal["face", "whole"] = "face"
    """of a picture"""
    yunet: Path | None = None
    """YuNet's ONNX file; Haar cascade without it"""
    shard_size: int = 4096
    """files in a shard"""
    batch: int = 256
    """images encoded at once"""
    workers: int = min(16, os.cpu_count() or 1)
    """threads that read files"""
    retry: bool = False
    """try again what was skipped"""

    def __post_init__(self) -> None:
        """Raises DataError for numbers with which nothing could be made."""
        for name in ("views", "shard_size", "batch", "workers"):
            if getattr(self, name) < 1:
                raise DataError(f"--{name.replace('_', '-')} must be at least 1")


def check_description(folder: Path, about: Mapping[str, Any], worker: Worker) -> None:
    """Write features.json, or see that the one there tells the same. Raises DataError."""
    path = folder / DESCRIPTION
    if not path.is_file():
        with replaced(path, worker.rank) as file:
            file.write((json.dumps(about, indent=1) + "\n").encode())
    other = _essence(read_description(folder))
    for name, value in _essence(about).items():
        if other.get(name) != value:
            raise DataError(
                f"{folder} holds features with {name} {other.get(name)!r}, asked for is {value!r}; "
                "name another --out, or delete that folder"
            )


def _essence(about: Mapping[str, Any]) -> dict[str, Any]:
    """All that decides the features, by name: it must not change between runs; paths may."""
    flat = {"manifest": about["manifest"]["sha256"], "shard size": about["shard_size"]}
    for side in (FACES, VOICES):
        flat |= {f"{side}: {k}": value for k, value in about[side].items() if k != "spec"}
    return flat


def summarise(folder: Path, worker: Worker) -> str:
    """Write skipped.csv and say what there is; or which shards other processes still make."""
    try:
        sides = dict(zip((FACES, VOICES), open_features(folder), strict=True))
    except DataError as error:
        return f"this process is done, others are at work or were stopped: {error}"
    skipped = [(name, *item) for name, side in sides.items() for item in side.skipped.items()]
    write_table(folder / SKIPPED, [("side", "file", "reason"), *skipped], worker.rank)
    told = [
        f"{name}: {len(side)} files have features ({side.dimension}), {len(side.skipped)} skipped"
        + (f", {len(side.whole)} without a face found" if name == FACES else "")
        for name, side in sides.items()
        if len(side) or side.skipped
    ]
    return "\n".join([*told, f"wrote {folder}; what was skipped is in {folder / SKIPPED}"])


def plan(settings: FeatureSettings) -> tuple[list[MediaShards], dict[str, Any]]:
    """The sides that are asked for, and what features.json says of them. Raises VclipError."""
    faces, voices = read_media(settings.pairs)
    parts = []
    about: dict[str, Any] = {
        "version": VERSION,
        "manifest": {"name": str(settings.pairs), "sha256": file_hash(settings.pairs)},
        "shard_size": settings.shard_size,
        FACES: NOTHING,
        VOICES: NOTHING,
    }
    if faces and settings.image_encoder:
        images, digest = open_image_encoder(settings.image_encoder)
        detector = functools.partial(FaceDetector, settings.yunet)
        batch = max(1, settings.batch // settings.views)
        face_detector = detector if settings.crop == "face" else None
        seen = FaceExtractor(images, face_detector, settings.views, batch)
        parts.append(MediaShards(FACES, seen, faces, settings.shard_size))
        about[FACES] = parts[-1].about(settings.image_encoder, digest)
    if voices and settings.voice_encoder:
        sounds, digest = open_voice_encoder(settings.voice_encoder)
        heard = VoiceExtractor(sounds, settings.windows)
        parts.append(MediaShards(VOICES, heard, voices, settings.shard_size))
        about[VOICES] = parts[-1].about(settings.voice_encoder, digest)
    return parts, about


NOTHING = {"dimension": 0, "files": 0, "shards": 0}  # features.json of a side without media


def run(settings: FeatureSettings, parts: Sequence[MediaShards], about: Mapping[str, Any]) -> None:
    """Make this process's shards, as far as they are missing."""
    cv2.setNumThreads(1)  # files are what is done in parallel
    worker = Worker.from_environment()
    check_description(settings.out, about, worker)
    for part in parts:
        part.write(settings.out, worker, settings.retry, settings.workers)


@dataclass(frozen=True)
class FeatureSource:
    """Features of a recipe's own manifests, made as far as they are not there."""

    store: Path = STORE
    """folder of features made here"""
    yunet: Path | None = None
    """YuNet's ONNX file; Haar cascade without it"""

    def open(
        self,
        manifest: Path,
        image_encoder: str | None = None,
        voice_encoder: str | None = None,
        views: int = 1,
        windows: bool = False,
    ) -> tuple[Shards, Shards]:
        """Faces and voices of a manifest; a side without an encoder is empty. Raises VclipError.

        Their folder's name follows from the manifest's place and content, the encoders and the
        settings. Media that could not be used are tried again.
        """
        how = image_encoder, voice_encoder, views, windows
        settings = FeatureSettings(manifest, self.store, *how, yunet=self.yunet, retry=True)
        settings = replace(settings, shard_size=256)  # what is tried again costs little
        parts, about = plan(settings)
        decisive = json.dumps([str(manifest.resolve()), _essence(about)], sort_keys=True)
        digest = hashlib.sha256(decisive.encode()).hexdigest()
        settings = replace(settings, out=self.store / f"{manifest.stem}-{digest[:12]}")
        run(settings, parts, about)
        return open_features(settings.out)


@command(FeatureSettings)
def main(settings: FeatureSettings) -> None:
    logging.basicConfig(level=logging.ERROR)
    if settings.voice_encoder is None and read_media(settings.pairs)[1]:
        raise DataError(f"--voice-encoder is missing: {VOICE_CHOICES}")
    parts, about = plan(settings)
    run(settings, parts, about)
    print(summarise(settings.out, Worker.from_environment()))


if __name__ == "__main__":
    raise SystemExit(main())
