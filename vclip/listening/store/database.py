"""Durable connections to SQLite and PostgreSQL, with tables that are up to date.

SQLite keeps a rollback journal: a write-ahead log needs memory shared between processes, which the
mounted buckets of Spaces do not have, and breaks there. TRUNCATE with synchronous FULL has the
journal's end on disk at commit, so that even a power cut takes nothing back (sqlite.org/pragma).
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,  # PostgreSQL's when it only reads, after a failover
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from vclip.errors import BusyError, StudyError
from vclip.listening.store import schema

LOCK = 0x76636C6970  # of PostgreSQL: two servers do not migrate at once
PATIENCE = 30  # seconds to wait for others who write
POOL = 4  # connections to PostgreSQL: one appends for all, some read


def connect(url: str) -> Engine:
    """An engine that can be used, with all tables, made or converted. Raises StudyError."""
    parsed = _parse(url)
    engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgres(parsed)
    with _upgraded(engine, new=True) as connection:
        connection.commit()
    return engine


@contextmanager
def snapshot(url: str) -> Iterator[Connection]:
    """All tables as they are now, for who only reads. Raises StudyError.

    Older tables are converted in a copy (SQLite), or in a transaction that is taken back.
    """
    parsed = _parse(url)
    lite = parsed.get_backend_name() == "sqlite"
    if lite and not Path(parsed.database or "").is_file():
        raise StudyError(f"there is no file {parsed.database}; check the store's URL")
    engine = create_engine(parsed, creator=lambda: _copy(parsed)) if lite else _postgres(parsed)
    with _upgraded(engine, new=False) as connection:
        yield connection


@contextmanager
def _upgraded(engine: Engine, *, new: bool) -> Iterator[Connection]:
    """A transaction in which all tables are there, new ones only if wanted. Raises StudyError."""
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":  # SQLite's transactions are alone anyway
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
            if not new and schema.version(connection) is None:
                raise StudyError(f"there are no ratings in {engine.url}; check the store's URL")
            schema.upgrade(connection)
            yield connection
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()[0]
        raise StudyError(f"cannot use the store {engine.url}: {reason}") from error
    finally:
        engine.dispose()  # also of its connections; it can be used again


def reader(engine: Engine) -> Engine:
    """The same connections for single statements that only read: without a transaction."""
    options = {} if engine.dialect.name == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
    return engine.execution_options(reads=True, **options)


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """All of it or nothing, durable at the end. Raises BusyError if the database fails."""
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError, InternalError, PoolTimeout) as error:
        raise BusyError("nothing can be saved right now; try again in a minute") from error


def _parse(url: str) -> URL:
    """Raises StudyError; its text has no password."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise StudyError("the store is no URL; use sqlite:///FILE, for example") from error
    if parsed.drivername in ("postgres", "postgresql"):  # as hosts tell it
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("postgresql+psycopg", "sqlite", "sqlite+pysqlite"):
        raise StudyError(f"no store for {parsed.drivername}; use sqlite or postgresql+psycopg")
    if parsed.get_backend_name() == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise StudyError("a store in memory loses its ratings; use sqlite:///FILE")
    return parsed


def _postgres(url: URL) -> Engine:
    options = f"{url.query.get('options', '')} -c synchronous_commit=on"
    return create_engine(
        url,
        pool_size=POOL,
        max_overflow=0,
        pool_timeout=PATIENCE,
        pool_pre_ping=True,  # the database may have been restarted
        connect_args={"options": options, "connect_timeout": PATIENCE},
    )


def _sqlite(url: URL) -> Engine:
    """One connection for all threads: they queue for it instead of finding the file locked."""
    engine = create_engine(
        url,
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=PATIENCE,
        connect_args={"timeout": PATIENCE, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _copy(url: URL) -> sqlite3.Connection:
    """All of a file in memory."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    with closing(sqlite3.connect(str(url.database), timeout=PATIENCE)) as file:
        file.backup(memory)
    return memory


def _prepare(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # or Python would begin transactions as it sees fit
    connection.execute("PRAGMA journal_mode = TRUNCATE")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")  # of who withdraws, the bytes go, too


def _begin(connection: Connection) -> None:
    """What writes takes the file at once; a single statement that reads needs no transaction."""
    if not connection.get_execution_options().get("reads", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
