"""How well the faces and voices of real people find each other: `--pairs CSV [--model M]`.

The manifest has the columns person, face, voice, sex[, split]; features are made on the fly, or
taken from `--features DIR` of `vclip.recipes.data.features`. Beside the association stands the
sex-only
baseline: logistic sex probes on the same frozen features, trained on UTKFace and on LibriSpeech and
VCTK voices; its score is the probability that the two sexes agree. What the association has above
it, and its AUC within sex, is more than sex.

`--zero-shot` adds the zero-shot bridge (`vclip.recipes.evaluation.zero_shot`), if the features are
CLIP's.

`--protocol p1 --lists DIR --features DIR` gives the figures of a published protocol instead, one of
those in `vclip.recipes.evaluation.protocols`; with --zero-shot, the bridge's instead of the
model's.
"""

import argparse
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vclip.arrays import Float32, Float64
from vclip.errors import DataError, reported
from vclip.models import directory
from vclip.recipes.data import shards
from vclip.recipes.data.features import STORE, make_features
from vclip.recipes.data.manifest import Labelled, Pair, read_labelled, read_pairs
from vclip.recipes.data.shards import PairFeatures, labelled_features, open_features, pair_features
from vclip.recipes.evaluation import protocol_report, zero_shot
from vclip.recipes.evaluation.model_features import (
    check_fit,
    fitting_features,
    load_heads,
    sees_by_clip,
)
from vclip.recipes.evaluation.protocols import READERS
from vclip.recipes.metrics import cross_modal
from vclip.speakers.candidates import Heads

PROBE_SOURCES = ("librispeech", "vctk")
ROWS = {
    "auc": "AUC, all cross pairs",
    "eer": "EER, all cross pairs",
    "auc_within_sex": "AUC within sex",
    "match_face_to_voice": "1:2 matching, face to voice",
    "match_voice_to_face": "1:2 matching, voice to face",
}


def association_scores(model: Heads, features: PairFeatures) -> Float64:
    """Cosines (N, N) of every face with every voice."""
    image, voice = (torch.from_numpy(side) for side in features.first())
    with torch.no_grad():
        scores = model.encode_image(image) @ model.encode_voice(voice).T
    return np.asarray(scores.double().numpy())


def probability_female(rows: Sequence[Labelled], features: Float32, of: Float32) -> Float64:
    """P(female) (N,) of features of (N, F) by a logistic probe on those of labelled rows (M, F)."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    probe.fit(features, np.array([row.sex == "F" for row in rows]))
    return np.asarray(probe.predict_proba(of)[:, 1], dtype=np.float64)


def sex_scores(
    features: PairFeatures,
    faces: tuple[Sequence[Labelled], shards.Shards],
    voices: tuple[Sequence[Labelled], shards.Shards],
) -> Float64:
    """(N, N) probability that a face and a voice are of one sex, by probes on labelled media."""
    sides = []
    for (rows, media), of in zip((faces, voices), features.first(), strict=True):
        kept, versions = labelled_features(rows, media)
        sides.append(probability_female(kept, np.stack([v[0] for v in versions]), of))
    face_f, voice_f = sides
    return np.outer(face_f, voice_f) + np.outer(1 - face_f, 1 - voice_f)


@dataclass(frozen=True)
class Evaluation:
    """Everything that is printed."""

    model: str
    pairs: str
    split: str
    detector: str
    rows: int
    persons: int
    rows_without_sex: int
    whole_pictures: int
    skipped: list[str]
    association: cross_modal.CrossModalReport
    sex_only: cross_modal.CrossModalReport | None
    zero_shot: cross_modal.CrossModalReport | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        plain = dict(vars(self))
        plain["association"] = self.association.as_dict()
        for name in ("sex_only", "zero_shot"):
            report = getattr(self, name)
            plain[name] = report.as_dict() if report else None
        return plain

    def table(self) -> str:
        """For people: one line per figure, intervals in brackets."""
        lines = [
            f"{self.pairs} ({self.split or 'all'}): {self.rows} rows, {self.persons} persons, "
            f"model {self.model}, detector {self.detector}",
            f"whole picture for want of a face: {self.whole_pictures}; skipped: "
            f"{len(self.skipped)}; without sex, not in 'within sex': {self.rows_without_sex}",
            *(f"  {reason}" for reason in self.skipped),
            f"{'':30}{'association':24}{'sex only':24}{'zero-shot bridge':24}",
        ]
        for name, title in ROWS.items():
            reports = (self.association, self.sex_only, self.zero_shot)
            cells = [str(getattr(r, name)) if r else "not computed" for r in reports]
            lines.append(f"{title:30}{''.join(f'{cell:24}' for cell in cells)}".rstrip())
        return "\n".join(lines)


def made_features(
    arguments: argparse.Namespace, pairs: Sequence[Pair], folder: Path
) -> tuple[PairFeatures, Float64 | None, str]:
    """Features made now, the sex-only scores where there are labels, and the detector's name."""
    encoder = str(folder / "face_encoder.safetensors")
    how: dict[str, Any] = {"store": arguments.store, "yunet": arguments.yunet}
    sides = open_features(make_features(arguments.pairs, encoder, "resemblyzer", **how))
    features = pair_features(pairs, *sides)
    baseline = None
    if arguments.utk and arguments.voices:
        seen, _ = open_features(make_features(arguments.utk, encoder, **how))
        made = make_features(arguments.voices, voice_encoder="resemblyzer", **how)
        _, heard = open_features(made)
        labelled = read_labelled(arguments.voices, PROBE_SOURCES)
        baseline = sex_scores(features, (read_labelled(arguments.utk), seen), (labelled, heard))
    return features, baseline, str(sides[0].about["detector"])


