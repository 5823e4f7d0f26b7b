"""Exclusion of raters (post-screening): the rules of the study file on the table of ratings.

A rater who breaks any rule is left out with everything; nothing is deleted, so that results can be
had raw and clean. Rules: attention, gold, straight-lining, one side, speed, heard.

What an honest rater risks by the defaults: of raters who say 3 to half of all sounds and 2 or 4
to the others, 1.1 % break "straight-lining" by ten ratings and 0.01 % by twenty (by five 3.3 %
would); of raters who flip a coin, 2 / 2¹⁰ = 0.2 % break "one side" by ten choices, fewer by more.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from vclip.listening.design.study import ACR, Exclusion, Study

Reasons = dict[int, list[str]]

CHOICES = ("ab", "abx", "afc")
LEAST = 10  # ratings before their variance says anything; choices, before their side does
LEAST_TIMES = 5


def exclusion_reasons(study: Study, frame: pd.DataFrame) -> Reasons:
    """Reasons for exclusion by rater: a sentence for each broken rule that begins with its name.

    Raters who break none are not in it.
    """
    trials = frame.drop_duplicates(["rater", "position"])  # multi has several rows a trial
    found = {r: list(_broken(study.exclusion, mine)) for r, mine in trials.groupby("rater")}
    return {int(str(rater)): reasons for rater, reasons in found.items() if reasons}


def mark(study: Study, frame: pd.DataFrame) -> pd.DataFrame:
    """Table with the columns `excluded` and `reason` filled."""
    reasons = {rater: "; ".join(why) for rater, why in exclusion_reasons(study, frame).items()}
    reason = frame["rater"].map(lambda rater: reasons.get(rater, ""))
    return frame.assign(excluded=reason != "", reason=reason)


def clean(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows of raters who broke no rule."""
    return frame[~frame["excluded"].astype(bool)]


def by_rule(reasons: Mapping[int, Sequence[str]]) -> dict[str, int]:
    """How many raters broke each rule; one rater may break several."""
    return dict(Counter(why.split(":")[0] for found in reasons.values() for why in found))


def reasons_of(frame: pd.DataFrame) -> Reasons:
    """Reasons for exclusion, read back from a marked table."""
    marked = frame[frame["excluded"].astype(bool)].drop_duplicates("rater")
    pairs = zip(marked["rater"], marked["reason"], strict=True)
    return {int(rater): str(reason).split("; ") for rater, reason in pairs}


def _broken(rules: Exclusion, trials: pd.DataFrame) -> Iterator[str]:
    """The rules that one rater's trials break, as sentences."""
    for purpose, least in (("attention", rules.attention_min), ("gold", rules.gold_min)):
        checks = trials[trials["purpose"] == purpose]["correct"].dropna().astype(bool)
        right, n = int(checks.sum()), len(checks)
        if n and right / n < least:
            yield f"{purpose}: {right} of {n} right, at least {100 * least:g} % must be"
    ratings = trials[trials["purpose"] == "rating"]
    values = ratings[ratings["type"].isin(ACR)]["value"].astype(float)
    if len(values) >= LEAST and (variance := values.var(ddof=0)) < rules.min_variance:
        yield (
            f"straight-lining: variance {variance:.3f} of {len(values)} ratings, "
            f"at least {rules.min_variance:g} must be"
        )
    yield from _one_side(rules, ratings)
    if len(ratings) >= LEAST_TIMES and (median := ratings["seconds"].median()) < rules.min_seconds:
        yield f"speed: median {median:.1f} s, at least {rules.min_seconds:g} s must be"
    if (unheard := int((ratings["heard"] < rules.heard).sum())) > 0:
        yield f"heard: {unheard} ratings of sounds heard less than {100 * rules.heard:g} %"


def _one_side(rules: Exclusion, ratings: pd.DataFrame) -> Iterator[str]:
    """Slots are counterbalanced, so nobody who listens takes the same one again and again."""
    choices = ratings[ratings["type"].isin(CHOICES) & (ratings["answer"] != "tie")]["answer"]
    if len(choices) < LEAST:
        return
    ((slot, n),) = Counter(choices).most_common(1)
    if n / len(choices) > rules.max_side:
        most = f"at most {100 * rules.max_side:g} % may be"
        yield f"one side: {n} of {len(choices)} choices were {slot}, {most}"
