"""Analyse a listening test: `python -m vclip.listening.analyse DB|CSV [--study STUDY.json]`.

DB is a store's URL (sqlite:///…, postgresql+psycopg://…, jsonl:…) or an SQLite file, CSV what the
export wrote. With the study, its rules say who is excluded; without, the table's own column does.
Prints a methods paragraph and what was found, or JSON; `--out` writes figures and tables, too.
"""

import argparse
import json
from pathlib import Path

import pandas as pd

from vclip.errors import InputError, OutputError, StudyError, reported
from vclip.listening.analysis import charts, exclusion, rating_table, report
from vclip.listening.analysis.results import DRAWS, StudyResults, analyse
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load
from vclip.listening.store.store import load_ratings


def read(source: str, study: Study | None) -> pd.DataFrame:
    """The table of ratings of a store or a CSV, marked by the study's rules. Raises StudyError."""
    path = Path(source)
    if ":" in source and not path.is_file():
        found = load_ratings(source, study.study if study else None)
        mine = [r for r in found if study and r.version == study.version]
        return only(rating_table.frame(mine, study) if mine else rating_table.frame(found), study)
    if not path.is_file():
        raise StudyError(f"there is no {source}; give a store's URL, an SQLite file or a CSV")
    if path.read_bytes()[:16] == b"SQLite format 3\0":
        return read(f"sqlite:///{path.resolve()}", study)
    table = only(rating_table.read_csv(path), study)
    return exclusion.mark(study, table) if study and len(table) else table


def only(table: pd.DataFrame, study: Study | None) -> pd.DataFrame:
    """Ratings of one version of one study, whose file has all that they name. Raises StudyError."""
    kept = [f"{name}, version {v}" for name, v in table.groupby(["study", "version"]).groups]
    if study is None:
        if len(kept) > 1:
            raise StudyError(f"the ratings are of {'; '.join(kept)}; say which by --study")
        return table
    mine = table[(table["study"] == study.study) & (table["version"] == study.version)]
    if len(table) and mine.empty:
        asked = f"{study.study}, version {study.version}"
        raise StudyError(f"the ratings are of {'; '.join(kept)}; the study file is of {asked}")
    known = {
        "question": {question.id for question in study.questions},
        "item": {item.id for item in study.items},
        "conditions": {condition.id for condition in study.conditions},
    }
    for column, names in known.items():
        if lost := {name for cell in mine[column].unique() for name in cell.split()} - names:
            what = f"{min(lost)} of the ratings' column {column}"
            raise StudyError(f"the study file has no {what}; take the file that raters had")
    return mine


def write(folder: Path, results: StudyResults, study: Study | None) -> None:
    """results.json, report.txt and each figure as SVG and PDF. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_text(json.dumps(results.as_dict(), indent=1))
        (folder / "report.txt").write_text(report.text(results, study) + "\n")
        for name, files in charts.rendered(results).items():
            for kind, data in files.items():
                (folder / f"{name}.{kind}").write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror or error}") from error


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m vclip.listening.analyse", description=__doc__)
    parser.add_argument("source", metavar="DB|CSV")
    parser.add_argument("--study", type=Path, metavar="STUDY.json")
    parser.add_argument("--raw", action="store_true", help="exclude nobody")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for figures and tables")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    options = parse(argv)
    if not 100 <= options.draws <= 100_000:
        raise InputError(f"--draws is {options.draws}; take 100 to 100000")
    study = load(options.study) if options.study else None
    table = read(options.source, study)
    results = analyse(study, table, options.draws, options.seed, options.raw)
    if options.out:
        write(options.out, results, study)
    print(json.dumps(results.as_dict()) if options.json else report.text(results, study))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
