"""Audit of a simulated panel: what the store kept of it, who was excluded, how long things took."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from vclip.errors import StudyError
from vclip.listening.analysis import exclusion, rating_table
from vclip.listening.analysis.results import QuestionResults, analyse
from vclip.listening.design.study import ACR
from vclip.listening.simulation.http_rater import SessionLog
from vclip.listening.simulation.raters import RaterPanel
from vclip.listening.simulation.stimulus_index import StimulusIndex
from vclip.listening.store.store import Store


def audit(store: Store, logs: Sequence[SessionLog]) -> dict[str, Any]:
    """Compare stored with acknowledged answers, by rater and position."""
    kept = [(r.rater, r.position) for r in store.ratings()]
    lost, changed, unknown = 0, 0, 0
    for log in logs:
        rater = store.rater(log.token) if log.token else None
        stored = store.answers(rater) if rater is not None else {}
        lost += len(log.answers.keys() - stored.keys())
        unknown += len(stored.keys() - log.answers.keys())
        both = log.answers.keys() & stored.keys()
        changed += sum(log.answers[at] != stored[at].value for at in both)
    return {
        "answers": sum(len(log.answers) for log in logs),
        "ratings_lost": lost,
        "ratings_changed": changed,
        "ratings_duplicated": len(kept) - len(set(kept)),
        "never_acknowledged": unknown,
    }


def evaluate(store: Store, logs: Sequence[SessionLog], panel: RaterPanel) -> dict[str, Any]:
    """Exclusions, and whether the results agree with the simulated truth."""
    study, ids = panel.study, {store.rater(log.token): log.kind for log in logs if log.token}
    table = rating_table.frame([r for r in store.ratings() if r.rater in ids], study)
    careless = {rater for rater, kind in ids.items() if kind != "attentive"}
    excluded = set(exclusion.reasons_of(table))
    found: dict[str, Any] = {
        "careless": len(careless),
        "careless_excluded": len(careless & excluded),
        "attentive_excluded": len(excluded - careless),
        "intervals": 0,
        "intervals_covering": 0,
    }
    with contextlib.suppress(StudyError):  # nobody is left
        questions = analyse(study, table).questions
        hits = [hit for question in questions for hit in covered(question, panel)]
        pairs = [pair for question in questions for pair in question.comparisons]
        found |= {"intervals": len(hits), "intervals_covering": sum(hits)}
        found |= {"pairs": len(pairs), "pairs_significant": sum(p.significant for p in pairs)}
    return found


def covered(found: QuestionResults, panel: RaterPanel) -> list[bool]:
    """Whether the interval of each ACR mean holds the true one, by condition."""
    known = StimulusIndex(panel.study).told_apart(found.id)
    return [
        one.mean.low <= panel.truth.mean(one.condition) <= one.mean.high
        for one in found.means
        if found.type in ACR and one.condition in known
    ]


def times(logs: Sequence[SessionLog]) -> dict[str, float | None]:
    """Seconds from sending an answer to the next trial, and to its last sound."""
    found: dict[str, float | None] = {}
    for name in ("to_trial", "to_sound"):
        values = [value for log in logs for value in getattr(log, name)]
        for q in (50, 95, 100):
            value = round(float(np.percentile(values, q)), 4) if values else None
            found[f"{name}_p{q}_s"] = value
    return found
