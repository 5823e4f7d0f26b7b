"""Everything that is worked out from a table of ratings (`export.frame`), question by question.

`report` turns it into words and figures; `python -m vclip.listening.analyse` prints it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
import pandas as pd

from vclip.errors import StudyError
from vclip.listening import agreement, choices, exclusion, ordinal, preference, scores
from vclip.listening.bootstrap import TwoWay
from vclip.listening.parts import ACR
from vclip.listening.study import Study

DRAWS = 2000


@dataclass(frozen=True)
class Answered:
    """One question. What does not belong to its type is empty or None."""

    id: str
    type: str
    prompt: str
    n_ratings: int  # judgements; of multi, sounds
    n_raters: int
    n_items: int
    means: list[scores.Mean]  # acr, multi
    comparisons: list[scores.Comparison]
    ordinal: ordinal.Ordinal | None  # acr
    agreement: agreement.Agreement | None  # acr, multi
    preferences: preference.Preferences | None  # ab
    accuracies: list[choices.Accuracy]  # abx, afc


@dataclass(frozen=True)
class Results:
    """A whole study; excluded_by: raters who broke each rule. raw: nobody was left out."""

    study: str
    version: str
    title: str
    raw: bool
    draws: int
    seed: int
    labels: dict[str, str]  # of conditions
    n_raters: int  # who rated anything and are analysed
    n_excluded: int
    excluded_by: dict[str, int]
    n_ratings: int
    median_seconds: float
    questions: list[Answered]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, which knows no nan."""
        found: dict[str, Any] = _plain(asdict(self))
        return found


def analyse(
    study: Study | None,
    frame: pd.DataFrame,
    draws: int = DRAWS,
    seed: int = 0,
    raw: bool = False,
) -> Results:
    """Of a marked table, without excluded raters unless raw; the same seed gives the same results.

    Raises StudyError if nothing is left to analyse.
    """
    rated = frame[frame["purpose"] == "rating"]
    left = rated if raw else exclusion.clean(rated)
    if left.empty:
        raise StudyError(
            "there are no ratings" if rated.empty else "every rater is excluded; look at them raw"
        )
    reasons = exclusion.reasons_of(frame)
    names = order(study, left)
    ids = [q.id for q in study.questions] if study else sorted(left["question"].unique())
    by_question = {name: rows for name, rows in left.groupby("question")}
    first = left.iloc[0]
    return Results(
        study=str(first["study"]),
        version=str(first["version"]),
        title=study.title if study else str(first["study"]),
        raw=raw,
        draws=draws,
        seed=seed,
        labels={c.id: c.label for c in study.conditions} if study else {n: n for n in names},
        n_raters=left["rater"].nunique(),
        n_excluded=0 if raw else len(reasons),
        excluded_by=exclusion.by_rule(reasons),
        n_ratings=len(left.drop_duplicates(["rater", "position"])),
        median_seconds=float(left["seconds"].median()),
        questions=[
            answered(by_question[name], names, _prompt(study, name), draws, seed + i)
            for i, name in enumerate(ids)
            if name in by_question
        ],
    )


def answered(
    rows: pd.DataFrame, names: Sequence[str], prompt: str, draws: int, seed: int
) -> Answered:
    """One question's rows, not empty; names: all conditions in their order."""
    rng = np.random.default_rng(seed)
    kind = str(rows["type"].iloc[0])
    two_way = TwoWay(rows["rater"].to_numpy(), rows["item"].to_numpy(), draws, rng)
    numbers = kind in (*ACR, "multi")
    rated = [name for name in names if (rows["condition"] == name).any()]
    return Answered(
        id=str(rows["question"].iloc[0]),
        type=kind,
        prompt=prompt,
        n_ratings=len(rows),
        n_raters=two_way.n_raters,
        n_items=two_way.n_items,
        means=scores.means(rows, rated, two_way) if numbers else [],
        comparisons=scores.comparisons(rows, rated, two_way) if numbers else [],
        ordinal=ordinal.fit(rows, rated) if kind in ACR else None,
        agreement=agreement.agreement(rows, rng) if numbers else None,
        preferences=preference.preferences(rows, names, two_way) if kind == "ab" else None,
        accuracies=choices.accuracies(rows, two_way) if kind in ("abx", "afc") else [],
    )


def order(study: Study | None, frame: pd.DataFrame) -> list[str]:
    """Conditions in the order of the study file; without one, by name."""
    if study:
        return [condition.id for condition in study.conditions]
    shown = {name for row in frame["conditions"] for name in str(row).split()}
    return sorted(shown | set(frame["condition"]) - {""})


def _prompt(study: Study | None, name: str) -> str:
    """What raters were asked; nothing of a question that the file no longer has."""
    return next((q.prompt for q in study.questions if q.id == name), "") if study else ""


def _plain(value: Any) -> Any:
    """Without nan, recursively."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
