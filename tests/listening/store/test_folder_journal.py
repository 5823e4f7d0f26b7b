"""Files of JSON lines: what a crash, a full disk or a second process can do to them."""

import errno
import json
import os
from pathlib import Path

import pytest
from stores import answer, enrol, toy

from vclip.errors import BusyError, ConflictError, DataError, StudyError
from vclip.listening.store import json_lines, store
from vclip.listening.store.journal import now
from vclip.listening.store.records import Mark


def session_file(folder: Path, rater: int = 1) -> Path:
    return folder / "sessions" / f"{rater}.jsonl"


def opened(folder: Path) -> store.Store:
    return store.open_store(f"jsonl:{folder}", toy())


@pytest.mark.slow
def test_a_line_torn_anywhere_costs_itself_alone(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    rater = enrol(kept).rater
    kept.record(rater, answer(0), "tab")
    whole = session_file(tmp_path).read_bytes()
    kept.record(rater, answer(1, value={"A": 1.0, "ü": 2.0}), "tab")
    kept.close()
    both = session_file(tmp_path).read_bytes()
    for end in range(len(whole), len(both)):
        session_file(tmp_path).write_bytes(both[:end])
        assert len(store.load_ratings(f"jsonl:{tmp_path}")) == 1  # while it may be in use
        again = opened(tmp_path)
        assert sorted(again.answers(rater)) == [0]
        again.record(rater, answer(1, "again"), "tab")
        again.close()
        again = opened(tmp_path)
        assert again.answers(rater)[1].request == "again"
        again.close()


def test_a_rater_of_whom_only_half_a_line_is_there_never_was(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    first = enrol(kept)
    kept.close()
    session_file(tmp_path, 2).write_bytes(session_file(tmp_path).read_bytes()[:100])
    again = opened(tmp_path)
    assert [one.rater for one in again.raters()] == [first.rater]
    second = enrol(again)
    assert second.rater == 2
    again.close()
    again = opened(tmp_path)
    assert again.rater(second.token) == 2
    again.close()


def test_a_broken_line_amid_others_is_told(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    enrol(kept)
    kept.close()
    for broken in (b"{...}\n", b"7\n"):
        path = session_file(tmp_path)
        path.write_bytes(path.read_bytes().splitlines(keepends=True)[0] + broken)
        with pytest.raises(DataError, match=r"line 2 of 1\.jsonl"):
            opened(tmp_path)


@pytest.mark.parametrize("written", [0, 7])
def test_a_full_disk_spoils_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    kept, real = opened(tmp_path), os.write
    rater = enrol(kept).rater
    kept.record(rater, answer(0), "tab")
    before = session_file(tmp_path).read_bytes()

    def full(file: int, data: bytes) -> int:
        if not written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:written])

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(BusyError, match="try again later"):
            kept.record(rater, answer(1), "tab")
        with pytest.raises(BusyError):
            enrol(kept)
    assert session_file(tmp_path).read_bytes() == before
    assert sorted(kept.answers(rater)) == [0]
    kept.record(rater, answer(1), "tab")
    assert enrol(kept).rater == 2
    kept.close()
    again = opened(tmp_path)
    assert sorted(again.answers(rater)) == [0, 1]
    again.close()


def test_every_line_is_flushed_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []
    real = os.fsync

    def fsync(file: int) -> None:
        flushed.append(Path(os.readlink(f"/proc/self/fd/{file}")).name)
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    kept = opened(tmp_path)
    rater = enrol(kept).rater
    assert flushed[-2:] == ["1.jsonl", "sessions"]  # a new file, then its name
    for write in (
        lambda: kept.record(rater, answer(0), "tab"),
        lambda: kept.mark(rater, Mark("volume")),
        lambda: kept.log(rater, [{"kind": "play"}]),
    ):
        flushed.clear()
        write()
        assert flushed == ["1.jsonl"]
    kept.close()


def test_only_one_process_has_a_folder(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    with pytest.raises(StudyError, match="in use"):
        opened(tmp_path)
    kept.close()
    opened(tmp_path).close()


def test_a_crash_amid_a_withdrawal_ends_with_it_done(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    one, other = enrol(kept), enrol(kept)
    kept.record(one.rater, answer(0), "tab")
    kept.close()
    json_lines.append({tmp_path / "gone.jsonl": [{"rater": one.rater, "created": now()}]})
    assert store.load_ratings(f"jsonl:{tmp_path}") == []
    again = opened(tmp_path)
    assert not session_file(tmp_path, one.rater).exists()
    assert again.rater(one.token) is None and again.rater(other.token) == other.rater
    assert enrol(again).rater == 3
    again.close()


def test_of_a_rater_who_withdrew_only_the_number_is_left(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    one = enrol(kept)
    kept.record(one.rater, answer(0), "tab")
    kept.withdraw(one.withdrawal)
    kept.close()
    assert not list((tmp_path / "sessions").iterdir())
    assert set(json.loads((tmp_path / "gone.jsonl").read_text())) == {"rater", "created"}


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match="cannot keep ratings"):
        opened(tmp_path / "file")


def test_a_restart_frees_the_tab(tmp_path: Path) -> None:
    kept = opened(tmp_path)
    rater = enrol(kept).rater
    kept.claim(rater, "one")
    with pytest.raises(ConflictError):
        kept.record(rater, answer(0), "other")
    kept.close()
    again = opened(tmp_path)
    again.record(rater, answer(0), "other")
    again.close()


ANSWER = (
    '{"kind": "answer", "position": 99, "value": "4", "created": "2026-01-01T00:00:00+00:00"}\n'
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("study.json", '{"stu'),
        ("study.json", "[]"),
        ("study.json", '{"study": "toy"}'),
        ("gone.jsonl", '{"x": 1}\n'),
        ("sessions/2.jsonl", "{}\n"),
        ("sessions/2.jsonl", '{"kind": "answer"}\n'),
        ("sessions/1.jsonl", '{"created": "x"}\n'),
        ("sessions/1.jsonl", '{"kind": "answer"}\n'),
        ("sessions/1.jsonl", ANSWER),
    ],
)
def test_what_somebody_edited_is_told_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    """Neither a traceback nor a guess: both reading and going on refuse, and name the file."""
    url = f"jsonl:{tmp_path}/lines"
    opened = store.open_store(url, toy())
    enrol(opened)
    opened.close()
    path = tmp_path / "lines" / name
    before = path.read_text() if name == "sessions/1.jsonl" else ""
    path.write_text(before + content)
    for attempt in (lambda: store.open_store(url, toy()), lambda: store.load_ratings(url)):
        with pytest.raises((StudyError, DataError), match=path.name):
            attempt()
    path.unlink()
