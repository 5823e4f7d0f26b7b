"""Tables of the database: one journal of events, which the database itself keeps written once.

Databases of version 0001, which had a table for each kind of record, are converted where they are.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, Row, text

from vclip.errors import StudyError
from vclip.listening.store.journal import Event

VERSION = "0002"
JOURNAL = sa.Table(
    "journal",
    sa.MetaData(),
    Column("study", sa.Text, primary_key=True),
    Column("version", sa.Text, primary_key=True),
    Column("number", sa.Integer, primary_key=True, autoincrement=False),
    Column("rater", sa.Integer),
    Column("kind", sa.Text, nullable=False),
    Column("data", sa.JSON, nullable=False),
    Column("created", sa.Text, nullable=False),
    sa.Index("ix_journal_rater", "study", "version", "rater"),
)
ERASED: dict[str, Any] = {"rater": None, "kind": "erased", "data": {}, "created": ""}
"""What is left of an event whose rater withdrew."""

_ERASES = """
    NEW.rater IS NULL AND NEW.kind = 'erased' AND CAST(NEW.data AS TEXT) = '{}' AND NEW.created = ''
    AND NEW.study = OLD.study AND NEW.version = OLD.version AND NEW.number = OLD.number
    AND OLD.kind <> 'withdraw' AND EXISTS (
        SELECT 1 FROM journal WHERE study = OLD.study AND version = OLD.version
        AND rater = OLD.rater AND kind = 'withdraw'
    )"""
_ONE_ANSWER = "CREATE UNIQUE INDEX uq_journal_answer ON journal (study, version, rater, ({}))"
_ONE_RATER = "CREATE UNIQUE INDEX uq_journal_rater ON journal (rater) WHERE kind = 'enrol'"
_REFUSE = "BEGIN SELECT RAISE(ABORT, 'the journal is written once'); END"
_RULES = {
    "sqlite": (
        _ONE_ANSWER.format("json_extract(data, '$.position')") + " WHERE kind = 'answer'",
        _ONE_RATER,
        f"CREATE TRIGGER journal_no_delete BEFORE DELETE ON journal {_REFUSE}",
        f"CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal WHEN NOT ({_ERASES}) {_REFUSE}",
    ),
    "postgresql": (
        _ONE_ANSWER.format("data ->> 'position'") + " WHERE kind = 'answer'",
        _ONE_RATER,
        f"""CREATE FUNCTION journal_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF TG_OP = 'DELETE' OR NOT ({_ERASES}) THEN
                RAISE EXCEPTION 'the journal is written once'
                    USING ERRCODE = 'integrity_constraint_violation';
            END IF;
            RETURN NEW;
        END $$""",
        "CREATE TRIGGER journal_written_once BEFORE UPDATE OR DELETE ON journal "
        "FOR EACH ROW EXECUTE FUNCTION journal_written_once()",
    ),
}
_OLD = {
    "trials": "position question type item conditions items purpose expected",
    "answers": "position value heard plays seconds share request created",
    "marks": "kind position result created",
    "events": "event created",
}
_OF_JSON = ("value", "heard", "plays", "result", "event")


def version(connection: Connection) -> str | None:
    """Version of the tables; None if there are none."""
    if not sa.inspect(connection).has_table("vclip_version"):
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM vclip_version").scalar()
    return None if found is None else str(found)


def upgrade(connection: Connection) -> None:
    """Make the tables, or convert older ones; in the caller's transaction. Raises StudyError."""
    found = version(connection)
    if found == VERSION:
        return
    if found not in (None, "0001"):
        raise StudyError(f"cannot use the store: version {found} of its tables is not known here")
    JOURNAL.create(connection)
    for statement in _RULES[connection.dialect.name]:
        connection.exec_driver_sql(statement)
    if found:
        _convert(connection)
    connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS vclip_version (version_num TEXT)")
    connection.exec_driver_sql("DELETE FROM vclip_version")
    connection.exec_driver_sql(f"INSERT INTO vclip_version VALUES ('{VERSION}')")


def _convert(connection: Connection) -> None:
    """Rows of version 0001 as events; its tables are dropped, or withdrawals would miss them."""
    if connection.dialect.name == "postgresql":  # a server of that version may be writing
        connection.exec_driver_sql(f"LOCK TABLE studies, raters, {', '.join(_OLD)}")
    for study in connection.execute(text("SELECT * FROM studies ORDER BY id")).all():
        key = {"study": study.study, "version": study.version}
        events = enumerate(_events(connection, study), start=1)
        rows = [{**key, "number": n, **vars(event)} for n, event in events]
        connection.execute(sa.insert(JOURNAL), rows)
    for name in (*reversed(_OLD), "raters", "studies"):
        connection.exec_driver_sql(f"DROP TABLE {name}")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("DROP FUNCTION written_once()")


def _events(connection: Connection, study: Row[Any]) -> Iterator[Event]:
    """Of one study: rater after rater, each in the order of time."""
    head = {"study": study.study, "version": study.version, "sha256": study.sha256}
    yield Event("study", None, {**head, "secret": bytes(study.secret).hex()}, study.created)
    asked = text("SELECT * FROM raters WHERE study_id = :id ORDER BY id")
    raters = connection.execute(asked, {"id": study.id}).all()
    for rater in raters:
        yield from _of_rater(connection, study, rater)
    for number in _gone(connection, study.enrolled - len(raters)):
        yield Event("withdraw", number, {}, study.created)


def _of_rater(connection: Connection, study: Row[Any], rater: Row[Any]) -> Iterator[Event]:
    plan = _rows(connection, "trials", rater.id)
    for trial in plan:
        for name in ("conditions", "items"):
            trial[name] = trial[name].split(",") if trial[name] else []
    data = {"study": study.study, "version": study.version, "trials": plan}
    data |= {"token": rater.token, "withdrawal": rater.withdrawal}
    yield Event("enrol", rater.id, data, rater.created)
    found = [Event("claim", rater.id, {"tab": rater.tab}, rater.seen)]
    for kind in ("mark", "answer", "event"):
        for row in _rows(connection, f"{kind}s", rater.id):
            created = row.pop("created")
            found.append(Event(kind, rater.id, row, created))
    yield from sorted(found, key=lambda event: event.created)


def _rows(connection: Connection, name: str, rater: int) -> list[dict[str, Any]]:
    """Of one rater in the order of a table; a mark's kind is called as in its event."""
    columns = [sa.column(one, sa.JSON if one in _OF_JSON else None) for one in _OLD[name].split()]
    asked = sa.select(*(one.label("kind_of") if one.name == "kind" else one for one in columns))
    asked = asked.select_from(sa.table(name)).where(sa.column("rater_id") == rater)
    asked = asked.order_by(text("position" if name == "trials" else "id"))
    return [dict(row) for row in connection.execute(asked).mappings()]


def _gone(connection: Connection, n: int) -> list[int]:
    """Numbers for n raters who withdrew: whose they were is forgotten, the highest were given."""
    sequence = "SELECT seq FROM sqlite_sequence WHERE name = 'raters'"
    if connection.dialect.name == "postgresql":
        sequence = "SELECT last_value FROM raters_id_seq"
    last = connection.exec_driver_sql(sequence).scalar() or 0
    there = set(connection.exec_driver_sql("SELECT id FROM raters").scalars())
    return [number for number in range(last, 0, -1) if number not in there][:n]
