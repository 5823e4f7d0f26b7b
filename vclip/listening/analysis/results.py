"""Results of a study: everything worked out from its table of ratings, question by question.

`report` turns them into words, `charts` into figures.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from platform import python_version
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from vclip import __version__
from vclip.errors import StudyError
from vclip.listening.analysis import (
    agreement,
    exclusion,
    forced_choice,
    ordinal,
    preference,
    scores,
)
from vclip.listening.analysis.bootstrap import TwoWayBootstrap
from vclip.listening.design.study import ACR, Study

DRAWS = 2000


@dataclass(frozen=True)
class QuestionResults:
    """Results of one question. What does not belong to its type is empty or None."""

    id: str
    type: str
    prompt: str
    n_ratings: int  # judgements; of multi, sounds
    n_raters: int
    n_items: int
    means: list[scores.ConditionMean]  # acr, multi
    comparisons: list[scores.PairComparison]
    ordinal: ordinal.OrdinalFit | None  # acr
    agreement: agreement.Agreement | None  # acr, multi
    preferences: preference.Preferences | None  # ab
    accuracies: list[forced_choice.Accuracy]  # abx, afc


@dataclass(frozen=True)
class StudyResults:
    """A whole study; excluded_by: raters who broke each rule. raw: nobody was left out."""

    study: str
    version: str
    sha256: str  # of the study file; empty without
    title: str
    raw: bool
    draws: int
    seed: int
    labels: dict[str, str]  # of the conditions that were rated
    n_raters: int  # who rated anything and are analysed
    n_excluded: int
    excluded_by: dict[str, int]
    n_ratings: int
    per_rater: tuple[int, int]  # fewest and most ratings of one rater
    median_seconds: float  # of trials
    software: dict[str, str]  # versions
    questions: list[QuestionResults]

    def as_dict(self) -> dict[str, Any]:
        """As JSON has it, which knows no nan: None instead."""
        found: dict[str, Any] = json.loads(json.dumps(asdict(self)), parse_constant=lambda _: None)
        return found


def analyse(
    study: Study | None, frame: pd.DataFrame, draws: int = DRAWS, seed: int = 0, raw: bool = False
) -> StudyResults:
    """Results of a marked table, without excluded raters unless raw; deterministic for a seed.

    Raises StudyError if nothing is left to analyse.
    """
    rated = frame[frame["purpose"] == "rating"]
    left = rated if raw else exclusion.clean(rated)
    if left.empty:
        raise StudyError(
            "there are no ratings" if rated.empty else "every rater is excluded; look at them raw"
        )
    reasons = exclusion.reasons_of(frame)
    labels = _labels(study, left)
    prompts = {q.id: q.prompt for q in study.questions} if study else {}
    by_question = {str(name): rows for name, rows in left.groupby("question")}  # sorted
    # matrices are small: threads of BLAS only spin, and take the processor from raters' requests
    with threadpool_limits(limits=1, user_api="blas"):
        questions = [
            question_results(
                by_question[name], list(labels), prompts.get(name, ""), draws, seed + i
            )
            for i, name in enumerate(prompts or by_question)
            if name in by_question
        ]
    first, trials = left.iloc[0], left.drop_duplicates(["rater", "position"])
    each = trials["rater"].value_counts()
    return StudyResults(
        study=str(first["study"]),
        version=str(first["version"]),
        sha256=study.sha256 if study else "",
        title=study.title if study else str(first["study"]),
        raw=raw,
        draws=draws,
        seed=seed,
        labels=labels,
        n_raters=left["rater"].nunique(),
        n_excluded=0 if raw else len(reasons),
        excluded_by=exclusion.by_rule(reasons),
        n_ratings=len(trials),
        per_rater=(int(each.min()), int(each.max())),
        median_seconds=float(trials["seconds"].median()),
        software=software(),
        questions=questions,
    )


def question_results(
    rows: pd.DataFrame, names: Sequence[str], prompt: str, draws: int, seed: int
) -> QuestionResults:
    """One question's rows, not empty; names: all conditions in their order."""
    rng = np.random.default_rng(seed)
    kind = str(rows["type"].iloc[0])
    two_way = TwoWayBootstrap(rows["rater"].to_numpy(), rows["item"].to_numpy(), draws, rng)
    numbers = kind in (*ACR, "multi")
    rated = [name for name in names if (rows["condition"] == name).any()]
    return QuestionResults(
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
        accuracies=forced_choice.accuracies(rows, two_way) if kind in ("abx", "afc") else [],
    )


def software() -> dict[str, str]:
    """Versions of what the numbers depend on."""
    packages = ("numpy", "scipy", "pandas", "krippendorff")
    return {"vclip": __version__, "Python": python_version(), **{p: version(p) for p in packages}}


def _labels(study: Study | None, frame: pd.DataFrame) -> dict[str, str]:
    """Of conditions that were rated, in the order of the study file; without one, by name."""
    shown = {name for row in frame["conditions"].unique() for name in str(row).split()}
    if study is None:
        return {name: name for name in sorted(shown)}
    return {c.id: c.label for c in study.conditions if c.id in shown}
