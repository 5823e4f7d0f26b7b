"""An association on a manifest of pairs, beside the sex-only baseline and zero-shot CLIP."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vclip.arrays import Float32, Float64, Floating
from vclip.errors import DataError
from vclip.models import directory
from vclip.recipes.data.features import make_features
from vclip.recipes.data.manifest import LABELLED_SOURCES, Labelled, read_labelled, read_pairs
from vclip.recipes.data.shards import (
    PairFeatures,
    Shards,
    open_features,
    pair_features,
)
from vclip.recipes.evaluation import zero_shot
from vclip.recipes.evaluation.model_features import (
    encode_faces,
    encode_voices,
    fitting_features,
    load_heads,
    sees_by_clip,
)
from vclip.recipes.evaluation.settings import EvaluationSettings
from vclip.recipes.metrics import cross_modal
from vclip.recipes.metrics.cross_modal import CrossModalReport

TITLES = {
    "auc": "AUC, all cross pairs",
    "eer": "EER, all cross pairs",
    "auc_within_sex": "AUC within sex",
    "match_face_to_voice": "1:2 matching, face to voice",
    "match_voice_to_face": "1:2 matching, voice to face",
}


def probability_female(rows: Sequence[Labelled], media: Shards, of: Float32) -> Float64:
    """P(female) (N,) of features of (N, F) by a logistic probe on labelled rows with features."""
    known = [row for row in rows if row.key in media]
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    probe.fit(media.matrix([row.key for row in known]), [row.sex == "F" for row in known])
    return np.asarray(probe.predict_proba(of)[:, 1], dtype=np.float64)


def same_sex(faces: Float64, voices: Float64) -> Float64:
    """(N, M) probability that a face and a voice are of one sex; P(female) of each (N,), (M,)."""
    return np.outer(faces, voices) + np.outer(1 - faces, 1 - voices)


@dataclass(frozen=True)
class PairEvaluation:
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
    association: CrossModalReport
    sex_only: CrossModalReport | None
    zero_shot: CrossModalReport | None

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            name: value.as_dict() if isinstance(value, CrossModalReport) else value
            for name, value in vars(self).items()
        }

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
        for name, title in TITLES.items():
            reports = (self.association, self.sex_only, self.zero_shot)
            cells = [str(getattr(r, name)) if r else "not computed" for r in reports]
            lines.append(f"{title:30}{''.join(f'{cell:24}' for cell in cells)}".rstrip())
        return "\n".join(lines)


def evaluate(settings: EvaluationSettings) -> PairEvaluation:
    """Features, scores and figures of one manifest under one model directory."""
    assert settings.pairs is not None
    folder = directory.find_model(settings.model)
    if not settings.features and sees_by_clip(folder):
        raise DataError(f"{folder} sees by a CLIP; give its --features (--image-encoder clip)")
    heads = load_heads(folder)
    pairs = read_pairs(settings.pairs, settings.split)
    encoder = str(folder / "face_encoder.safetensors")
    make = partial(make_features, store=settings.store, yunet=settings.yunet)
    if settings.features:
        sides = fitting_features(settings.features, settings.model, heads)
    else:
        sides = open_features(make(settings.pairs, encoder, "resemblyzer"))
    features = pair_features(pairs, *sides)
    faces, voices = features.first()
    scores = {"association": encode_faces(heads, faces) @ encode_voices(heads, voices).T}
    if settings.utk and settings.voices and not settings.features:
        seen, _ = open_features(make(settings.utk, encoder))
        _, heard = open_features(make(settings.voices, None, "resemblyzer"))
        scores["sex_only"] = same_sex(
            probability_female(read_labelled(settings.utk), seen, faces),
            probability_female(read_labelled(settings.voices, LABELLED_SOURCES), heard, voices),
        )
    if settings.zero_shot:
        people = zero_shot.read_manifest(settings.pairs)
        text_encoder = zero_shot.text_encoder(sides[0].about)
        scores["zero_shot"] = zero_shot.pair_scores(features, people, text_encoder)
    return summarise(settings, features, str(sides[0].about.get("detector", "unknown")), scores)


def summarise(
    settings: EvaluationSettings,
    features: PairFeatures,
    detector: str,
    scores: Mapping[str, Floating],
) -> PairEvaluation:
    """The figures of scores (N, N) by method, each with intervals over the same draws of people."""
    person, sex = [p.person for p in features.pairs], [p.sex for p in features.pairs]
    reports = {
        name: cross_modal.evaluate(
            table.astype(np.float64),
            person,
            sex,
            settings.draws,
            np.random.default_rng(settings.seed),
        )
        for name, table in scores.items()
    }
    return PairEvaluation(
        model=settings.model,
        pairs=str(settings.pairs),
        split=settings.split or "",
        detector=detector,
        rows=len(person),
        persons=len(set(person)),
        rows_without_sex=sex.count(""),
        whole_pictures=len(features.report.whole_pictures),
        skipped=features.report.skipped,
        association=reports["association"],
        sex_only=reports.get("sex_only"),
        zero_shot=reports.get("zero_shot"),
    )
