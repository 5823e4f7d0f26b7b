"""Jobs of many threads in one commit: all are there, and mistakes stay with whoever made them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from vclip.listening.store.tables import StudyRow

from vclip.errors import BusyError, ConflictError
from vclip.listening.store import database
from vclip.listening.store.group_commit import Together


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return database.connect(f"sqlite:///{tmp_path}/ratings.db")


def add(name: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        row = StudyRow(study=name, version="1", sha256="", secret=b"", enrolled=0, created="")
        session.add(row)
        return name

    return work


def refused(session: Session) -> None:
    add("half done")(session)
    session.flush()
    raise ConflictError("no")


def names(engine: Engine) -> list[str]:
    with Session(engine) as session:
        return list(session.scalars(select(StudyRow.study).order_by(StudyRow.study)))


def all_in_one(together: Together, *jobs: Callable[[Session], Any]) -> tuple[list[Any], int]:
    """What each job came to, all of them waiting while another commits; and how many commits."""
    found: list[Any] = [None] * len(jobs)
    commits, begun, go = [0], threading.Event(), threading.Event()

    def first(session: Session) -> None:
        session.connection()  # or there would be nothing to commit
        begun.set()
        assert go.wait(30)

    def run(i: int) -> None:
        try:
            found[i] = together(jobs[i])
        except Exception as error:
            found[i] = error

    def count(_: Any) -> None:
        commits[0] += 1

    event.listen(together._engine, "commit", count)
    threads = [threading.Thread(target=together, args=(first,))]
    threads[0].start()
    assert begun.wait(30)
    threads += [threading.Thread(target=run, args=(i,)) for i in range(len(jobs))]
    for thread in threads[1:]:
        thread.start()
    while len(together._waiting) < len(jobs):
        go.wait(0.001)
    go.set()
    for thread in threads:
        thread.join()
    event.remove(together._engine, "commit", count)
    return found, commits[0]


def test_who_waits_shares_a_commit(engine: Engine) -> None:
    asked = [f"s{i:02}" for i in range(20)]
    found, commits = all_in_one(Together(engine), *map(add, asked))
    assert (found, commits) == (asked, 2) and names(engine) == asked


def test_a_refused_job_undoes_itself_alone(engine: Engine) -> None:
    found, _ = all_in_one(Together(engine), add("a"), refused, add("b"))
    assert isinstance(found[1], ConflictError) and [found[0], found[2]] == ["a", "b"]
    assert names(engine) == ["a", "b"]


def test_a_disk_that_fails_confirms_nobody(engine: Engine) -> None:
    """Neither those before the failure nor those after; the next ones are taken again."""

    def full(session: Session) -> None:
        raise OperationalError("INSERT", {}, Exception("database or disk is full"))

    together = Together(engine)
    found, _ = all_in_one(together, add("a"), full, refused, add("b"))
    assert all(isinstance(one, BusyError) for one in (found[0], found[1], found[3]))
    assert isinstance(found[2], (BusyError, ConflictError)) and names(engine) == []
    assert together(add("c")) == "c" and names(engine) == ["c"]


def test_a_commit_that_fails_confirms_nobody(engine: Engine) -> None:
    def late(session: Session) -> None:
        """SQLite looks at this constraint only when it commits."""
        session.execute(text("PRAGMA defer_foreign_keys = ON"))
        session.execute(
            text(
                "INSERT INTO raters (study_id, token, withdrawal, created, seen)"
                " VALUES (99, 'x', 'y', '', '')"
            )
        )

    together = Together(engine)
    found, _ = all_in_one(together, add("a"), late)
    assert all(isinstance(one, Exception) for one in found) and names(engine) == []
    assert together(add("b")) == "b"
