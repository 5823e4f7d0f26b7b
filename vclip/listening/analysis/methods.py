"""Methods paragraph of a report: who rated what, who was left out, how numbers were made.

Every number in it is of the results, of the study file or of the sounds that it names.
"""

from collections.abc import Iterator, Sequence

from vclip.listening.analysis.exclusion import CHOICES, LEAST, LEAST_TIMES
from vclip.listening.analysis.results import StudyResults
from vclip.listening.analysis.scores import ALPHA
from vclip.listening.design.study import ACR, Study

TASKS = {
    "acr_naturalness": "rated naturalness on the five-point ACR scale (ITU-T P.800)",
    "acr_fit": "rated how well the voice fits the face on a five-point ACR scale",
    "ab": "said which of two sounds they preferred",
    "abx": "said which of two sounds a third one repeats (ABX)",
    "afc": "chose the voice that belongs to the face",
    "multi": "scored all conditions of an item side by side from 0 to 100, without a reference",
}


def methods(results: StudyResults, study: Study | None = None) -> str:
    """One paragraph; without the study file nothing is said of what only that knows."""
    sentences = [*_raters(results)]
    if study:
        sentences += [*_sounds(study), *_presented(study), *_rules(study)]
    sentences += [_left_out(results, study), *_statistics(results), *_models(results)]
    software = listed([f"{name} {version}" for name, version in results.software.items()])
    return " ".join([*sentences, f"Analysed with {software}."])


def count(n: int, what: str) -> str:
    """A number of things: 3 raters, 1 rater."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def listed(parts: Sequence[str], word: str = "and") -> str:
    """Enumeration: a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _raters(results: StudyResults) -> Iterator[str]:
    least, most = results.per_rater
    each = f"{least}" if least == most else f"{least} to {most}"
    file = f", study file with SHA-256 {results.sha256[:12]}…" if results.sha256 else ""
    yield (
        f"{count(results.n_raters, 'rater')} gave {count(results.n_ratings, 'rating')} ({each} "
        f"each; median {results.median_seconds:.1f} s per trial) in the listening test "
        f"“{results.title}” (version {results.version}{file})."
    )
    if len(results.labels) > 1:
        names = listed(list(results.labels.values()))
        yield f"It compared {len(results.labels)} conditions: {names}."
    tasks = dict.fromkeys(TASKS[question.type] for question in results.questions)
    yield f"Raters {listed(list(tasks))}."


def _sounds(study: Study) -> Iterator[str]:
    """Loudness as it was measured when the study was built."""
    measured = [s.lufs for item in study.items for s in item.stimuli.values()]
    known = [lufs for lufs in measured if lufs is not None]
    if not known:
        yield "The loudness of the sounds is not stated in the study file."
        return
    low, high = (f"{lufs:.1f}".replace("-", "−") for lufs in (min(known), max(known)))
    told = "All" if len(known) == len(measured) else f"{len(known)} of {len(measured)}"
    at = f"{low} LUFS" if low == high else f"{low} to {high} LUFS"
    yield f"{told} sounds were measured at {at} (ITU-R BS.1770)."


def _presented(study: Study) -> Iterator[str]:
    design, gates = study.design, study.gates
    yield (
        f"Each rater was asked for up to {count(design.trials_per_rater, 'rating')}; cells with "
        "the fewest ratings were assigned first, conditions were ordered by Williams squares and "
        "presentation within a trial was counterbalanced."
    )
    if design.training:
        yield "Training trials came first and are not analysed."
    checks = [(design.attention, "attention check"), (len(design.gold), "gold trial")]
    if told := [count(n, what) for n, what in checks if n]:
        yield f"Each session held {listed(told)} at random places, which are not analysed either."
    if gates.heard:
        yield (
            f"A trial could be answered once {_percent(gates.heard)} of every sound had been "
            "heard, measured from played ranges."
        )
    if gates.headphones != "off":
        kept = "was required" if gates.headphones == "require" else "was advisory"
        yield f"Headphone screening by Huggins pitch (Milne et al., 2021) {kept}."


def _rules(study: Study) -> Iterator[str]:
    rules, design, kinds = study.exclusion, study.design, {q.type for q in study.questions}
    broken = []
    if design.attention and rules.attention_min:
        broken.append(f"fewer than {_percent(rules.attention_min)} of attention checks right")
    if design.gold and rules.gold_min:
        broken.append(f"fewer than {_percent(rules.gold_min)} of gold trials right")
    if rules.min_variance and kinds & set(ACR):
        broken.append(f"a variance of {LEAST} or more ACR ratings below {rules.min_variance:g}")
    if rules.max_side < 1 and kinds & set(CHOICES):
        share = _percent(rules.max_side)
        broken.append(f"more than {share} of {LEAST} or more choices on one side")
    if rules.min_seconds:
        least = f"{rules.min_seconds:g} s"
        broken.append(f"a median time of {LEAST_TIMES} or more answers below {least}")
    if rules.heard:
        broken.append(f"a rating of a sound heard less than {_percent(rules.heard)}")
    if broken:
        yield f"Rules fixed in the study file exclude raters with {listed(broken, 'or')}."


def _left_out(results: StudyResults, study: Study | None) -> str:
    broken = [f"{rule} {n}" for rule, n in results.excluded_by.items()]
    why = f" ({', '.join(broken)}; one rater may break several)" if broken else ""
    if results.raw:
        although = f", although rules were broken{why}" if broken else ""
        return f"These are raw results: nobody was excluded{although}."
    if not results.n_excluded and study is None:
        return "No rater is marked as excluded in these data; no rule was applied to them here."
    if not results.n_excluded:
        return "No rater in these data broke a rule."
    were = "was" if results.n_excluded == 1 else "were"
    return f"{count(results.n_excluded, 'further rater')} {were} excluded{why}."


def _statistics(results: StudyResults) -> Iterator[str]:
    alone = [question.id for question in results.questions if question.n_items == 1]
    over = f" ({listed(alone)}, asked about one item: over raters alone)" if alone else ""
    yield (
        f"Intervals are 95 % intervals of a two-way bootstrap over raters and items{over} "
        f"({results.draws} draws, seed {results.seed}; Owen, 2007), scaled to Student's t times "
        "the two-way cluster standard error (Cameron et al., 2011)."
    )
    if any(question.comparisons or question.preferences for question in results.questions):
        yield (
            "p-values of pairs are two-sided, from the same intervals (below 0.05 where 0 is "
            f"outside), and corrected by Holm's method within each question; α = {ALPHA:g}."
        )


def _models(results: StudyResults) -> Iterator[str]:
    kinds = {question.type for question in results.questions}
    if any(question.ordinal for question in results.questions):
        yield (
            "Comparisons of ACR ratings were checked by a cumulative-logit model with crossed "
            "random effects of rater, item, rater × condition and stimulus, fitted by penalised "
            "likelihood with Laplace's approximation."
        )
    if any(question.agreement for question in results.questions):
        yield (
            "Agreement is Krippendorff's α; reliability of the stimuli's means is the intraclass "
            "correlation (Shrout & Fleiss, 1979) and the mean of random split halves."
        )
    if "ab" in kinds:
        yield (
            "Preferences were modelled by Bradley–Terry with ties (Davidson, 1970) and an effect "
            "of position (Davidson & Beaver, 1977)."
        )
    if kinds & {"abx", "afc"}:
        yield (
            "Right answers were held against chance by the two-sided exact binomial test, which, "
            "like Wilson's interval, takes answers as independent; its p-values are uncorrected."
        )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
