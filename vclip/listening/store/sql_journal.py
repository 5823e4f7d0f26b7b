"""The journal as one SQL table, for SQLite and PostgreSQL.

Who appends inserts the numbers that follow; the primary key lets each be given once, so of two
servers one waits, fails and reads on. What a withdrawal erases is overwritten while its numbers
stay, or a server that lags behind could append into the gap.
"""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Engine, and_, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from vclip.errors import StudyError
from vclip.listening.store.database import reader, snapshot, transaction
from vclip.listening.store.journal import Event, Journal, SequenceTakenError
from vclip.listening.store.schema import ERASED, JOURNAL
from vclip.listening.store.state import StudyState

COLUMNS = JOURNAL.c
EVENT = (COLUMNS.kind, COLUMNS.rater, COLUMNS.data, COLUMNS.created)


class SqlJournal(Journal):
    """See journal.Journal for what each method promises. The engine is closed with it."""

    shared = True

    def __init__(self, engine: Engine, study: str, version: str) -> None:
        self._engine, self._reader = engine, reader(engine)
        self._key = {"study": study, "version": version}
        self._mine = and_(COLUMNS.study == study, COLUMNS.version == version)

    def read(self, after: int) -> list[Event]:
        """Events after a number, in one statement, so without gaps."""
        asked = select(*EVENT).where(self._mine, COLUMNS.number > after).order_by(COLUMNS.number)
        with transaction(self._reader) as connection:
            return [Event(*row) for row in connection.execute(asked)]

    def append(self, events: Sequence[Event], after: int) -> None:
        """Append events in one transaction."""
        rows = [
            {**self._key, "number": n, **vars(event)}
            for n, event in enumerate(events, start=after + 1)
        ]
        last = select(COLUMNS.number).where(self._mine, COLUMNS.number == after)
        gone = [event.rater for event in events if event.kind == "withdraw"]
        erased = update(JOURNAL).values(ERASED).where(self._mine, COLUMNS.kind != "withdraw")
        try:
            with transaction(self._engine) as connection:
                if after and connection.scalar(last) is None:
                    raise SequenceTakenError
                connection.execute(insert(JOURNAL), rows)
                if gone:
                    connection.execute(erased.where(COLUMNS.rater.in_(gone)))
        except IntegrityError as error:
            raise SequenceTakenError from error

    def last_rater(self) -> int:
        """The highest number of a rater, by the index that makes them unique."""
        asked = select(func.max(COLUMNS.rater)).where(text("kind = 'enrol'"))
        with transaction(self._reader) as connection:
            return connection.scalar(asked) or 0

    def close(self) -> None:
        """All connections."""
        self._engine.dispose()


def load_states(url: str, study: str | None = None) -> list[StudyState]:
    """States of all versions of one study, or of the only one there is. Raises StudyError."""
    key = COLUMNS.study, COLUMNS.version
    asked = select(*key, *EVENT).order_by(*key, COLUMNS.number)
    kept = defaultdict[tuple[str, str], list[Event]](list)
    with snapshot(url) as connection:
        for name, version, *event in connection.execute(asked):
            kept[name, version].append(Event(*event))
    names = sorted({name for name, _ in kept})
    if study is None and len(names) != 1:
        raise StudyError(f"the store has {len(names)} studies; name one of: {names}")
    wanted = study or names[0]
    return [StudyState().after(events) for (name, _), events in kept.items() if name == wanted]
