"""What the researcher's page shows of a running study: counts, raters, exclusions, results.

Counts are worked out anew from the store's ratings. What raters are judged by is kept until
ratings have come; so is the analysis, which takes seconds for a large study and rests four times as
long as it works.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from vclip.errors import StudyError
from vclip.listening.analysis import charts, exclusion, rating_table, report
from vclip.listening.analysis import results as analysis
from vclip.listening.design.study import Question, Study
from vclip.listening.design.trials import Cell, Trial, cell_of, cells
from vclip.listening.store.store import Progress, Rating, Store

Selection = Literal["raw", "clean"]
REST = 4  # times as long as an analysis took, none is made


@dataclass(frozen=True)
class AnalysisSnapshot:
    """results: None while there is nothing to analyse; message then says why."""

    results: dict[str, Any] | None
    text: str
    message: str
    figures: dict[str, tuple[bytes, bytes]]  # SVG and PDF by name
    stamp: str


class StudyMonitor:
    """One study while it runs; methods may be called from any thread."""

    def __init__(self, store: Store, draws: int = analysis.DRAWS) -> None:
        self.store, self.study, self._draws = store, store.study, draws
        self._working = threading.Lock()
        self._kept: dict[Selection, AnalysisSnapshot] = {}
        self._rested: dict[Selection, float] = {}  # when the next analysis may begin
        self._judged: tuple[str, exclusion.Reasons] = ("", {})  # by the stamp of the ratings

    def table(self, view: Selection) -> pd.DataFrame:
        """All judgements, marked; of the raters who broke no rule where clean."""
        table = rating_table.frame(self.store.ratings(), self.study)
        return table if view == "raw" else exclusion.clean(table)

    def summary(self, view: Selection) -> dict[str, Any]:
        """Counts per cell, raters and why they are excluded. All small, for a look every second."""
        ratings = known(self.study, self.store.ratings())
        mark, reasons = self._reasons(ratings)
        shown = [r for r in ratings if view == "raw" or r.rater not in reasons]
        raters = self.store.raters()
        return {
            "study": {
                "id": self.study.study,
                "version": self.study.version,
                "title": self.study.title,
                "sha256": self.study.sha256,
            },
            "view": view,
            "stamp": mark,
            "totals": {
                "raters": len(raters),
                "complete": sum(one.complete for one in raters),
                "excluded": len(reasons),
                "ratings": sum(r.purpose == "rating" for r in shown),
            },
            "excluded_by": exclusion.by_rule(reasons),
            "questions": grids(self.study, shown, self.store.counts().cells),
            "raters": [person(one, reasons.get(one.rater, [])) for one in raters],
        }

    def _reasons(self, ratings: list[Rating]) -> tuple[str, exclusion.Reasons]:
        """The stamp of these ratings, and why raters are excluded."""
        judged, mark = self._judged, stamp(ratings)
        if judged[0] != mark:
            table = rating_table.frame(ratings, self.study)
            judged = self._judged = mark, exclusion.reasons_of(table)
        return judged

    def analysed(self, view: Selection) -> AnalysisSnapshot:
        """Of the ratings there are, or of those there were a moment ago."""
        with self._working:  # one at a time: raters wait for the same processor
            kept = self._kept.get(view)
            if kept and time.monotonic() < self._rested[view]:
                return kept
            ratings = known(self.study, self.store.ratings())
            if kept and kept.stamp == stamp(ratings):
                return kept
            began = time.monotonic()
            found = self._kept[view] = self._analyse(ratings, view)
            now = time.monotonic()
            self._rested[view] = now + REST * (now - began)
            return found

    def _analyse(self, ratings: list[Rating], view: Selection) -> AnalysisSnapshot:
        table, mark = rating_table.frame(ratings, self.study), stamp(ratings)
        try:
            results = analysis.analyse(self.study, table, self._draws, raw=view == "raw")
        except StudyError as error:
            return AnalysisSnapshot(None, "", str(error), {}, mark)
        drawn = charts.figures(results).items()
        figures = {name: (charts.svg(figure), charts.pdf(figure)) for name, figure in drawn}
        return AnalysisSnapshot(
            results.as_dict(), report.text(results, self.study), "", figures, mark
        )


def known(study: Study, ratings: Iterable[Rating]) -> list[Rating]:
    """Without those of questions and items that the study file no longer has."""
    questions = {question.id for question in study.questions}
    items = {item.id for item in study.items}
    return [r for r in ratings if r.question in questions and r.item in items]


def stamp(ratings: list[Rating]) -> str:
    """Changes whenever ratings come or go."""
    last = max((rating.created for rating in ratings), default="")
    return f"{len(ratings)} {len({rating.rater for rating in ratings})} {last}"


def grids(study: Study, ratings: list[Rating], counted: Any) -> list[dict[str, Any]]:
    """Of each question how many ratings each cell has, items down, conditions across.

    counted: ratings of each cell that are made or reserved; all of them, whoever made them.
    """
    rated = Counter(cell_of(study, trial(r)) for r in ratings if r.purpose == "rating")
    return [_grid(study, question, rated, counted) for question in study.questions]


def _grid(study: Study, question: Question, rated: Counter[Cell], counted: Any) -> dict[str, Any]:
    mine = [cell for cell in cells(study) if cell.question == question.id]
    columns = list(dict.fromkeys(cell.conditions for cell in mine))
    rows = list(dict.fromkeys(cell.item for cell in mine))
    labels = {condition.id: condition.label for condition in study.conditions}
    of = {(cell.item, cell.conditions): cell for cell in mine}

    def show(item: str, conditions: tuple[str, ...]) -> dict[str, int] | None:
        cell = of.get((item, conditions))
        if cell is None:
            return None
        return {"rated": rated[cell], "planned": counted.get(cell, 0)}

    return {
        "id": question.id,
        "type": question.type,
        "prompt": question.prompt,
        "quota": study.design.ratings_per_cell,
        "columns": [" – ".join(labels[name] for name in names) or "all" for names in columns],
        "rows": [{"item": name, "cells": [show(name, c) for c in columns]} for name in rows],
    }


def trial(rating: Rating) -> Trial:
    """What was rated, as far as counting needs it."""
    return Trial(rating.position, rating.question, rating.item, rating.conditions, rating.items)


def person(progress: Progress, reasons: list[str]) -> dict[str, Any]:
    """One line of the page's table; nothing but a number says who it is."""
    screened = [mark.result.get("passed") for mark in progress.marks if mark.kind == "headphones"]
    return {
        "rater": progress.rater,
        "created": progress.created,
        "seen": progress.seen,
        "done": progress.done,
        "total": progress.total,
        "headphones": any(screened) if screened else None,
        "reasons": reasons,
    }
