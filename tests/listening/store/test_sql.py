"""Databases: durable by their settings, migrated, and writing once by rules of their own."""

import sqlite3
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.exc import IntegrityError
from stores import answer, enrol, sql_url, toy
from vclip.listening.store.tables import WRITTEN_ONCE, Base

from vclip.errors import BusyError, StudyError
from vclip.listening.store import database, store
from vclip.listening.store.records import Mark
from vclip.listening.store.sql import Database

__all__ = ["sql_url"]  # a fixture


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names()) - {database.VERSION_TABLE}


def differences(connection: Connection) -> list[object]:
    """Between the tables that the migrations made and those that the models want."""
    options = {"version_table": database.VERSION_TABLE, "compare_server_default": True}
    return list(
        compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    )


def test_migrations_make_what_the_models_want(sql_url: str) -> None:
    engine = database.connect(sql_url)
    with engine.begin() as connection:
        assert tables(connection) == set(Base.metadata.tables)
        assert differences(connection) == []
        connection.execute(text("ALTER TABLE marks ADD COLUMN more TEXT"))
        assert differences(connection) != []  # the test would see it
    engine.dispose()


def test_migrations_go_down_to_nothing_and_up_again(sql_url: str) -> None:
    engine = database.connect(sql_url)
    with engine.begin() as connection:
        command.downgrade(database.config(connection), "base")
        assert tables(connection) == set()
    database.migrate(engine)
    database.migrate(engine)  # nothing is left to do
    with engine.begin() as connection:
        assert tables(connection) == set(Base.metadata.tables)
    engine.dispose()


def test_a_database_of_a_newer_version_is_left_alone(sql_url: str) -> None:
    engine = database.connect(sql_url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {database.VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(StudyError, match="cannot use the store"):
        store.open_store(sql_url, toy())


def test_the_database_itself_refuses_changes(sql_url: str) -> None:
    opened = Database(sql_url, toy())
    rater = enrol(opened).rater
    opened.record(rater, answer(0), "tab")
    opened.mark(rater, Mark("volume"))
    opened.log(rater, [{"kind": "play"}])
    before = opened.ratings(), opened.marks(rater), opened.events(rater), opened.trials(rater)
    for table in WRITTEN_ONCE:
        for statement in (f"UPDATE {table} SET rater_id = rater_id", f"DELETE FROM {table}"):
            with pytest.raises(IntegrityError), opened._engine.begin() as connection:
                connection.execute(text(statement))
    after = opened.ratings(), opened.marks(rater), opened.events(rater), opened.trials(rater)
    assert before == after
    opened.close()


def test_the_database_itself_refuses_a_second_answer(sql_url: str) -> None:
    opened = Database(sql_url, toy())
    opened.record(enrol(opened).rater, answer(0), "tab")
    names = "rater_id, position, value, heard, plays, seconds, share, request, created"
    again = text(f"INSERT INTO answers ({names}) SELECT {names} FROM answers")
    with pytest.raises(IntegrityError), opened._engine.begin() as connection:
        connection.execute(again)
    opened.close()


def test_sqlite_is_durable_and_safe_on_mounted_folders(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/ratings.db")
    with engine.begin() as connection:
        settings = ("journal_mode", "synchronous", "foreign_keys")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings]
    assert found == ["truncate", 2, 1]
    engine.dispose()


def test_postgresql_is_durable(sql_url: str) -> None:
    engine = database.connect(sql_url)
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
    engine.dispose()


def test_a_write_ahead_log_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ratings.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    test_sqlite_is_durable_and_safe_on_mounted_folders(tmp_path)


def test_what_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    opened = Database(f"sqlite:///{tmp_path}/ratings.db", toy())
    rater = enrol(opened).rater
    other = sqlite3.connect(tmp_path / "ratings.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(BusyError, match="try again"):
        opened.record(rater, answer(0), "tab")
    other.execute("ROLLBACK")
    other.close()
    assert opened.answers(rater) == {}
    opened.record(rater, answer(0), "tab")
    opened.close()


def test_two_servers_share_a_database(sql_url: str) -> None:
    one, other = Database(sql_url, toy()), Database(sql_url, toy())
    assert one.secret == other.secret
    rater = enrol(one)
    assert other.rater(rater.token) == rater.rater
    other.record(rater.rater, answer(0), "tab")
    one.record(rater.rater, answer(0), "tab")
    assert len(one.ratings()) == 1
    one.close()
    other.close()


def test_mistakes_in_urls_show_no_password() -> None:
    for url in (
        "postgresql+psycopg://vclip:secret@127.0.0.1:1/none?connect_timeout=1",
        "postgresql+asyncpg://vclip:secret@127.0.0.1:1/none",
        "postgresql+psycopg://vclip:secret@127.0.0.1:port/none",
    ):
        with pytest.raises(StudyError) as error:
            store.open_store(url, toy())
        assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="unable to open"):
        store.open_store(f"sqlite:///{tmp_path}/none/ratings.db", toy())


def test_hosts_names_of_drivers_are_understood() -> None:
    for name in ("postgres", "postgresql", "postgresql+psycopg"):
        assert database._parse(f"{name}://u@h/d").drivername == "postgresql+psycopg"


def test_reading_does_not_wait_for_others_who_read(tmp_path: Path) -> None:
    opened = Database(f"sqlite:///{tmp_path}/ratings.db", toy())
    other: Engine = create_engine(f"sqlite:///{tmp_path}/ratings.db")
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT * FROM raters").all()
        assert opened.ratings() == []
    other.dispose()
    opened.close()
