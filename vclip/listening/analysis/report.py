"""Report of results in words, ready to paste: methods, then what was found, by question.

The sentences are in methods.jinja and findings.jinja, the numbers in them are formatted here.
"""

from collections.abc import Iterable
from math import isfinite
from pathlib import Path
from typing import Any, Final

import jinja2

from vclip.listening.analysis.bootstrap import Interval
from vclip.listening.analysis.exclusion import CHOICES, LEAST, LEAST_TIMES
from vclip.listening.analysis.results import QuestionResults, StudyResults
from vclip.listening.analysis.scores import ALPHA
from vclip.listening.design.study import ACR, Study

BREAK: Final = "\r\n"  # of a template's lines, which are joined; what a title holds stays as it is


def text(results: StudyResults, study: Study | None = None) -> str:
    """Methods, then one paragraph for each question."""
    found = [findings(question, results.labels) for question in results.questions]
    return "\n\n".join([methods(results, study), *found])


def methods(results: StudyResults, study: Study | None = None) -> str:
    """Paragraph on how the results came about, with what the study file says if it is given."""
    sounds = [s for item in study.items for s in item.stimuli.values()] if study else []
    return _paragraph("methods", results=results, study=study, lufs=[s.lufs for s in sounds])


def findings(question: QuestionResults, labels: dict[str, str]) -> str:
    """Paragraph on the results of one question; labels: of conditions."""
    return _paragraph("findings", question=question, labels=labels)


def counted(n: int, what: str) -> str:
    """A number of things: 3 raters, 1 rater."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def listed(parts: Iterable[str], word: str = "and") -> str:
    """Enumeration: a, b and c."""
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last


def lines(block: str) -> list[str]:
    """Lines of a template's block that are not empty."""
    return [line for line in block.split(BREAK) if line]


def percent(share: float) -> str:
    """A share: 95 %."""
    return f"{100 * share:g} %"


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


def _paragraph(template: str, **values: Any) -> str:
    return " ".join(lines(TEMPLATES.get_template(f"{template}.jinja").render(values)))


TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    newline_sequence=BREAK,
    autoescape=False,  # plain text
)
TEMPLATES.globals |= {"ACR": ACR, "ALPHA": ALPHA, "CHOICES": CHOICES}
TEMPLATES.globals |= {"LEAST": LEAST, "LEAST_TIMES": LEAST_TIMES}
TEMPLATES.tests["finite"] = isfinite
TEMPLATES.filters |= {
    function.__name__: function
    for function in (counted, listed, lines, number, p_value, percent, signed, span)
}
