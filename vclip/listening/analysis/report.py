"""Report of results in words, ready to paste; every number is of the results."""

from collections.abc import Iterator, Sequence
from math import isfinite

from vclip.listening.analysis.agreement import Agreement
from vclip.listening.analysis.bootstrap import Interval
from vclip.listening.analysis.forced_choice import Accuracy
from vclip.listening.analysis.methods import count, listed, methods
from vclip.listening.analysis.ordinal import Contrast, OrdinalFit
from vclip.listening.analysis.results import QuestionResults, StudyResults
from vclip.listening.analysis.scores import PairComparison
from vclip.listening.design.study import Study


def text(results: StudyResults, study: Study | None = None) -> str:
    """Methods, then one paragraph for each question."""
    found = [findings(question, results.labels) for question in results.questions]
    return "\n\n".join([methods(results, study), *found])


def findings(question: QuestionResults, labels: dict[str, str]) -> str:
    """Paragraph on the results of one question; labels: of conditions."""
    head = f"{question.id} ({count(question.n_ratings, 'judgement')} of"
    head += f" {count(question.n_raters, 'rater')} on {count(question.n_items, 'item')}):"
    sentences = [head]
    if question.means:
        found = [f"{labels[m.condition]} {number(m.mean)} (n = {m.n})" for m in question.means]
        kind = "scores" if question.type == "multi" else "ratings"
        sentences += [f"mean {kind} were {listed(found)}."]
        sentences += _compared(question.comparisons, labels)
    if question.ordinal:
        sentences += _modelled(question.ordinal, labels)
    if question.agreement:
        sentences.append(_agreed(question.agreement, question.type))
    sentences += _preferred(question, labels)
    return " ".join([*sentences, *(_right(one, labels) for one in question.accuracies)])


def number(found: Interval) -> str:
    """An estimate with its interval, as far as they are known."""
    return f"{signed(found.value)} {span(found)}"


def span(found: Interval, unit: float = 1, digits: int = 2) -> str:
    """An interval in brackets."""
    if not isfinite(found.low):
        return "[no interval]"
    return f"[{signed(unit * found.low, digits)}, {signed(unit * found.high, digits)}]"


def signed(value: float, digits: int = 2) -> str:
    """A number with a minus sign that is one; never −0.00."""
    if not isfinite(value):
        return "not defined"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def p_value(p: float) -> str:
    """A p-value as papers print it."""
    if not isfinite(p):
        return "p not defined"
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _compared(found: Sequence[PairComparison], labels: dict[str, str]) -> Iterator[str]:
    for one in found:
        if isfinite(one.p):
            verdict = "differ" if one.significant else "do not differ significantly"
            told = f"{number(one.difference)}, {p_value(one.p_holm)} (Holm)"
            yield f"{_pair(one, labels)} {verdict}: {told}."
    if powers := sorted(one.detectable for one in found if isfinite(one.p)):
        low, high = (f"{one:.2f}" for one in (powers[0], powers[-1]))
        least = low if low == high else f"{low} to {high}, by pair,"
        yield (
            f"A study like this finds a difference of {least} with about 80 % power (at 5 %, "
            "two-sided, before correction)."
        )
    if untested := [_pair(one, labels) for one in found if not isfinite(one.p)]:
        yield f"Too few raters or items, or no spread, leave untested: {'; '.join(untested)}."


def _pair(found: PairComparison | Contrast, labels: dict[str, str]) -> str:
    return f"{labels[found.one]} and {labels[found.other]}"


def _modelled(found: OrdinalFit, labels: dict[str, str]) -> Iterator[str]:
    settled = "" if found.converged else ", which did not converge,"
    known = [
        f"{_pair(c, labels)} {signed(c.value)} (SE {c.se:.2f}, {p_value(c.p_holm)})"
        for c in found.contrasts
        if isfinite(c.se)
    ]
    if known:
        yield f"The ordinal model{settled} gives in log-odds (p by Holm) {listed(known)}."
    if loose := [_pair(c, labels) for c in found.contrasts if not isfinite(c.se)]:
        told = "; ".join(loose)
        yield f"For want of overlap the ordinal model has no finite estimate of: {told}."


def _agreed(found: Agreement, kind: str) -> str:
    level = "interval" if kind == "multi" else "ordinal"
    of_means = found.reliability
    if not any(isfinite(x) for x in (found.alpha, of_means.mean, found.split_half)):
        return "Agreement and reliability are not defined."
    kind_and_k = f" ({of_means.kind}, k = {of_means.k:.1f})" if isfinite(of_means.mean) else ""
    return (
        f"Krippendorff's α ({level}) is {signed(found.alpha)}; reliability of the stimuli's means "
        f"is {signed(of_means.mean)}{kind_and_k}, by split halves with Spearman–Brown it is "
        f"{signed(found.split_half)}."
    )


def _preferred(question: QuestionResults, labels: dict[str, str]) -> Iterator[str]:
    found = question.preferences
    if not found:
        return
    known = isfinite(found.strengths[0].strength.value)
    strengths = [
        f"{labels[s.condition]} {f'{number(s.strength)} ' if known else ''}"
        f"(preferred {s.wins} of {s.n} times)"
        for s in found.strengths
    ]
    ties = f"{found.ties} of {found.n} answers were ties"
    if known:
        yield f"strengths in log-odds were {listed(strengths)}; {ties}."
    else:
        yield (
            f"answers determine no finite strengths of {listed(strengths)}: one was always "
            f"preferred, or pairs or orders are missing; {ties}."
        )
    yield from _compared(found.comparisons, labels)
    if isfinite(found.position.value):
        yield f"Being heard first changes the log-odds by {number(found.position)}."


def _right(found: Accuracy, labels: dict[str, str]) -> str:
    pair = " and ".join(labels.get(name, name) for name in found.name.split())
    about = "" if found.name == "all" else f" on {pair}"
    were = "was" if found.n == 1 else "were"
    two_way = f"two-way interval {span(found.two_way, 100, 1)}, "
    return (
        f"{found.right} of {count(found.n, 'answer')}{about} {were} right, "
        f"{100 * found.share:.1f} % ({two_way if isfinite(found.two_way.low) else ''}Wilson's "
        f"[{100 * found.low:.1f}, {100 * found.high:.1f}]); chance is "
        f"{100 * found.chance:.1f} % (exact binomial test, {p_value(found.p)})."
    )
