"""A methods paragraph and results in words, ready to paste; every number is of the results."""

from collections.abc import Iterator, Sequence
from math import isfinite

from vclip.listening.analysis import Answered, Results
from vclip.listening.bootstrap import Interval
from vclip.listening.choices import Accuracy
from vclip.listening.parts import ACR, Design, Gates
from vclip.listening.scores import Comparison
from vclip.listening.study import Study

TASKS = {
    "acr_naturalness": "rated naturalness on the five-point ACR scale (ITU-T P.800)",
    "acr_fit": "rated how well the voice fits the face on a five-point ACR scale",
    "ab": "said which of two sounds they preferred",
    "abx": "said which of two sounds a third one repeats (ABX)",
    "afc": "chose the voice that belongs to the face",
    "multi": "scored all conditions of an item side by side from 0 to 100, without a reference",
}


def text(results: Results, study: Study | None = None) -> str:
    """Methods, then one paragraph for each question."""
    return "\n\n".join(
        [methods(results, study), *map(lambda q: findings(q, results), results.questions)]
    )


def methods(results: Results, study: Study | None = None) -> str:
    """Who rated what, who was left out by which rule, and how intervals were made."""
    sentences = [_who(results), _tasks(results)]
    if study:
        sentences += [*_presented(study.design, study.gates), *_rules(study)]
    sentences += [_left_out(results), *_statistics(results)]
    return " ".join(sentence for sentence in sentences if sentence)


def findings(question: Answered, results: Results) -> str:
    """What one question found."""
    labels = results.labels
    sentences = [f"{question.id} ({_count(question.n_ratings, 'judgement')} of"]
    sentences[0] += f" {_count(question.n_raters, 'rater')}"
    sentences[0] += f" on {_count(question.n_items, 'item')}):"
    if question.means:
        found = [f"{labels[m.condition]} {number(m.mean)} (n = {m.n})" for m in question.means]
        sentences.append(f"mean ratings were {_list(found)}.")
        sentences += [_compared(c, labels) for c in question.comparisons]
        sentences += _checks(question, labels)
    sentences += _preferred(question, labels)
    return " ".join([*sentences, *(_right(one, labels) for one in question.accuracies)])


def number(found: Interval, digits: int = 2) -> str:
    """An estimate with its interval."""
    return f"{found.value:.{digits}f} {span(found, 1, digits)}"


def span(found: Interval, unit: float = 1, digits: int = 2) -> str:
    """An interval."""
    return f"[{unit * found.low:.{digits}f}, {unit * found.high:.{digits}f}]"


def p_value(p: float) -> str:
    """As papers print it."""
    if not isfinite(p):
        return "p not defined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _who(results: Results) -> str:
    return (
        f"{_count(results.n_raters, 'rater')} gave {_count(results.n_ratings, 'rating')} in the "
        f"listening test “{results.title}” (version {results.version}; median "
        f"{results.median_seconds:.1f} s per trial)."
    )


def _tasks(results: Results) -> str:
    tasks = dict.fromkeys(TASKS[question.type] for question in results.questions)
    return f"Raters {_list(list(tasks))}."


def _presented(design: Design, gates: Gates) -> Iterator[str]:
    yield (
        f"Each rater had up to {_count(design.trials_per_rater, 'rating')}; cells with the fewest "
        "ratings were assigned first, conditions were ordered by Williams squares and presentation "
        "within a trial was counterbalanced."
    )
    if design.training:
        yield "Training trials came first and are not analysed."
    if gates.heard:
        yield (
            f"A trial could be answered once {_percent(gates.heard)} of every sound had been "
            "heard, measured from played ranges."
        )
    if gates.headphones != "off":
        kept = "was required" if gates.headphones == "require" else "was advisory"
        yield f"Headphone screening by Huggins pitch (Milne et al., 2021) {kept}."


def _rules(study: Study) -> Iterator[str]:
    rules, design = study.exclusion, study.design
    broken = []
    if design.attention:
        broken.append(f"fewer than {_percent(rules.attention_min)} of attention trials right")
    if design.gold:
        broken.append(f"fewer than {_percent(rules.gold_min)} of gold trials right")
    if rules.min_variance and any(q.type in ACR for q in study.questions):
        broken.append(f"variance of ratings below {rules.min_variance:g}")
    if rules.min_seconds:
        broken.append(f"median time of an answer below {rules.min_seconds:g} s")
    if rules.heard:
        broken.append(f"a rating of a sound heard less than {_percent(rules.heard)}")
    if broken:
        yield f"Rules fixed beforehand exclude raters with {_list(broken, 'or')}."