def stored_features(
    arguments: argparse.Namespace, pairs: Sequence[Pair], model: Heads
) -> tuple[PairFeatures, None, str]:
    """Features from shards, which know no labelled media for the sex-only scores."""
    faces, voices = fitting_features(arguments.features, arguments.model)
    check_fit(faces, voices, model)
    detector = str(faces.about.get("detector", "unknown"))
    return pair_features(pairs, faces, voices), None, detector


def described_scores(arguments: argparse.Namespace, features: PairFeatures) -> Float64:
    """Of the zero-shot bridge, from what the manifest says of each person. Raises DataError."""
    encoder = zero_shot.text_encoder(shards.describe(arguments.features)[shards.FACES])
    return zero_shot.pair_scores(features, zero_shot.read_manifest(arguments.pairs), encoder)


def evaluate(arguments: argparse.Namespace) -> Evaluation:
    """Features, scores and figures of one manifest under one model directory."""
    folder = directory.find_model(arguments.model)
    if not arguments.features and sees_by_clip(folder):
        raise DataError(f"{folder} sees by a CLIP; give its --features (--image-encoder clip)")
    model = load_heads(folder)
    pairs = read_pairs(arguments.pairs, arguments.split)
    features, baseline, detector = (
        stored_features(arguments, pairs, model)
        if arguments.features
        else made_features(arguments, pairs, folder)
    )
    person, sex = [p.person for p in features.pairs], [p.sex for p in features.pairs]

    def report(scores: Float64) -> cross_modal.CrossModalReport:
        rng = np.random.default_rng(arguments.seed)
        return cross_modal.evaluate(scores, person, sex, arguments.draws, rng)

    return Evaluation(
        model=arguments.model,
        pairs=str(arguments.pairs),
        split=arguments.split or "",
        detector=detector,
        rows=len(person),
        persons=len(set(person)),
        rows_without_sex=sex.count(""),
        whole_pictures=len(features.report.whole_pictures),
        skipped=features.report.skipped,
        association=report(association_scores(model, features)),
        sex_only=report(baseline) if baseline is not None else None,
        zero_shot=report(described_scores(arguments, features)) if arguments.zero_shot else None,
    )


def evaluate_listed(arguments: argparse.Namespace) -> str:
    """The figures of a published protocol, or the files to be sent to its organisers."""
    if not arguments.lists or not arguments.features:
        raise DataError("--protocol needs the --lists it consists of and --features to score")
    model = None if arguments.zero_shot else arguments.model
    lists = (arguments.protocol, arguments.lists, arguments.meta, arguments.features)
    found = protocol_report.load(*lists, model, arguments.draws, arguments.seed)
    if arguments.submission:
        written = protocol_report.submit(found, arguments.submission, arguments.heard)
        return "\n".join(map(str, written))
    show = protocol_report.as_json if arguments.json else protocol_report.table
    return show(found, model or "zero-shot bridge")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="python -m vclip.recipes.evaluation.association", description=__doc__
    )
    what = options.add_mutually_exclusive_group(required=True)
    what.add_argument("--pairs", type=Path, help="manifest of pairs (CSV)")
    what.add_argument("--protocol", choices=READERS, help="a published protocol instead")
    options.add_argument("--lists", type=Path, help="folder of the protocol's trial lists")
    options.add_argument("--meta", type=Path, help="vox1_meta.csv, if not beside the lists")
    options.add_argument(
        "--features", type=Path, help="feature shards (vclip.recipes.data.features)"
    )
    options.add_argument("--heard", default="English", help="p4: language the model was trained on")
    options.add_argument("--submission", type=Path, help="p4: folder for score files, no figures")
    options.add_argument("--model", default="bundled", help="model directory (default: bundled)")
    options.add_argument("--zero-shot", action="store_true", help="CLIP and words, untrained")
    options.add_argument("--split", help="only rows of this split")
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options.add_argument("--draws", type=int, default=1000, help="bootstrap draws (default: 1000)")
    options.add_argument("--seed", type=int, default=0, help="of the bootstrap")
    options.add_argument("--yunet", type=Path, help="YuNet's ONNX file; Haar cascade without it")
    options.add_argument("--utk", type=Path, help="labelled faces for the sex probe (path, sex)")
    options.add_argument(
        "--voices", type=Path, help="labelled voices for the sex probe (path, sex, source)"
    )
    options.add_argument("--store", type=Path, default=STORE, help="folder of features made here")
    return options


@reported
def main(argv: list[str] | None = None) -> int:
    """Print the figures; 2 and one line on stderr for input that cannot be used."""
    options = parser()
    arguments = options.parse_args(argv)
    logging.basicConfig(level=logging.ERROR)
    torch.set_num_threads(1)
    if arguments.draws < 1:
        raise DataError("--draws must be at least 1")
    if arguments.zero_shot and not arguments.features:
        raise DataError("--zero-shot needs the --features of a CLIP")
    if arguments.protocol:
        print(evaluate_listed(arguments))
        return 0
    result = evaluate(arguments)
    print(json.dumps(result.as_dict()) if arguments.json else result.table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
