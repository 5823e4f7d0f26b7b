"""Training data of the heads: features of pairs for training and dev, and of labelled media."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from tyro.conf import arg

from vclip.errors import DataError
from vclip.recipes.association.batches import LabelData, PairData, VersionedFeatures, index_of
from vclip.recipes.association.settings import FitConfig
from vclip.recipes.data import shards
from vclip.recipes.data.encoders import IMAGE_CHOICES, VOICE_CHOICES
from vclip.recipes.data.features import FeatureSource
from vclip.recipes.data.manifest import (
    LABELLED_SOURCES,
    Pair,
    file_hash,
    read_labelled,
    read_pairs,
)
from vclip.recipes.data.shards import PairFeatures, open_features, pair_features


@dataclass(frozen=True)
class TrainingDataSettings:
    """The manifests, and how features are made of them where no shards are named."""

    pairs: Path
    """manifest of pairs (CSV)"""
    features: Path | None = None
    """shards of vclip.recipes.data.features"""
    utk: Path | None = None
    """labelled faces (CSV with path, sex)"""
    voices: Path | None = None
    """labelled voices (CSV with path, sex, source)"""
    image_encoder: Annotated[str, arg(help=IMAGE_CHOICES)] = "bundled"
    voice_encoder: Annotated[str, arg(help=VOICE_CHOICES)] = "resemblyzer"
    views: int = 8
    """views of every face"""
    source: FeatureSource = field(default_factory=FeatureSource)


@dataclass(frozen=True)
class TrainingData:
    """Usable rows with their features, and where all of it comes from."""

    known: PairFeatures  # trained on
    held: PairFeatures  # says when to stop
    labels: LabelData | None
    about: dict[str, object]  # for the metadata of the heads


def split_pairs(pairs: list[Pair], seed: int, share: float = 0.1) -> tuple[list[Pair], list[Pair]]:
    """Train and dev rows: by the split column where it names both, else by drawn persons."""
    train = [pair for pair in pairs if pair.split == "train"]
    dev = [pair for pair in pairs if pair.split == "dev"]
    if train and dev:
        return train, dev
    rest = [pair for pair in pairs if pair.split in ("", "train")]
    persons = sorted({pair.person for pair in rest})
    if len(persons) < 4:
        raise DataError(f"{len(persons)} persons to train on; give a manifest with at least four")
    n_dev = max(2, round(share * len(persons)))
    held = set(np.random.default_rng(seed).permutation(persons)[:n_dev])
    return [p for p in rest if p.person not in held], [p for p in rest if p.person in held]


def pair_data(features: PairFeatures) -> PairData:
    """Features of manifest rows as tensors, persons numbered."""
    persons = index_of([pair.person for pair in features.pairs])
    return PairData(VersionedFeatures(features.image), VersionedFeatures(features.voice), persons)


def sample_rows(features: PairFeatures, n: int, seed: int) -> PairFeatures:
    """At most n rows, drawn by the seed and in the order they had: every pair of two is scored."""
    if len(features.pairs) <= n:
        return features
    kept = sorted(np.random.default_rng(seed).permutation(len(features.pairs))[:n].tolist())
    return features.take(kept)


def label_data(settings: TrainingDataSettings) -> LabelData | None:
    """Labelled faces and voices, if both are named; the label is the sex.

    Age would be a second label, but hardly any of the voices has one.
    """
    if not (settings.utk and settings.voices):
        print("no labelled media (--utk, --voices): training on the pairs only")
        return None
    source, voice_encoder = settings.source, settings.voice_encoder
    seen, _ = source.open(settings.utk, settings.image_encoder)
    _, heard = source.open(settings.voices, voice_encoder=voice_encoder, windows=True)
    faces = [row for row in read_labelled(settings.utk) if row.key in seen]
    spoken = [row for row in read_labelled(settings.voices, LABELLED_SOURCES) if row.key in heard]
    print(f"labelled: {len(faces)} faces, {len(spoken)} voices")
    labels = index_of([row.sex for row in faces + spoken])
    return LabelData(
        VersionedFeatures([seen.rows(row.key) for row in faces]),
        VersionedFeatures([heard.rows(row.key) for row in spoken]),
        labels[: len(faces)],
        labels[len(faces) :],
    )


def read_training_data(settings: TrainingDataSettings, config: FitConfig) -> TrainingData:
    """Features of the manifest's rows from shards, which are made first if none are named."""
    labelled = bool(config.label_steps or config.label_weight)
    if settings.features and labelled:
        raise DataError("labelled media have no shards; use --label-steps 0 --label-weight 0")
    if settings.features:
        sides = open_features(settings.features)
    else:
        how = settings.image_encoder, settings.voice_encoder, settings.views
        sides = settings.source.open(settings.pairs, *how, windows=True)
    rows = split_pairs(read_pairs(settings.pairs), config.seed)
    known, held = (pair_features(part, *sides) for part in rows)
    labels = label_data(settings) if labelled else None
    about = shards.read_description(sides[0].folder.parent)
    faces, voices = about[shards.FACES], about[shards.VOICES]
    told: dict[str, object] = {
        "face_encoder_sha256": faces.get("weights_sha256"),
        "voice_encoder": {"name": voices.get("spec"), "sha256": voices.get("weights_sha256")},
        "detector": faces.get("detector"),
        "data": {
            "pairs": settings.pairs.name,
            "pairs_sha256": file_hash(settings.pairs),
            "features": about,
            "labelled": [settings.utk.name, *LABELLED_SOURCES] if settings.utk and labels else [],
        },
    }
    return TrainingData(known, held, labels, told)


def summary(data: PairFeatures, name: str) -> str:
    """Counts of rows and persons that are used, and what is not, for people."""
    persons, skipped = len({pair.person for pair in data.pairs}), data.report.skipped
    lines = [
        f"{name}: {len(data.pairs)} rows, {persons} persons",
        f"no face found, whole picture used: {len(data.report.whole_pictures)}",
        f"skipped: {len(skipped)}",
    ]
    return "\n".join([*lines, *(f"  {reason}" for reason in skipped)])
