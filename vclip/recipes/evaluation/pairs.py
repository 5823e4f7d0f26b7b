"""An association on a manifest of pairs, beside the sex-only baseline and zero-shot CLIP."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from vclip.arrays import Float32, Float64
from vclip.errors import DataError
from vclip.models import directory
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.recipes.data.manifest import LABELLED_SOURCES, Labelled, read_labelled, read_pairs
from vclip.recipes.data.shards import Shards, pair_features
from vclip.recipes.evaluation import zero_shot_baseline
from vclip.recipes.evaluation.model_features import (
    encode_faces,
    encode_voices,
    fitting_features,
    load_heads,
)
from vclip.recipes.evaluation.settings import EvaluationSettings
from vclip.recipes.metrics import cross_modal
from vclip.recipes.metrics.intervals import Estimate

METHODS = {
    "association": "association",
    "sex_only": "sex only",
    "zero_shot": "zero-shot bridge",
}
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


def evaluate(settings: EvaluationSettings) -> dict[str, Any]:
    """Figures of one manifest under one model directory, by method, and what they are of."""
    assert settings.pairs is not None
    folder = directory.find_model(settings.model)
    described = not settings.features and (folder / DESCRIPTION).is_file()
    if described and ModelDirectory.open(str(folder)).clip("image_encoder"):
        raise DataError(f"{folder} sees by a CLIP; give its --features (--image-encoder clip)")
    heads = load_heads(folder)
    pairs = read_pairs(settings.pairs, settings.split)
    encoder = str(folder / "face_encoder.safetensors")
    if settings.features:
        sides = fitting_features(settings.features, settings.model, heads)
    else:
        sides = settings.source.open(settings.pairs, encoder, "resemblyzer")
    features = pair_features(pairs, *sides)
    faces, voices = features.first()
    scores = {"association": encode_faces(heads, faces) @ encode_voices(heads, voices).T}
    if settings.utk and settings.voices and not settings.features:
        seen, _ = settings.source.open(settings.utk, encoder)
        _, heard = settings.source.open(settings.voices, voice_encoder="resemblyzer")
        scores["sex_only"] = same_sex(
            probability_female(read_labelled(settings.utk), seen, faces),
            probability_female(read_labelled(settings.voices, LABELLED_SOURCES), heard, voices),
        )
    if settings.zero_shot:
        people = zero_shot_baseline.read_manifest(settings.pairs)
        text_encoder = zero_shot_baseline.text_encoder(sides[0].about)
        scores["zero_shot"] = zero_shot_baseline.pair_scores(features, people, text_encoder)
    person, sex = [p.person for p in features.pairs], [p.sex for p in features.pairs]
    reports = {}
    for method, matrix in scores.items():  # under the same draws of people
        rng = np.random.default_rng(settings.seed)
        found = matrix.astype(np.float64)
        reports[method] = asdict(cross_modal.evaluate(found, person, sex, settings.draws, rng))
    return {
        "model": settings.model,
        "pairs": str(settings.pairs),
        "split": settings.split or "",
        "detector": str(sides[0].about.get("detector", "unknown")),
        "rows": len(person),
        "persons": len(set(person)),
        "rows_without_sex": sex.count(""),
        "whole_pictures": len(features.report.whole_pictures),
        "skipped": features.report.skipped,
        **{method: reports.get(method) for method in METHODS},
    }


def table(told: Mapping[str, Any]) -> str:
    """What was evaluated, for people: one line per figure, intervals in brackets."""
    lines = [
        "{pairs} ({split}): {rows} rows, {persons} persons, model {model}, detector "
        "{detector}".format_map({**told, "split": told["split"] or "all"}),
        f"whole picture for want of a face: {told['whole_pictures']}; skipped: "
        f"{len(told['skipped'])}; without sex, not in 'within sex': {told['rows_without_sex']}",
        *(f"  {reason}" for reason in told["skipped"]),
        f"{'':30}{''.join(f'{title:24}' for title in METHODS.values())}",
    ]
    for name, title in TITLES.items():
        found = [told[method] and Estimate(**told[method][name]) for method in METHODS]
        cells = "".join(f"{estimate or 'not computed'!s:24}" for estimate in found)
        lines.append(f"{title:30}{cells}".rstrip())
    return "\n".join(lines)
