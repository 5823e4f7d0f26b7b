"""Ratings of simulated panels, for tests of everything behind them."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import toy_study

from vclip.listening.analysis import rating_table
from vclip.listening.design.session_plan import plan_session
from vclip.listening.design.study import Study
from vclip.listening.design.trials import Counts, Trial, cell_of, presentation_order
from vclip.listening.simulation.raters import RaterPanel, SimulatedRater, planted
from vclip.listening.store.records import Answer, Rating

ALL = "acr_naturalness acr_fit ab abx afc multi"


def panel(study: Study, seed: int = 0, effect: float = 0.6, **careless: float) -> RaterPanel:
    return RaterPanel(study, planted(study, effect), np.random.default_rng(seed), **careless)


def ratings(
    study: Study, n_raters: int = 12, seed: int = 0, effect: float = 0.6, **careless: float
) -> list[Rating]:
    found = panel(study, seed, effect, **careless)
    return rated_by(found, n_raters, np.random.default_rng(seed + 1))


def rated_by(panel: RaterPanel, n_raters: int, rng: np.random.Generator) -> list[Rating]:
    """Whole sessions of n raters, one after the other, without a server; numbers begin at 1."""
    plans: list[list[Trial]] = []
    found: list[Rating] = []
    for number, rater in enumerate(panel.raters(n_raters, rng), start=1):
        trials = plan_session(panel.study, counted(panel.study, plans), rng)
        plans.append(trials)
        found += [rating(panel, number, rater, trial, rng) for trial in trials]
    return found


def counted(study: Study, plans: Iterable[Sequence[Trial]]) -> Counts:
    """Counts of whole sessions, as an oracle for what a store counts."""
    sessions = list(plans)
    rated = [t for trials in sessions for t in trials if t.purpose == "rating"]
    orders = Counter(map(presentation_order, rated))
    return Counts(Counter(cell_of(study, t) for t in rated), orders, len(sessions))


def rating(
    panel: RaterPanel, number: int, rater: SimulatedRater, trial: Trial, rng: np.random.Generator
) -> Rating:
    """One trial as the store would tell it."""
    study, told = panel.study, trial.expected if trial.purpose == "attention" else None
    value = panel.answer(rater, trial.question, trial.sounds, trial.item, told, rng)
    answer = Answer(
        position=trial.position,
        value=value,
        heard=[],
        plays=[1] * len(trial.conditions),
        seconds=float(rater.seconds * rng.lognormal(0, 0.3)),
        request="",
        share=1.0,
        created="2026-01-01T00:00:00.000+00:00",
    )
    kind = study.question(trial.question).type
    return Rating.of(
        trial, answer, study=study.study, version=study.version, rater=number, type=kind
    )


def table(study: Study, n_raters: int = 12, **options: Any) -> pd.DataFrame:
    return rating_table.frame(ratings(study, n_raters, **options), study)


def everything(**design: Any) -> Study:
    """A study of every type of question."""
    return toy_study.study(6, "abc", ALL, **{"trials_per_rater": 24} | design)
