"""Ratings of simulated panels, for tests of everything behind them."""

from typing import Any

import numpy as np
import pandas as pd
import toy_study

from vclip.listening.analysis import rating_table
from vclip.listening.design.study import Study
from vclip.listening.simulation import dry_run
from vclip.listening.simulation.raters import RaterPanel, planted
from vclip.listening.store.records import Rating

ALL = "acr_naturalness acr_fit ab abx afc multi"


def panel(study: Study, seed: int = 0, effect: float = 0.6, **careless: float) -> RaterPanel:
    return RaterPanel(study, planted(study, effect), np.random.default_rng(seed), **careless)


def ratings(
    study: Study, n_raters: int = 12, seed: int = 0, effect: float = 0.6, **careless: float
) -> list[Rating]:
    found = panel(study, seed, effect, **careless)
    return dry_run.ratings(study, found, n_raters, np.random.default_rng(seed + 1))


def table(study: Study, n_raters: int = 12, **options: Any) -> pd.DataFrame:
    return rating_table.frame(ratings(study, n_raters, **options), study)


def everything(**design: Any) -> Study:
    """A study of every type of question."""
    return toy_study.study(6, "abc", ALL, **{"trials_per_rater": 24} | design)
