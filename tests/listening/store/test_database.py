"""Databases: durable by their settings, writing once by rules of their own, shared by servers."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from stores import answer, connected, enrol, postgresql_url, sql_url, toy

from vclip.errors import BusyError, ConflictError, StudyError
from vclip.listening.store import database
from vclip.listening.store.records import Mark
from vclip.listening.store.store import Store, load_ratings, open_store

__all__ = ["postgresql_url", "sql_url"]  # fixtures


def rated(url: str) -> tuple[Store, int]:
    """A store with all kinds of events of one rater."""
    opened = open_store(url, toy())
    rater = enrol(opened).rater
    opened.claim(rater, "tab")
    opened.record(rater, answer(0), "tab")
    opened.mark(rater, Mark("volume"))
    opened.log(rater, [{"kind": "play"}])
    return opened, rater


def test_a_database_of_a_newer_version_is_left_alone(sql_url: str) -> None:
    open_store(sql_url, toy()).close()
    with connected(sql_url) as connection:
        connection.execute(text("UPDATE vclip_version SET version_num = '9999'"))
    with pytest.raises(StudyError, match="cannot use the store: version 9999"):
        open_store(sql_url, toy())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET data = data",
        "UPDATE journal SET number = number + 100",
        "UPDATE journal SET rater = NULL, kind = 'erased', data = '{}', created = ''",
        "DELETE FROM journal",
    ],
)
def test_the_database_itself_refuses_changes(sql_url: str, statement: str) -> None:
    """Also to erase those who did not withdraw, in which all rows are."""
    opened, rater = rated(sql_url)
    before = opened.ratings(), opened.marks(rater), opened.events(rater), opened.trials(rater)
    with connected(sql_url) as connection:
        numbers = list(connection.execute(text("SELECT number FROM journal")).scalars())
    assert len(numbers) == 7
    for number in numbers:
        with pytest.raises(IntegrityError, match="once"), connected(sql_url) as connection:
            connection.execute(text(f"{statement} WHERE number = {number}"))
    after = opened.ratings(), opened.marks(rater), opened.events(rater), opened.trials(rater)
    assert before == after
    opened.close()


@pytest.mark.parametrize("number", ["number", "number + 100"])
def test_the_database_itself_refuses_a_second_answer(sql_url: str, number: str) -> None:
    """And a second event of one number."""
    opened, _ = rated(sql_url)
    names = "study, version, rater, kind, data, created"
    again = f"INSERT INTO journal (number, {names}) SELECT {number}, {names} FROM journal"
    with pytest.raises(IntegrityError), connected(sql_url) as connection:
        connection.execute(text(f"{again} WHERE kind = 'answer'"))
    opened.close()


def test_sqlite_is_durable_and_safe_on_mounted_folders(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path}/ratings.db")
    with engine.begin() as connection:
        settings = ("journal_mode", "synchronous", "secure_delete")
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in settings]
    assert found == ["truncate", 2, 1]
    engine.dispose()


def test_postgresql_is_durable(postgresql_url: str) -> None:
    """Even where the server's own setting, or the role's, would not be."""
    with connected(postgresql_url) as connection:
        connection.exec_driver_sql("ALTER ROLE CURRENT_USER SET synchronous_commit = off")
    try:
        engine = database.connect(postgresql_url)
        with engine.begin() as connection:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            assert connection.exec_driver_sql("SHOW fsync").scalar() == "on"
        engine.dispose()
    finally:
        with connected(postgresql_url) as connection:
            connection.exec_driver_sql("ALTER ROLE CURRENT_USER RESET synchronous_commit")


def test_what_is_acknowledged_is_committed(sql_url: str) -> None:
    """Whoever connects anew sees it, while the store is open."""
    opened, rater = rated(sql_url)
    for position in (1, 2):
        opened.record(rater, answer(position), "tab")
        with connected(sql_url) as connection:
            asked = text("SELECT count(*) FROM journal WHERE kind = 'answer'")
            assert connection.execute(asked).scalar() == position + 1
    opened.close()


def test_a_write_ahead_log_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "ratings.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    test_sqlite_is_durable_and_safe_on_mounted_folders(tmp_path)


def test_what_cannot_be_saved_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    opened = open_store(f"sqlite:///{tmp_path}/ratings.db", toy())
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
    one, other = open_store(sql_url, toy()), open_store(sql_url, toy())
    assert one.secret == other.secret
    rater = enrol(one)
    assert other.rater(rater.token) == rater.rater
    other.record(rater.rater, answer(0), "tab")
    one.record(rater.rater, answer(0), "tab")
    assert len(one.ratings()) == 1
    other.claim(rater.rater, "another")
    with pytest.raises(ConflictError, match="another window"):
        one.record(rater.rater, answer(1), "tab")
    one.close()
    other.close()


def test_who_withdraws_at_one_server_is_gone_at_the_other(sql_url: str) -> None:
    """Whether it knew the rater, or finds erased events where it goes on."""
    one, other = open_store(sql_url, toy()), open_store(sql_url, toy())
    known, unknown = enrol(one), enrol(other)
    one.record(unknown.rater, answer(0), "tab")
    for rater in (known, unknown):
        assert one.withdraw(rater.withdrawal) is not None
    late = enrol(one)
    one.record(late.rater, answer(0), "tab")
    one.withdraw(late.withdrawal)  # the other server has seen nothing of this one
    for rater in (known, unknown, late):
        assert other.known(rater.token) is None and other.trials(rater.rater) == []
        with pytest.raises(ConflictError, match="deleted"):
            other.record(rater.rater, answer(1), "tab")
    assert other.counts() == one.counts() and other.counts().raters == 3
    assert enrol(other).rater == 4 and other.ratings() == one.ratings() == []
    one.close()
    other.close()


def test_raters_of_two_versions_have_numbers_of_their_own(sql_url: str) -> None:
    """Or a table of both would make one person of two."""
    one, other = open_store(sql_url, toy()), open_store(sql_url, toy(version="2"))
    raters = [enrol(opened).rater for opened in (one, other, other, one)]
    for opened, rater in zip((one, other, other, one), raters, strict=True):
        opened.record(rater, answer(0), "tab")
    assert raters == [1, 2, 3, 4]
    found = {(rating.version, rating.rater) for rating in load_ratings(sql_url)}
    assert found == {("1", 1), ("2", 2), ("2", 3), ("1", 4)}
    one.close()
    other.close()


def test_a_database_that_is_set_back_is_gone_on_with(tmp_path: Path) -> None:
    """A backup, or a copy that took over before it had all, replaces it under the server.

    What is not in it was lost with the disk. A journal with a gap would lose all that follows.
    """
    path = tmp_path / "ratings.db"
    url = f"sqlite:///{path}"
    opened = open_store(url, toy())
    kept = enrol(opened)
    with closing(sqlite3.connect(path)) as live, closing(sqlite3.connect(":memory:")) as backup:
        live.backup(backup)
        lost = enrol(opened)
        backup.backup(live)
    opened.record(kept.rater, answer(0), "tab")
    with pytest.raises(ConflictError, match="no such trial"):
        opened.record(lost.rater, answer(0), "tab")
    assert opened.known(lost.token) is None
    again = open_store(url, toy())
    assert again.ratings() == opened.ratings() and len(again.ratings()) == 1
    again.close()
    opened.close()


def test_no_byte_of_who_withdraws_is_left(tmp_path: Path) -> None:
    path = tmp_path / "ratings.db"
    opened = open_store(f"sqlite:///{path}", toy())
    stays, goes = enrol(opened), enrol(opened)
    traces = ["a request like no other", "a tab like no other", "a key like no other"]
    for rater, prefix in ((stays, ""), (goes, "not ")):
        opened.claim(rater.rater, prefix + traces[1])
        opened.record(rater.rater, answer(0, prefix + traces[0]), prefix + traces[1])
        opened.log(rater.rater, [{"key": prefix + traces[2]} for _ in range(500)])
    opened.withdraw(goes.withdrawal)
    data = path.read_bytes()
    assert all(trace.encode() in data and f"not {trace}".encode() not in data for trace in traces)
    with closing(sqlite3.connect(path)) as connection:
        asked = "SELECT DISTINCT kind FROM journal WHERE rater = ?"
        assert connection.execute(asked, (goes.rater,)).fetchall() == [("withdraw",)]
    opened.close()
    assert not path.with_name("ratings.db-journal").read_bytes()


def test_mistakes_in_urls_show_no_password() -> None:
    for url in (
        "postgresql+psycopg://vclip:secret@127.0.0.1:1/none?connect_timeout=1",
        "postgresql+asyncpg://vclip:secret@127.0.0.1:1/none",
        "postgresql+psycopg://vclip:secret@127.0.0.1:port/none",
    ):
        with pytest.raises(StudyError) as error:
            open_store(url, toy())
        assert "secret" not in str(error.value) and "\n" not in str(error.value)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="unable to open"):
        open_store(f"sqlite:///{tmp_path}/none/ratings.db", toy())


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
def test_hosts_names_of_drivers_are_understood(name: str) -> None:
    with pytest.raises(StudyError, match=r"cannot use the store postgresql\+psycopg://u@"):
        open_store(f"{name}://u@127.0.0.1:1/none", toy())


def test_reading_does_not_wait_for_others_who_read(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ratings.db"
    opened = open_store(url, toy())
    with connected(url) as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("SELECT * FROM journal").all()
        assert opened.ratings() == []
    opened.close()
