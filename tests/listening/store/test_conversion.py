"""Ratings of the version before the journal: read, converted, gone on with; nothing is lost."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import IntegrityError
from stores import answer, connected, enrol, postgresql_url, sql_url, toy

from vclip.errors import StudyError
from vclip.listening.design.study import Study
from vclip.listening.store import codes
from vclip.listening.store.records import Mark
from vclip.listening.store.store import Store, load_ratings, open_store

__all__ = ["postgresql_url", "sql_url"]  # fixtures

SECRET = bytes(range(32))
PLAN = [  # question, item, conditions, items, purpose, expected
    ("acr_fit", "i0", ["a"], [], "training", None),
    ("ab", "i3", ["c", "b"], [], "rating", None),
    ("multi", "i2", ["b", "a", "c"], [], "rating", None),
    ("acr_fit", "i2", ["a"], [], "attention", "1"),
    ("acr_fit", "i4", ["b"], ["i4", "i1"], "rating", None),
]
HEARD = [[[0.0, 1.25], [1.5, 2.0]], [[0.1, 2.0]]]
VALUES = {0: "4", 1: "tie", 2: {"A": 1.5, "B": 99, "C": 0}}
TABLES = """
CREATE TABLE vclip_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);
CREATE TABLE studies (id {serial}, study TEXT NOT NULL, version TEXT NOT NULL, sha256 TEXT NOT NULL,
 secret {bytes} NOT NULL, enrolled INTEGER NOT NULL, created TEXT NOT NULL,
 UNIQUE (study, version));
CREATE TABLE raters (id {serial}, study_id INTEGER NOT NULL REFERENCES studies (id),
 token TEXT NOT NULL UNIQUE, withdrawal TEXT NOT NULL UNIQUE, created TEXT NOT NULL,
 seen TEXT NOT NULL, tab TEXT);
CREATE INDEX ix_raters_study_id ON raters (study_id);
CREATE TABLE trials (rater_id INTEGER NOT NULL REFERENCES raters (id) ON DELETE CASCADE,
 position INTEGER NOT NULL, question TEXT NOT NULL, type TEXT NOT NULL, item TEXT NOT NULL,
 conditions TEXT NOT NULL, items TEXT NOT NULL, purpose TEXT NOT NULL, expected TEXT,
 PRIMARY KEY (rater_id, position));
CREATE TABLE answers (id {serial}, rater_id INTEGER NOT NULL, position INTEGER NOT NULL,
 value JSON NOT NULL, heard JSON NOT NULL, plays JSON NOT NULL, seconds DOUBLE PRECISION NOT NULL,
 share DOUBLE PRECISION NOT NULL, request TEXT NOT NULL, created TEXT NOT NULL,
 UNIQUE (rater_id, position), FOREIGN KEY (rater_id, position)
 REFERENCES trials (rater_id, position) ON DELETE CASCADE);
CREATE TABLE marks (id {serial}, rater_id INTEGER NOT NULL REFERENCES raters (id) ON DELETE CASCADE,
 kind TEXT NOT NULL, position INTEGER NOT NULL, result JSON NOT NULL, created TEXT NOT NULL,
 UNIQUE (rater_id, kind, position));
CREATE TABLE events (id {serial}, rater_id INTEGER NOT NULL REFERENCES raters (id)
 ON DELETE CASCADE, event JSON NOT NULL, created TEXT NOT NULL);
