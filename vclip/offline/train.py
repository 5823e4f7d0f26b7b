"""Trains the association heads on pairs of faces and voices (paper.md §1.1).

    python -m vclip.offline.train [--preset paper|bundled] [--pairs CSV] [--out FILE]

Both encoders stay frozen; their features are computed once and kept in build/. People of the
manifest's split "dev" choose when to stop; without such a split a tenth of the persons is held
out. The preset "bundled" makes the bundled heads; single options change either preset. Any
manifest with the columns person, face, voice, sex will do; sex may be empty and is never used on
the pairs.
"""

import argparse
import logging
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from vclip import association
from vclip.errors import DataError, reported
from vclip.face import Detector
from vclip.metrics import verify
from vclip.offline.evaluate import PROBE_SOURCES, UTK, VOICES, extractors
from vclip.offline.feature_store import (
    STORE,
    Extractor,
    FaceFeatures,
    FeatureStore,
    PairFeatures,
    Report,
    VoiceFeatures,
    extract,
    file_hash,
    pair_features,
    resemblyzer_hash,
)
from vclip.offline.fit_config import PRESETS, FitConfig
from vclip.offline.fitting import Check, fit, score
from vclip.offline.options import add_fields, from_arguments
from vclip.offline.pair_data import LabelData, PairData, Side, index_of
from vclip.offline.pairs import REPO, SHARED, Labelled, Pair, read_labelled, read_pairs
from vclip.weights import BUNDLED

PAIRS = SHARED / "pairs" / "avspeech.csv"
YUNET = SHARED / "models" / "face_detection_yunet.onnx"


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


def describe(data: PairFeatures, name: str) -> str:
    """What was used and what was not, for people."""
    persons = len({pair.person for pair in data.pairs})
    return "\n".join([f"{name}: {len(data.pairs)} rows, {persons} persons", *data.report.lines()])


def train(arguments: argparse.Namespace, command: str) -> str:
    """Run the recipe, write the heads, return the closing report."""
    config = from_arguments(FitConfig, arguments)
    train_rows, dev_rows = split_pairs(read_pairs(arguments.pairs), config.seed)
    detector, store = Detector(arguments.yunet), FeatureStore(arguments.store)
    faces, voices = extractors(arguments.face_encoder, detector, arguments.views, windows=True)
    labels = None
    if config.label_steps or config.label_weight:
        labels = label_data(
            FaceFeatures(faces.encoder, faces.weights_hash, detector), voices, store
        )
    known = pair_features(train_rows, faces, voices, store)
    held = pair_features(dev_rows, faces, voices, store)
    print(f"detector {detector.name}", describe(known, "train"), describe(held, "dev"), sep="\n")
    dev = pair_data(held)

    def show(check: Check) -> None:
        print(
            f"step {check.step:5d}  loss {check.loss:.3f}  dev AUC {check.dev_auc:.4f}", flush=True
        )

    model, history = fit(pair_data(known), config, dev, labels, show)
    reached = verify(score(model, dev), [p.person for p in held.pairs], [p.sex for p in held.pairs])
    metadata = {
        "command": command,
        **inputs(arguments, labels is not None),
        "rows": {"train": len(known.pairs), "dev": len(held.pairs)},
        "detector": detector.name,
        "fit": asdict(config),
        "dev": reached.as_dict(),
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    association.save(arguments.out, model, metadata)
    best = max(history, key=lambda check: check.dev_auc)
    return (
        f"kept step {best.step}; dev AUC {reached.auc}, within sex {reached.auc_within_sex}, "
        f"EER {reached.eer}\nwrote {arguments.out}"
    )


def inputs(arguments: argparse.Namespace, labelled: bool) -> dict[str, object]:
    """What went in, with hashes, and on what terms the weights may be used."""
    return {
        "data": {
            "pairs": arguments.pairs.name,
            "pairs_sha256": file_hash(arguments.pairs),
            "labelled": [UTK.name, *PROBE_SOURCES] if labelled else [],
        },
        "face_encoder_sha256": file_hash(arguments.face_encoder),
        "voice_encoder": {"name": "resemblyzer", "sha256": resemblyzer_hash()},
        "licence": arguments.licence,
    }


def parser(preset: str) -> argparse.ArgumentParser:
    """The command line with that preset's defaults."""
    options = argparse.ArgumentParser(prog="python -m vclip.offline.train", description=__doc__)
    options.add_argument("--preset", choices=PRESETS, default=preset, help=f"default {preset}")
    out = BUNDLED if preset == "bundled" else REPO / "build"
    options.add_argument("--pairs", type=Path, default=PAIRS, help="manifest of pairs (CSV)")
    options.add_argument("--face-encoder", type=Path, default=BUNDLED / "face_encoder.safetensors")
    options.add_argument("--out", type=Path, default=out / "association.safetensors")
    options.add_argument("--views", type=int, default=8, help="views of every face (default: 8)")
    options.add_argument("--yunet", type=Path, default=YUNET, help="its ONNX file; Haar without it")
    options.add_argument("--store", type=Path, default=STORE, help="feature cache")
    options.add_argument(
        "--licence",
        default="research only: trained on AVSpeech clips (and UTKFace crops)",
        help="what is written into the file about the weights' terms",
    )
    add_fields(options, PRESETS[preset])
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Train; 2 and one line on stderr for input that cannot be used."""
    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--preset", choices=PRESETS, default="paper")
    preset = first.parse_known_args(argv)[0].preset
    arguments = parser(preset).parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    command = shlex.join(
        ["python", "-m", "vclip.offline.train", *(sys.argv[1:] if argv is None else argv)]
    )
    print(train(arguments, command))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