def _left_out(results: Results) -> str:
    broken = [f"{rule} {n}" for rule, n in results.excluded_by.items()]
    why = f" ({', '.join(broken)}; one rater may break several)" if broken else ""
    if results.raw:
        although = f", although rules were broken{why}" if broken else ""
        return f"These are raw results: nobody was excluded{although}."
    if not results.n_excluded:
        return "Nobody was excluded."
    were = "was" if results.n_excluded == 1 else "were"
    return f"{_count(results.n_excluded, 'further rater')} {were} excluded{why}."


def _statistics(results: Results) -> Iterator[str]:
    yield (
        f"Intervals are 95 % intervals of a two-way bootstrap over raters and items "
        f"({results.draws} draws, seed {results.seed}; Owen, 2007), its spread set to the two-way "
        "cluster variance (Cameron et al., 2011) with Student's t."
    )
    kinds = {question.type for question in results.questions}
    if any(question.comparisons or question.preferences for question in results.questions):
        yield "p-values of pairs are two-sided and corrected by Holm's method within each question."
    if kinds & set(ACR):
        yield (
            "Comparisons were checked by a cumulative-logit model with crossed random effects of "
            "rater, item, rater × condition and stimulus."
        )
    if "ab" in kinds:
        yield (
            "Preferences were modelled by Bradley–Terry with ties (Davidson, 1970) and an effect "
            "of position."
        )


def _compared(found: Comparison, labels: dict[str, str]) -> str:
    verdict = "differ" if found.significant else "do not differ significantly"
    return (
        f"{labels[found.one]} and {labels[found.other]} {verdict}: {number(found.difference)}, "
        f"{p_value(found.p_holm)} (Holm); a study like this finds differences from "
        f"{found.detectable:.2f} on with 80 % power (before correction)."
    )


def _checks(question: Answered, labels: dict[str, str]) -> Iterator[str]:
    if question.ordinal:
        found = [
            f"{labels[c.one]} – {labels[c.other]} {c.value:.2f} "
            f"(SE {c.se:.2f}, {p_value(c.p_holm)})"
            for c in question.ordinal.contrasts
        ]
        settled = "" if question.ordinal.converged else ", not converged,"
        yield f"The ordinal model{settled} gives in log-odds {_list(found)}."
    if question.agreement:
        kind, level = question.agreement, "interval" if question.type == "multi" else "ordinal"
        yield (
            f"Krippendorff's α ({level}) is {kind.alpha:.2f}; reliability of the stimuli's means "
            f"is {kind.reliability.mean:.2f} ({kind.reliability.kind}, "
            f"k = {kind.reliability.k:.1f}), {kind.split_half:.2f} by split halves with "
            "Spearman–Brown."
        )


def _preferred(question: Answered, labels: dict[str, str]) -> Iterator[str]:
    found = question.preferences
    if not found:
        return
    strengths = [
        f"{labels[s.condition]} {number(s.strength)} (preferred {s.wins} of {s.n} times)"
        for s in found.strengths
    ]
    yield f"strengths in log-odds were {_list(strengths)}; {found.ties} of {found.n} were ties."
    for comparison in found.comparisons:
        yield _compared(comparison, labels)
    yield f"Being heard first changes the log-odds by {number(found.position)}."


def _right(found: Accuracy, labels: dict[str, str]) -> str:
    pair = " and ".join(labels.get(name, name) for name in found.name.split())
    about = "" if found.name == "all" else f" on {pair}"
    return (
        f"{found.right} of {found.n} answers{about} were right, {100 * found.share:.1f} % "
        f"(two-way interval {span(found.two_way, 100, 1)}, Wilson's "
        f"[{100 * found.low:.1f}, {100 * found.high:.1f}]); chance is "
        f"{100 * found.chance:.1f} % (exact binomial test, {p_value(found.p)})."
    )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _list(parts: Sequence[str], word: str = "and") -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"
