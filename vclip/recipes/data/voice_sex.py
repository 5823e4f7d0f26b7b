"""Sex of a voice, for statistics of banks only: nothing of it is ever shown to a visitor.

A logistic probe on voice features and the logarithm of the median F0, trained on labelled readers.
Why not F0 alone: the threshold of 165 Hz errs for low women's and high men's voices. Why not the
features alone: a probe of one set of recordings hears the sound of another as well as the sex.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from vclip.arrays import Bools, Float64, Floating, Strings
from vclip.errors import DataError
from vclip.recipes.data.recordings import SpeakerVoices

THRESHOLD = 165.0  # Hz; median F0 against it agrees with 98 % of VCTK's sex labels
FOLDS = 10
C = 0.01  # inverse strength of the L2 penalty on standardised inputs
WEIGHT = 10.0  # of log F0 among 256 features; with 1, a probe gets 0.79 of another set, now 0.90


def by_pitch(f0: Floating) -> Strings:
    """'F' where the median F0 (N,) in Hz lies above THRESHOLD, else 'M'."""
    return np.where(np.asarray(f0) > THRESHOLD, "F", "M")


def inputs(voices: SpeakerVoices) -> Float64:
    """(N, V + 1): voice features and log2 F0."""
    return np.column_stack([voices.voice_features, np.log2(voices.f0)]).astype(np.float64)


def _probe() -> Pipeline:
    weigh = FunctionTransformer(lambda rows: rows * np.append(np.ones(rows.shape[1] - 1), WEIGHT))
    return make_pipeline(StandardScaler(), weigh, LogisticRegression(C=C, max_iter=5000))


def _share(hits: Bools) -> float:
    return round(float(np.mean(hits)), 4)


@dataclass(frozen=True)
class SexProbe:
    """A fitted probe with its figures: accuracies on speakers that it was not trained on."""

    model: Pipeline
    figures: dict[str, float]

    @classmethod
    def fit(cls, sources: Sequence[SpeakerVoices]) -> "SexProbe":
        """Fit to labelled voices of several sources. Raises DataError without both sexes."""
        sex = np.array([sex for voices in sources for sex in voices.sex])
        known = sex != ""
        rows = np.concatenate([inputs(voices) for voices in sources])[known]
        f0, sex = np.concatenate([voices.f0 for voices in sources])[known], sex[known]
        if min(np.sum(sex == "F"), np.sum(sex == "M")) < FOLDS:
            raise DataError(f"the labelled voices need {FOLDS} speakers of either sex at least")
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
        unseen = cross_val_predict(_probe(), rows, sex, cv=folds)
        figures = {
            "labelled_speakers": float(len(sex)),
            "probe_right_on_unseen": _share(unseen == sex),
            "pitch_right": _share(by_pitch(f0) == sex),
        }
        return cls(_probe().fit(rows, sex), figures)

    def classify(self, voices: SpeakerVoices) -> tuple[Strings, dict[str, float]]:
        """'F' or 'M' of every voice (N,), and how often probe and F0 agree."""
        sex = self.model.predict(inputs(voices))
        return np.asarray(sex, dtype="<U1"), {
            "agreement_of_probe_and_pitch": _share(sex == by_pitch(voices.f0)),
            "n_F": float(np.sum(sex == "F")),
            "n_M": float(np.sum(sex == "M")),
        }
