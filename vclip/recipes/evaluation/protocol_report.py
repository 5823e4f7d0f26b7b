"""Figures of a published protocol as a table or JSON, or the score files its organisers ask for."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from vclip.errors import DataError, OutputError
from vclip.models import directory
from vclip.recipes.data.shards import open_features
from vclip.recipes.evaluation import protocols, zero_shot_baseline
from vclip.recipes.evaluation.model_features import fitting_features, load_heads
from vclip.recipes.evaluation.protocol_evaluation import ProtocolEvaluation, embed_media
from vclip.recipes.evaluation.settings import EvaluationSettings


def load(settings: EvaluationSettings) -> ProtocolEvaluation:
    """A protocol embedded by a model's heads or the zero-shot baseline. DataError, ModelError.

    The baseline has descriptions of speakers in the place of voices.
    """
    lists, features = settings.lists, settings.features
    assert settings.protocol and lists and features
    protocol, ids = protocols.read(settings.protocol, lists, settings.meta)
    if settings.zero_shot:
        people = zero_shot_baseline.read_meta(settings.meta or lists / "vox1_meta.csv")
        embedded = zero_shot_baseline.embed_media(protocol, ids, open_features(features), people)
    else:
        heads = load_heads(directory.find_model(settings.model))
        sides = fitting_features(features, settings.model, heads)
        embedded = embed_media(protocol, ids, sides, heads)
    return ProtocolEvaluation(protocol, *embedded, settings.draws, settings.seed)


def report(settings: EvaluationSettings) -> str:
    """The figures as a table or JSON; names of written files where a submission is asked for."""
    evaluation = load(settings)
    if settings.submission:
        return "\n".join(map(str, submit(evaluation, settings.submission, settings.heard)))
    model = "zero-shot bridge" if settings.zero_shot else settings.model
    protocol, sides = evaluation.protocol, {"faces": evaluation.faces, "voices": evaluation.voices}
    if settings.json:
        told = {
            "protocol": protocol.name,
            "title": protocol.title,
            "model": model,
            "missing": {what: side.missing for what, side in sides.items()},
            "listed": {what: side.listed for what, side in sides.items()},
            "lines": [asdict(figure) for figure in evaluation.figures()],
        }
        return json.dumps(told)
    missing = [f"{side.missing:,} of {side.listed:,} {what}" for what, side in sides.items()]
    head = f"{'':4}{'':15}{'list':23}{'figure':9}{'value [95 %]':24}{'chance':>8}"
    lines = [
        f"{protocol.name}: {protocol.title}; model {model}",
        *protocol.notes,
        f"listed media without features: {', '.join(missing)}",
        f"{head}{'trials':>9}{'missing':>9}",
        *map(str, evaluation.figures()),
    ]
    return "\n".join(lines)


def submit(evaluation: ProtocolEvaluation, folder: Path, heard: str) -> list[Path]:
    """FAME's score files, `id distance` a line, of a model trained on the language heard.

    Raises DataError for trials without ids or with missing media, OutputError.
    """
    written = []
    for trials in evaluation.protocol.verification:
        cosines, there = evaluation.scores(trials)
        if not trials.ids or not there.all():
            raise DataError(f"{trials.name}: {int((~there).sum())} trials have no score, or no id")
        distances = np.sqrt(np.maximum(0, 2 - 2 * cosines))  # of unit vectors
        name = f"sub_score_{heard}_{'heard' if trials.name == heard else 'unheard'}.txt"
        lines = [f"{i} {d:f}\n" for i, d in zip(trials.ids, distances, strict=True)]
        try:
            (folder / name).write_text("".join(lines))
        except OSError as error:
            raise OutputError(f"cannot write {folder / name}: {error}") from error
        written.append(folder / name)
    return written
