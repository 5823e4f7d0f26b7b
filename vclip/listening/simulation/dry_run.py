"""Dry run of a study: a simulated panel without a server, for tests and for planning.

How wide the intervals will be with so many raters can be seen before anybody was asked.
"""

from collections.abc import Collection

import numpy as np

from vclip.listening.analysis import results
from vclip.listening.design.plan import plan
from vclip.listening.design.study import ACR, Study
from vclip.listening.design.trials import Counts, Trial
from vclip.listening.simulation.raters import GroundTruth, RaterPanel, SimulatedRater
from vclip.listening.store.records import Answer, Rating


def ratings(
    study: Study, panel: RaterPanel, n_raters: int, rng: np.random.Generator
) -> list[Rating]:
    """Whole sessions of n raters, one after the other; numbers of raters begin at 1."""
    plans: list[list[Trial]] = []
    found: list[Rating] = []
    for number, rater in enumerate(panel.raters(n_raters, rng), start=1):
        trials = plan(study, Counts.of(study, plans), rng)
        plans.append(trials)
        found += [rated(study, panel, number, rater, trial, rng) for trial in trials]
    return found


def rated(
    study: Study,
    panel: RaterPanel,
    number: int,
    rater: SimulatedRater,
    trial: Trial,
    rng: np.random.Generator,
) -> Rating:
    """One trial as the store would tell it."""
    told = trial.expected if trial.purpose == "attention" else None
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


def covered(
    found: results.QuestionResults, truth: GroundTruth, names: Collection[str]
) -> list[bool]:
    """Of the mean of each named condition of an ACR question, whether it holds the planted one."""
    means = found.means if found.type in ACR else []
    return [
        one.mean.low <= truth.mean(one.condition) <= one.mean.high
        for one in means
        if one.condition in names
    ]