INSERT INTO vclip_version VALUES ('0001')"""
SQLITE = [
    *(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} are written once'); END"
        for table in ("trials", "answers", "marks", "events")
    ),
    *(
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM raters WHERE id = OLD.rater_id)"
        f" BEGIN SELECT RAISE(ABORT, '{table} are written once'); END"
        for table in ("trials", "answers", "marks", "events")
    ),
]
POSTGRESQL = [
    """CREATE FUNCTION written_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' OR EXISTS (SELECT 1 FROM raters WHERE id = OLD.rater_id) THEN
            RAISE EXCEPTION 'written once' USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN OLD;
    END $$""",
    *(
        f"CREATE TRIGGER {table}_written_once BEFORE UPDATE OR DELETE ON {table}"
        " FOR EACH ROW EXECUTE FUNCTION written_once()"
        for table in ("trials", "answers", "marks", "events")
    ),
]


def at(second: float) -> str:
    """A time of day; ISO 8601 with milliseconds, UTC."""
    return f"2025-01-01T00:00:{second:06.3f}+00:00"


def codes_of(rater: int) -> tuple[str, str]:
    """Token and code of a rater who came by a request of this number."""
    return codes.token_and_withdrawal(SECRET, f"request {rater}")


def hashes(rater: int) -> tuple[str, str]:
    token, withdrawal = codes_of(rater)
    return codes.digest(token), codes.digest(codes.plain(withdrawal))


def marks(study: Study) -> list[tuple[str, dict[str, Any], str]]:
    """Kind, result and time."""
    return [("agree", {"study_sha256": study.sha256}, at(1)), ("volume", {"ü": [1, None]}, at(2))]


def old_tables(connection: Connection) -> None:
    lite = connection.dialect.name == "sqlite"
    serial = "INTEGER PRIMARY KEY AUTOINCREMENT" if lite else "SERIAL PRIMARY KEY"
    tables = TABLES.format(serial=serial, bytes="BLOB" if lite else "BYTEA").split(";\n")
    for statement in [*tables, *(SQLITE if lite else POSTGRESQL)]:
        connection.exec_driver_sql(statement)


def old_study(connection: Connection, study: Study, raters: tuple[int, ...], enrolled: int) -> None:
    """Each rater with three answers, two marks and two events of the page; others withdrew."""

    def insert(table: str, **values: Any) -> None:
        wanted = ", ".join(f":{name}" for name in values)
        statement = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({wanted})"
        connection.execute(text(statement), values)

    about = {"study": study.study, "version": study.version, "sha256": study.sha256}
    insert("studies", **about, secret=SECRET, enrolled=enrolled, created=at(0))
    key = connection.execute(text("SELECT max(id) FROM studies")).scalar()
    for rater in raters:
        last = 0
        while last < rater:
            connection.execute(text(f"DELETE FROM raters WHERE id = {last}"))
            token, withdrawal = hashes(rater)
            who = {"study_id": key, "token": token, "withdrawal": withdrawal, "tab": "x"}
            insert("raters", **who, created=at(1), seen=at(9))
            last = connection.execute(text("SELECT max(id) FROM raters")).scalar() or 0
        _rate(insert, rater, study)


def _rate(insert: Callable[..., None], rater: int, study: Study) -> None:
    for n, (question, item, conditions, items, purpose, expected) in enumerate(PLAN):
        insert(
            "trials",
            rater_id=rater,
            position=n,
            question=question,
            type=study.question(question).type,
            item=item,
            conditions=",".join(conditions),
            items=",".join(items),
            purpose=purpose,
            expected=expected,
        )
    for n, value in VALUES.items():
        insert(
            "answers",
            rater_id=rater,
            position=n,
            value=json.dumps(value),
            heard=json.dumps(HEARD),
            plays="[1, 2]",
            seconds=3.5 + n,
            share=0.875,
            request=f"answer {n}",
            created=at(3 + n),
        )
    for kind, result, when in marks(study):
        json_result = json.dumps(result)
        insert("marks", rater_id=rater, kind=kind, position=0, result=json_result, created=when)
    for n in range(2):
        insert("events", rater_id=rater, event=json.dumps({"n": n}), created=at(4))


def old_folder(folder: Path, study: Study, raters: tuple[int, ...], gone: tuple[int, ...]) -> None:
    """The same in JSON lines."""
    (folder / "sessions").mkdir(parents=True)
    head = {"study": study.study, "version": study.version, "sha256": study.sha256}
    (folder / "study.json").write_text(json.dumps(head | {"secret": SECRET.hex()}) + "\n")
    lines = [json.dumps({"rater": rater, "created": at(5)}) + "\n" for rater in gone]
    (folder / "gone.jsonl").write_text("".join(lines))
    for rater in raters:
        token, withdrawal = hashes(rater)
        names = ("question", "item", "conditions", "items", "purpose", "expected")
        plan = [
            {
                "position": n,
                **dict(zip(names, one, strict=True)),
                "type": study.question(one[0]).type,
            }
            for n, one in enumerate(PLAN)
        ]
        about = {"study": study.study, "version": study.version}
        about |= {"token": token, "withdrawal": withdrawal, "created": at(1)}
        found: list[dict[str, Any]] = [{"kind": "enrol", "rater": rater, **about, "trials": plan}]
        for kind, result in (
            ("agree", {"study_sha256": study.sha256}),
            ("volume", {"ü": [1, None]}),
        ):
            when = at(1 if kind == "agree" else 2)
            mark = {"kind_of": kind, "position": 0, "result": result, "created": when}
            found.append({"kind": "mark", **mark})
        for n, value in VALUES.items():
            sent = {"position": n, "value": value, "heard": HEARD, "plays": [1, 2]}
            sent |= {"seconds": 3.5 + n, "request": f"answer {n}", "share": 0.875}
            found.append({"kind": "answer", **sent, "created": at(3 + n)})
        found += [{"kind": "event", "event": {"n": n}, "created": at(9)} for n in range(2)]
        path = folder / "sessions" / f"{rater}.jsonl"
        path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in found))


def check(opened: Store, raters: tuple[int, ...], enrolled: int) -> None:
    """All that was in it, as it was."""
    assert opened.secret == SECRET
    assert [one.rater for one in opened.raters()] == list(raters)
    for one in opened.raters():
        assert (one.created, one.seen, one.done, one.total) == (at(1), at(9), 3, len(PLAN))
        assert opened.rater(codes_of(one.rater)[0]) == one.rater
        agreed = Mark("agree", 0, {"study_sha256": opened.study.sha256}, at(1))
        assert opened.marks(one.rater) == [agreed, Mark("volume", 0, {"ü": [1, None]}, at(2))]
        assert opened.events(one.rater) == [{"n": 0}, {"n": 1}]
        trials = opened.trials(one.rater)
        assert [
            (t.question, t.item, [*t.conditions], [*t.items], t.purpose, t.expected) for t in trials
        ] == PLAN
        answers = opened.answers(one.rater)
        assert {n: found.value for n, found in answers.items()} == VALUES
        assert [found.request for found in answers.values()] == [f"answer {n}" for n in range(3)]
        assert answers[1].heard == [[(a, b) for a, b in slot] for slot in HEARD]
        assert (answers[1].plays, answers[1].seconds, answers[1].share) == ([1, 2], 4.5, 0.875)
        assert answers[1].created == at(4)
    ratings = opened.ratings()
    assert [(r.rater, r.position) for r in ratings] == [(r, n) for r in raters for n in VALUES]
    assert [r.type for r in ratings[:3]] == ["acr_fit", "ab", "multi"]
    assert opened.counts().raters == enrolled
    assert sum(opened.counts().cells.values()) == 2 * len(raters)  # nobody was seen for long


def go_on(opened: Store, last: int) -> None:
    """The same raters answer and withdraw; who comes gets a number that nobody had."""
    rater = opened.raters()[0].rater
    opened.claim(rater, "tab")
    opened.record(rater, answer(3), "tab")
    opened.record(rater, answer(1, "answer 1"), "another tab")  # sent again
    assert opened.withdraw(codes_of(rater)[1]) == 4
    assert rater not in {one.rater for one in opened.raters()}
    assert enrol(opened).rater == last + 1


def test_a_database_is_converted(sql_url: str) -> None:
    """Numbers 2, 4 and 6 withdrew, of two versions of the study; whose they were is forgotten."""
    with connected(sql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1, 3), enrolled=3)
        old_study(connection, toy(version="2"), raters=(5, 6), enrolled=3)
        connection.execute(text("DELETE FROM raters WHERE id = 6"))
    assert len(load_ratings(sql_url, "toy")) == len(load_ratings(sql_url)) == 9
    for _ in range(2):
        opened = open_store(sql_url, toy())
        check(opened, (1, 3), enrolled=3)
        opened.close()
    for version, raters, last in (("1", (1, 3), 6), ("2", (5,), 7)):
        opened = open_store(sql_url, toy(version=version))
        check(opened, raters, enrolled=3)
        go_on(opened, last)
        opened.close()
    with connected(sql_url) as connection:
        assert set(inspect(connection).get_table_names()) == {"journal", "vclip_version"}


def test_a_converted_database_is_as_a_new_one(sql_url: str, tmp_path: Path) -> None:
    """With the same columns, the same indexes, and rules that refuse the same."""
    with connected(sql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
    open_store(sql_url, toy()).close()
    open_store(f"sqlite:///{tmp_path}/new.db", toy()).close()
    found = []
    for url in (sql_url, f"sqlite:///{tmp_path}/new.db"):
        with connected(url) as connection:
            columns = inspect(connection).get_columns("journal")
            found.append(sorted(column["name"] for column in columns))
    assert found[0] == found[1]
    for statement in ("UPDATE journal SET data = '{}'", "DELETE FROM journal"):
        with pytest.raises(IntegrityError, match="once"), connected(sql_url) as connection:
            connection.execute(text(statement))


def test_an_old_database_of_a_study_that_changed_is_refused(sql_url: str) -> None:
    with connected(sql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
    with pytest.raises(StudyError, match="changed after raters had begun"):
        open_store(sql_url, toy(break_every=2))
    assert len(load_ratings(sql_url)) == 3


def test_a_conversion_that_fails_changes_nothing(sql_url: str) -> None:
    """Half of it would be two truths: it is one transaction."""
    with connected(sql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
        connection.exec_driver_sql("ALTER TABLE events RENAME TO elsewhere")
    with pytest.raises(Exception, match="events"):
        open_store(sql_url, toy())
    with connected(sql_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM answers")).scalar() == 3
        assert not inspect(connection).has_table("journal")
        connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO events")
    opened = open_store(sql_url, toy())
    check(opened, (1,), enrolled=1)
    opened.close()


def test_who_only_reads_converts_nothing(sql_url: str) -> None:
    """A server of the version before may still be using it."""
    with connected(sql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
    assert len(load_ratings(sql_url)) == 3
    with connected(sql_url) as connection:
        assert connection.execute(text("SELECT count(*) FROM answers")).scalar() == 3
        assert not inspect(connection).has_table("journal")


def test_a_file_is_read_without_a_write(tmp_path: Path) -> None:
    """Of either version: it may be somebody's only copy, or lie where nothing can be written."""
    path = tmp_path / "ratings.db"
    with connected(f"sqlite:///{path}") as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
    for _ in range(2):
        before = path.read_bytes()
        path.chmod(0o444)
        tmp_path.chmod(0o555)
        assert len(load_ratings(f"sqlite:///{path}")) == 3
        assert path.read_bytes() == before and [*tmp_path.iterdir()] == [path]
        tmp_path.chmod(0o755)
        path.chmod(0o644)
        open_store(f"sqlite:///{path}", toy()).close()
        path.with_name("ratings.db-journal").unlink(missing_ok=True)


