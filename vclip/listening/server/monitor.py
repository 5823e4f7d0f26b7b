"""Monitor of a running study, for the researcher: counts per cell, raters, exclusions, results.

Counts are worked out anew from the store's ratings. What raters are excluded for is kept until
ratings have come; so is the analysis, which takes seconds for a large study and rests four times as
long as it works.
"""

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from vclip.errors import StudyError
from vclip.listening.analysis import charts, exclusion, rating_table, report
from vclip.listening.analysis.results import DRAWS, analyse
from vclip.listening.design.study import Question, Study
from vclip.listening.design.trials import Cell, cell_of, cells
from vclip.listening.store.records import Progress, Rating
from vclip.listening.store.store import Store

Selection = Literal["raw", "clean"]
REST = 4  # times as long as an analysis took, none is made


@dataclass(frozen=True)
class AnalysisSnapshot:
    """results: None while there is nothing to analyse; message then says why."""

    results: dict[str, Any] | None
    text: str
    message: str
    figures: dict[str, dict[str, bytes]]  # by name, then svg and pdf
    stamp: str


class StudyMonitor:
    """One study while it runs; methods may be called from any thread."""

    def __init__(self, store: Store, draws: int = DRAWS) -> None:
        self.store, self.study, self._draws = store, store.study, draws
        self._working = threading.Lock()
        self._kept: dict[Selection, AnalysisSnapshot] = {}
        self._rested: dict[Selection, float] = {}  # when the next analysis may begin
        self._judged: tuple[str, exclusion.Reasons] = ("", {})  # by the stamp of the ratings

    def table(self, view: Selection) -> pd.DataFrame:
        """All ratings, marked; of the raters who broke no rule where clean."""
        table = rating_table.frame(self.store.ratings(), self.study)
        return table if view == "raw" else exclusion.clean(table)

    def summary(self, view: Selection) -> dict[str, Any]:
        """Counts per cell, raters and why they are excluded. All small, for a look every second."""
        ratings = known(self.study, self.store.ratings())
        mark, reasons = self._reasons(ratings)
        shown = [r for r in ratings if view == "raw" or r.rater not in reasons]
        raters, study = self.store.raters(), self.study
        rated = Counter(cell_of(study, r) for r in shown if r.purpose == "rating")
        planned = self.store.counts().cells  # made or reserved, by whomever
        head = {"version": study.version, "title": study.title, "sha256": study.sha256}
        return {
            "study": {"id": study.study, **head},
            "view": view,
            "stamp": mark,
            "totals": {
                "raters": len(raters),
                "complete": sum(one.complete for one in raters),
                "excluded": len(reasons),
                "ratings": rated.total(),
            },
            "excluded_by": exclusion.by_rule(reasons),
            "questions": [_grid(study, question, rated, planned) for question in study.questions],
            "raters": [_rater(one, reasons.get(one.rater, [])) for one in raters],
        }

    def _reasons(self, ratings: list[Rating]) -> tuple[str, exclusion.Reasons]:
        """The stamp of these ratings, and why raters are excluded."""
        judged, mark = self._judged, stamp(ratings)
        if judged[0] != mark:
            reasons = exclusion.reasons_of(rating_table.frame(ratings, self.study))
            judged = self._judged = mark, reasons
        return judged

    def analysed(self, view: Selection) -> AnalysisSnapshot:
        """The analysis of the ratings there are, or of those there were a moment ago."""
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
            results = analyse(self.study, table, self._draws, raw=view == "raw")
        except StudyError as error:
            return AnalysisSnapshot(None, "", str(error), {}, mark)
        text = report.text(results, self.study)
        return AnalysisSnapshot(results.as_dict(), text, "", charts.rendered(results), mark)


def known(study: Study, ratings: Iterable[Rating]) -> list[Rating]:
    """Ratings of questions and items that the study file still has."""
    questions, items = ({part.id for part in parts} for parts in (study.questions, study.items))
    return [r for r in ratings if r.question in questions and r.item in items]


def stamp(ratings: list[Rating]) -> str:
    """Changes whenever ratings come or go."""
    last = max((rating.created for rating in ratings), default="")
    return f"{len(ratings)} {len({rating.rater for rating in ratings})} {last}"


def _grid(
    study: Study, question: Question, rated: Mapping[Cell, int], planned: Mapping[Cell, int]
) -> dict[str, Any]:
    """How many ratings each cell of a question has, items down, conditions across."""
    mine = {(c.item, c.conditions): c for c in cells(study) if c.question == question.id}
    columns = list(dict.fromkeys(conditions for _, conditions in mine))
    labels = {condition.id: condition.label for condition in study.conditions}

    def show(cell: Cell | None) -> dict[str, int] | None:
        return {"rated": rated.get(cell, 0), "planned": planned.get(cell, 0)} if cell else None

    return {
        "id": question.id,
        "type": question.type,
        "prompt": question.prompt,
        "quota": study.design.ratings_per_cell,
        "columns": [" – ".join(labels[name] for name in names) or "all" for names in columns],
        "rows": [
            {"item": name, "cells": [show(mine.get((name, c))) for c in columns]}
            for name in dict.fromkeys(item for item, _ in mine)
        ],
    }


def _rater(progress: Progress, reasons: list[str]) -> dict[str, Any]:
    """One line of the page's table; nothing but a number says who it is."""
    screened = [mark.result.get("passed") for mark in progress.marks if mark.kind == "headphones"]
    told = {name: value for name, value in vars(progress).items() if name != "marks"}
    return told | {"headphones": any(screened) if screened else None, "reasons": reasons}
