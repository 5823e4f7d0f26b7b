"""Table of ratings as data frame, CSV, JSON and ZIP, with its data dictionary.

One row a rating; one row a sound for multi. Raters are numbers: nobody's address, token or code
is in a store's ratings, so none can be here.
"""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from vclip.errors import StudyError
from vclip.listening.analysis import exclusion
from vclip.listening.design.study import ACR, SLOTS, Study
from vclip.listening.design.trials import correct
from vclip.listening.store.records import Rating

COLUMNS = {
    "study": ("text", "id of the study"),
    "version": ("text", "version of the study"),
    "rater": ("integer", "number of the rater within this store; nothing else is known of them"),
    "position": ("integer", "place of the trial in the rater's session, from 0"),
    "question": ("text", "id of the question"),
    "type": ("text", "acr_naturalness, acr_fit, ab, abx, afc or multi"),
    "item": ("text", "id of the item: its face and its text"),
    "purpose": ("text", "rating; training, attention and gold trials are not analysed"),
    "condition": ("text", "acr, multi: the condition that value is of; else empty"),
    "conditions": ("text", "conditions in the order heard, A first (abx: A, B, X), by spaces"),
    "items": ("text", "afc: the items whose voices were A, B, …; else empty"),
    "first": ("text", "condition of the sound heard first (A)"),
    "answer": ("text", "as given: 1 to 5 (5 is best), A to H, tie, 0 to 100"),
    "value": ("number", "acr: 1 to 5; multi: 0 to 100; else empty"),
    "chosen": ("text", "ab, abx: the condition chosen, or tie; afc: the item chosen; else empty"),
    "expected": ("text", "abx, afc, attention, gold: the right answer; else empty"),
    "correct": ("boolean", "whether the answer was right; empty where none is"),
    "chance": ("number", "abx, afc: share of right answers of who guesses; else empty"),
    "heard": ("number", "share of the sound heard least, from played ranges, 0 to 1"),
    "plays": ("text", "how often each sound was started, by spaces"),
    "seconds": ("number", "from the trial's appearance to the answer"),
    "created": ("text", "when the answer was stored, ISO 8601, UTC"),
    "stimuli": ("text", "SHA-256 of the sounds in the order heard; the study file tells the rest"),
    "excluded": ("boolean", "whether the rater broke a rule of the study file"),
    "reason": ("text", "which, and how"),
}
NUMBERS = ("value", "chance", "heard", "seconds")
TEXTS = [name for name, (kind, _) in COLUMNS.items() if kind == "text"]
FORMULA = r"^([=+\-@\t\r'])"
ANSWERS = r"(acr_(naturalness|fit) [1-5]|ab (A|B|tie)|abx [AB]|afc [A-H]|multi [0-9.e+-]+)"


def frame(ratings: Iterable[Rating], study: Study | None = None) -> pd.DataFrame:
    """The table. With the study, gold trials are judged, sounds named and raters excluded."""
    rows = [row for rating in ratings for row in _rows(rating, study)]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(NUMBERS, float))
    table = table.astype({"correct": "boolean", "excluded": bool})
    return exclusion.mark(study, table) if study and len(table) else table


def csv(table: pd.DataFrame) -> str:
    """Comma-separated values with a header. Spreadsheets find no formula in it: texts that look
    like one begin with an apostrophe, which read_csv takes away.
    """
    plain = table.copy()
    texts = table.columns.intersection(TEXTS)
    plain[texts] = table[texts].replace(FORMULA, r"'\1", regex=True)
    return str(plain.to_csv(index=False, lineterminator="\n"))


def as_json(table: pd.DataFrame, study: Study | None = None) -> str:
    """The table, its data dictionary and the study's id and hash."""
    rows = json.loads(table.to_json(orient="records", double_precision=10))
    head = {"study": study.study, "version": study.version, "sha256": study.sha256} if study else {}
    found = {**head, "dictionary": dictionary(), "ratings": rows}
    return json.dumps(found, ensure_ascii=False, indent=1)


def dictionary() -> list[dict[str, str]]:
    """The data dictionary: name, type and meaning of each column."""
    return [{"column": name, "type": kind, "is": what} for name, (kind, what) in COLUMNS.items()]