def test_a_server_of_the_version_before_loses_nothing(postgresql_url: str) -> None:
    """What it commits while the new one waits for the tables is converted, too."""
    with connected(postgresql_url) as connection:
        old_tables(connection)
        old_study(connection, toy(), raters=(1,), enrolled=1)
    found = list[Store]()
    thread = threading.Thread(target=lambda: found.append(open_store(postgresql_url, toy())))
    with connected(postgresql_url) as connection:
        connection.execute(text("UPDATE raters SET seen = seen"))
        connection.execute(
            text(
                "INSERT INTO answers (rater_id, position, value, heard, plays, seconds, share,"
                " request, created) SELECT rater_id, 3, value, heard, plays, seconds, share,"
                " 'last', created FROM answers WHERE position = 0"
            )
        )
        thread.start()
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'")
        while thread.is_alive() and not connection.execute(waits).scalar():
            thread.join(0.01)
    thread.join(60)
    assert found[0].answers(1)[3].request == "last"
    found[0].close()


def test_a_folder_is_gone_on_with(tmp_path: Path) -> None:
    url = f"jsonl:{tmp_path}/lines"
    old_folder(tmp_path / "lines", toy(), raters=(1, 3), gone=(2,))
    assert len(load_ratings(url)) == len(load_ratings(url, "toy")) == 6
    for _ in range(2):
        opened = open_store(url, toy())
        check(opened, (1, 3), enrolled=3)
        opened.close()
    opened = open_store(url, toy())
    go_on(opened, last=3)
    opened.close()
