"""Figures of results as SVG and PDF; drawn without pyplot, so that requests share nothing."""

import io
import textwrap
import threading
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vclip.listening.analysis.bootstrap import Interval
from vclip.listening.analysis.results import QuestionResults, StudyResults

WIDTH, BAR = 6.0, 0.38  # inches: of a figure, of each line in it
LONGEST = 28  # characters of a line of a name
INK, POINT, FAINT = "#222222", "#1b4f8a", "#b8b8b8"
LIKERT = ["#8c2d04", "#e08b4f", "#d9d9d9", "#6f9fcf", "#1b4f8a"]  # 1 to 5; in grey, too
# Files: text stays text in SVG, fonts are embedded as TrueType in PDF
SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "vclip", "pdf.fonttype": 42}
DATES = {"svg": "Date", "pdf": "CreationDate"}
_settings = threading.Lock()  # matplotlib's are one for all threads


def figures(results: StudyResults) -> dict[str, Figure]:
    """All figures of all questions by name: QUESTION_means, _histogram, _preferences, _accuracy."""
    found: dict[str, Figure] = {}
    for question in results.questions:
        drawn = [means, histogram] if question.means else []
        drawn += [preferences] if question.preferences else []
        drawn += [accuracy] if question.accuracies else []
        found |= {f"{question.id}_{d.__name__}": d(question, results.labels) for d in drawn}
    return found


def rendered(results: StudyResults) -> dict[str, dict[str, bytes]]:
    """All figures as files: by name, then by "svg" and "pdf"."""
    drawn = figures(results).items()
    return {name: {kind: saved(figure, kind) for kind in DATES} for name, figure in drawn}


def saved(figure: Figure, kind: str) -> bytes:
    """A figure as a file, "svg" or "pdf"; the same results give the same bytes."""
    file = io.BytesIO()
    with _settings, mpl.rc_context(SETTINGS):
        figure.savefig(file, format=kind, metadata={DATES[kind]: None})
    return file.getvalue()


def means(question: QuestionResults, labels: dict[str, str]) -> Figure:
    """Each condition's mean with its interval."""
    names = [labels.get(mean.condition, mean.condition) for mean in question.means]
    figure, axes = _lines(names)
    _intervals(axes, [mean.mean for mean in question.means])
    if question.type == "multi":
        _scale(axes, "mean score and 95 % interval", (0, 100))
    else:
        _scale(axes, "mean rating and 95 % interval (5 is best)", (1, 5))
        axes.set_xticks(range(1, 6))
    return figure


def histogram(question: QuestionResults, labels: dict[str, str]) -> Figure:
    """Share of each answer, side by side; of multi, in tens."""
    names = [labels.get(mean.condition, mean.condition) for mean in question.means]
    figure, axes = _lines(names, legend=True)
    steps = list(question.means[0].histogram)
    counts = np.array([[mean.histogram[step] for step in steps] for mean in question.means], float)
    shares = 100 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)  # (C, K)
    ramp = mpl.colormaps["viridis"](np.linspace(0.05, 0.95, len(steps)))
    colors = LIKERT if len(steps) == len(LIKERT) else [tuple(color) for color in ramp]
    left = np.cumsum(shares, axis=1) - shares
    for i, (step, color) in enumerate(zip(steps, colors, strict=True)):
        options = {"left": left[:, i], "color": color, "label": step, "height": 0.7}
        axes.barh(range(len(names)), shares[:, i], **options)
    _scale(axes, "share of answers in %", (0, 100))
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return figure


def preferences(question: QuestionResults, labels: dict[str, str]) -> Figure:
    """Each condition's strength with its interval."""
    assert question.preferences
    strengths = question.preferences.strengths
    figure, axes = _lines([labels.get(s.condition, s.condition) for s in strengths])
    _intervals(axes, [s.strength for s in strengths])
    axes.axvline(0, color=FAINT, lw=1, zorder=0)
    _scale(axes, "strength in log-odds and 95 % interval")
    return figure


def accuracy(question: QuestionResults, labels: dict[str, str]) -> Figure:
    """Share of right answers with its two-way interval, and chance."""
    pairs = [found.name.split() for found in question.accuracies]
    figure, axes = _lines([" – ".join(labels.get(name, name) for name in pair) for pair in pairs])
    _intervals(axes, [found.two_way for found in question.accuracies], 100)
    axes.axvline(100 * question.accuracies[0].chance, color=INK, lw=1, ls="--", zorder=0)
    _scale(axes, "right answers in % and 95 % interval; dashed: chance", (0, 100))
    return figure


def _lines(names: Sequence[str], legend: bool = False) -> tuple[Figure, Axes]:
    """Empty axes with one line for each name, the first on top."""
    # a name is text, whatever it holds: matplotlib reads formulas between dollars
    texts = [textwrap.fill(name, LONGEST).replace("$", r"\$") for name in names]
    lines = max(text.count("\n") + 1 for text in texts)
    height = 0.75 + BAR * max(1, 0.5 * lines) * len(names) + (0.35 if legend else 0)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.set_yticks(range(len(names)), texts)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def _scale(axes: Axes, label: str, limits: tuple[float, float] | None = None) -> None:
    """The label ends with the axis, so that one longer than it goes on below the names."""
    axes.set_xlabel(label, loc="right", fontsize=9)
    if limits:
        axes.set_xlim(*limits)


def _intervals(axes: Axes, found: Sequence[Interval], unit: float = 1.0) -> None:
    low, value, high = unit * np.array([[one.low, one.value, one.high] for one in found]).T
    places = np.arange(len(found))
    axes.hlines(places, low, high, color=POINT, lw=2.5, alpha=0.5, clip_on=False)
    axes.plot(value, places, "o", color=POINT, ms=6, clip_on=False)