def archive(table: pd.DataFrame, study: Study) -> bytes:
    """A ZIP of ratings.csv, ratings.json, dictionary.csv and study.json."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("ratings.csv", csv(table))
        file.writestr("ratings.json", as_json(table, study))
        file.writestr("dictionary.csv", str(pd.DataFrame(dictionary()).to_csv(index=False)))
        file.writestr("study.json", study.model_dump_json(indent=1, exclude_none=True))
    return buffer.getvalue()


def read_csv(path: Path) -> pd.DataFrame:
    """A table that csv wrote. Raises StudyError."""
    known = set(COLUMNS)
    try:
        head = pd.read_csv(path, nrows=0)
        if missing := [name for name in COLUMNS if name not in head]:
            raise StudyError(f"{path.name}: no column {missing[0]}; give what the export wrote")
        table = pd.read_csv(
            path,
            usecols=lambda name: name in known,
            dtype={**dict.fromkeys(TEXTS, str), "correct": "boolean"},
            keep_default_na=False,  # an item may be called NA
            na_values={name: [""] for name in known - set(TEXTS)},
        )[list(COLUMNS)]
        table = table.assign(**{name: table[name].str.removeprefix("'") for name in TEXTS})
        numbers = dict.fromkeys(NUMBERS, float)
        table = table.astype({**numbers, "rater": int, "position": int, "excluded": bool})
    except (OSError, ValueError) as error:
        what = str(error).splitlines()[0]
        raise StudyError(f"{path.name} is no table of ratings: {what}") from error
    _check(table, path.name)
    return table


def _check(table: pd.DataFrame, name: str) -> None:
    """Raise StudyError for the first row that says what nobody can have answered."""
    valued = table["type"].isin([*ACR, "multi"])
    wrong = ~(table["type"] + " " + table["answer"]).str.fullmatch(ANSWERS)
    wrong |= valued & ~table["value"].between(0, 100) | ~table["seconds"].ge(0)
    wrong |= table["type"].isin(ACR) & (table["value"].astype(str) != table["answer"] + ".0")
    rated = table["type"].isin(["abx", "afc"])
    wrong |= rated & (table["correct"].isna() | ~table["chance"].between(0, 1, inclusive="neither"))
    if wrong.any():
        n = int(wrong.to_numpy().argmax())
        row = table.iloc[n]
        told = f"{row['type']} with answer {row['answer']!r}"
        raise StudyError(f"{name}, line {n + 2}: {told} is no rating; give what the export wrote")


def _rows(rating: Rating, study: Study | None) -> Iterator[dict[str, Any]]:
    """One row, or one for each slot of multi."""
    same = "study version rater position question type item purpose heard seconds created"
    shared = {name: getattr(rating, name) for name in same.split()} | {
        "conditions": " ".join(rating.conditions),
        "items": " ".join(rating.items),
        "first": next(iter(rating.conditions), ""),
        "expected": rating.expected or "",
        "correct": _correct(rating, study),
        "chance": {"abx": 0.5, "afc": 1 / max(len(rating.items), 1)}.get(rating.type),
        "plays": " ".join(str(n) for n in rating.plays),
        "stimuli": " ".join(_sounds(rating, study)) if study else "",
        "excluded": False,
        "reason": "",
    }
    if isinstance(rating.value, dict):
        for slot, value in rating.value.items():
            one = rating.conditions[SLOTS.index(slot)]
            yield shared | {"condition": one, "answer": f"{value:g}", "value": value, "chosen": ""}
        return
    shared |= {"condition": "", "answer": rating.value, "value": None, "chosen": ""}
    if rating.type in ACR:
        yield shared | {"condition": rating.conditions[0], "value": float(rating.value)}
    else:
        slots = dict(zip(SLOTS, rating.items or rating.conditions, strict=False))
        yield shared | {"chosen": {**slots, "tie": "tie"}[rating.value]}


def _correct(rating: Rating, study: Study | None) -> bool | None:
    """None where no answer is right; without the study, gold must be met to the letter."""
    if rating.expected is None or isinstance(rating.value, dict):
        return None
    if study is None:
        return rating.value == rating.expected
    return correct(study, rating, rating.value)


def _sounds(rating: Rating, study: Study) -> Iterator[str]:
    """SHA-256 of each sound; nothing for what the study file no longer has."""
    known = {item.id: item.stimuli for item in study.items}
    for name, condition in rating.sounds:
        if stimulus := known.get(name, {}).get(condition):
            yield stimulus.sha256
