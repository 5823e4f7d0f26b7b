"""What the heads are trained on: features of pairs for training and dev, and of labelled media."""

import argparse
from dataclasses import dataclass
from typing import Any

import numpy as np

from vclip.errors import DataError
from vclip.recipes.association.batches import LabelData, PairData, VersionedFeatures, index_of
from vclip.recipes.data import shards
from vclip.recipes.data.features import make_features
from vclip.recipes.data.manifest import Labelled, Pair, file_hash, read_labelled, read_pairs
from vclip.recipes.data.shards import PairFeatures, labelled_features, open_features, pair_features
from vclip.recipes.evaluation.association import PROBE_SOURCES


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


def drawn(features: PairFeatures, n: int, seed: int) -> PairFeatures:
    """At most n rows, drawn by the seed and in the order they had: every pair of two is scored."""
    if len(features.pairs) <= n:
        return features
    kept = sorted(np.random.default_rng(seed).permutation(len(features.pairs))[:n].tolist())
    image, voice = ([side[i] for i in kept] for side in (features.image, features.voice))
    return PairFeatures([features.pairs[i] for i in kept], image, voice, features.report)


def label_data(arguments: argparse.Namespace) -> LabelData | None:
    """Labelled faces and voices, if both are named; the label is the sex.

    Age would be a second label, but hardly any of the voices has one.
    """
    if not (arguments.utk and arguments.voices):
        print("no labelled media (--utk, --voices): training on the pairs only")
        return None
    how: dict[str, Any] = {"store": arguments.store, "yunet": arguments.yunet}
    seen, _ = open_features(make_features(arguments.utk, arguments.image_encoder, **how))
    made = make_features(arguments.voices, None, arguments.voice_encoder, windows=True, **how)
    _, heard = open_features(made)
    image, image_sex = _labelled(read_labelled(arguments.utk), seen)
    voice, voice_sex = _labelled(read_labelled(arguments.voices, PROBE_SOURCES), heard)
    print(f"labelled: {len(image)} faces, {len(voice)} voices")
    labels = index_of(image_sex + voice_sex)
    return LabelData(image, voice, labels[: len(image)], labels[len(image) :])


def _labelled(rows: list[Labelled], media: shards.Shards) -> tuple[VersionedFeatures, list[str]]:
    kept, features = labelled_features(rows, media)
    return VersionedFeatures(features), [row.sex for row in kept]


def read_training_data(arguments: argparse.Namespace, seed: int, labelled: bool) -> TrainingData:
    """Features of the manifest's rows from shards, which are made first if none are named."""
    if arguments.features and labelled:
        raise DataError("labelled media have no shards; use --label-steps 0 --label-weight 0")
    folder = arguments.features or make_features(
        arguments.pairs,
        arguments.image_encoder,
        arguments.voice_encoder,
        store=arguments.store,
        yunet=arguments.yunet,
        views=arguments.views,
        windows=True,
    )
    rows, opened = read_pairs(arguments.pairs), open_features(folder)
    known, held = (pair_features(part, *opened) for part in split_pairs(rows, seed))
    labels = label_data(arguments) if labelled else None
    about = shards.describe(folder)
    faces, voices = about[shards.FACES], about[shards.VOICES]
    told: dict[str, object] = {
        "face_encoder_sha256": faces.get("weights_sha256"),
        "voice_encoder": {"name": voices.get("spec"), "sha256": voices.get("weights_sha256")},
        "detector": faces.get("detector"),
        "data": {
            "pairs": arguments.pairs.name,
            "pairs_sha256": file_hash(arguments.pairs),
            "features": about,
            "labelled": [arguments.utk.name, *PROBE_SOURCES] if labels else [],
        },
    }
    return TrainingData(known, held, labels, told)


def describe(data: PairFeatures, name: str) -> str:
    """What was used and what was not, for people."""
    persons = len({pair.person for pair in data.pairs})
    return "\n".join([f"{name}: {len(data.pairs)} rows, {persons} persons", *data.report.lines()])
