"""What the heads are trained on: features of pairs for training and dev, and of labelled media."""

import argparse
from dataclasses import dataclass

import numpy as np

from vclip.errors import DataError
from vclip.face.detector import FaceDetector
from vclip.recipes.association.batches import LabelData, PairData, Side, index_of
from vclip.recipes.data import shards
from vclip.recipes.data.encoders import extractors
from vclip.recipes.data.feature_store import (
    Extractor,
    FaceFeatures,
    FeatureStore,
    PairFeatures,
    Report,
    VoiceFeatures,
    extract,
    file_hash,
    pair_features,
)
from vclip.recipes.data.manifest import Labelled, Pair, read_labelled, read_pairs
from vclip.recipes.evaluation.association import PROBE_SOURCES, UTK, VOICES


@dataclass(frozen=True)
class Material:
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
    return PairData(Side(features.image), Side(features.voice), persons)


def drawn(features: PairFeatures, n: int, seed: int) -> PairFeatures:
    """At most n rows, drawn by the seed and in the order they had: every pair of two is scored."""
    if len(features.pairs) <= n:
        return features
    kept = sorted(np.random.default_rng(seed).permutation(len(features.pairs))[:n].tolist())
    image, voice = ([side[i] for i in kept] for side in (features.image, features.voice))
    return PairFeatures([features.pairs[i] for i in kept], image, voice, features.report)


def label_data(faces: FaceFeatures, voices: VoiceFeatures, store: FeatureStore) -> LabelData | None:
    """UTK faces and labelled voices, if they are there; the label is the sex.

    Age would be a second label, but hardly any of the voices has one.
    """
    if not (UTK.is_file() and VOICES.is_file()):
        print(f"no labelled media at {UTK} and {VOICES}: training on the pairs only")
        return None
    report = Report()

    def side(rows: list[Labelled], extractor: Extractor) -> tuple[Side, list[str]]:
        known = extract([row.path for row in rows], extractor, store, report, "labelled")
        used = [row for row in rows if row.path in known]
        return Side([known[row.path] for row in used]), [row.sex for row in used]

    image, image_sex = side(read_labelled(UTK), faces)
    voice, voice_sex = side(read_labelled(VOICES, PROBE_SOURCES), voices)
    print(f"labelled: {len(image)} faces, {len(voice)} voices", *report.lines(), sep="\n")
    labels = index_of(image_sex + voice_sex)
    return LabelData(image, voice, labels[: len(image)], labels[len(image) :])


def from_media(arguments: argparse.Namespace, seed: int, labelled: bool) -> Material:
    """Features of the manifest's media, made now or found in the cache."""
    rows = split_pairs(read_pairs(arguments.pairs), seed)
    detector, store = FaceDetector(arguments.yunet), FeatureStore(arguments.store)
    faces, voices = extractors(
        arguments.image_encoder, detector, arguments.views, True, arguments.voice_encoder
    )
    labels = None
    if labelled:
        plain = FaceFeatures(faces.encoder, faces.weights_hash, detector)
        labels = label_data(plain, voices, store)
    known, held = (pair_features(part, faces, voices, store) for part in rows)
    about: dict[str, object] = {
        "face_encoder_sha256": faces.weights_hash,
        "voice_encoder": {"name": arguments.voice_encoder, "sha256": voices.weights_hash},
        "detector": detector.name,
        "data": {
            "pairs": arguments.pairs.name,
            "pairs_sha256": file_hash(arguments.pairs),
            "labelled": [UTK.name, *PROBE_SOURCES] if labels else [],
        },
    }
    return Material(known, held, labels, about)


def from_shards(arguments: argparse.Namespace, seed: int, labelled: bool) -> Material:
    """Features of the manifest's rows from the shards that `features` has made."""
    if labelled:
        raise DataError("labelled media have no shards; use --label-steps 0 --label-weight 0")
    rows, opened = read_pairs(arguments.pairs), shards.open_features(arguments.features)
    known, held = (shards.pair_features(part, *opened) for part in split_pairs(rows, seed))
    about = shards.describe(arguments.features)
    faces, voices = about[shards.FACES], about[shards.VOICES]
    told = {
        "face_encoder_sha256": faces.get("weights_sha256"),
        "voice_encoder": {"name": voices.get("spec"), "sha256": voices.get("weights_sha256")},
        "detector": faces.get("detector"),
        "data": {
            "pairs": arguments.pairs.name,
            "pairs_sha256": file_hash(arguments.pairs),
            "features": about,
        },
    }
    return Material(known, held, None, told)


def describe(data: PairFeatures, name: str) -> str:
    """What was used and what was not, for people."""
    persons = len({pair.person for pair in data.pairs})
    return "\n".join([f"{name}: {len(data.pairs)} rows, {persons} persons", *data.report.lines()])
