"""What every journal promises: numbers are given once, all or none is kept, withdrawals erase."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from stores import sql_url, url

from vclip.listening.store.database import connect
from vclip.listening.store.folder_journal import FolderJournal
from vclip.listening.store.journal import Event, Journal, SequenceTakenError
from vclip.listening.store.sql_journal import SqlJournal

__all__ = ["sql_url", "url"]  # fixtures

HEADER = {"study": "toy", "version": "1", "sha256": "0" * 64, "secret": "1" * 64}


def opened(url: str, version: str = "1") -> Journal:
    if url.startswith("jsonl:"):
        return FolderJournal(Path(url.removeprefix("jsonl:")))
    return SqlJournal(connect(url), "toy", version)


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    found = opened(url)
    assert found.read(0) == []
    yield found
    found.close()


def enrolled(rater: int) -> list[Event]:
    """A rater with two things that the page told."""
    data = {"study": "toy", "version": "1", "token": f"t{rater}", "withdrawal": f"w{rater}"}
    told = [Event("event", rater, {"event": {"n": n, "ü": None}}) for n in range(2)]
    return [Event("enrol", rater, {**data, "trials": []}), *told]


def test_what_is_appended_is_read_in_its_order(journal: Journal, url: str) -> None:
    events = [Event("study", None, HEADER), *enrolled(1), *enrolled(2)]
    journal.append(events[:1], 0)
    journal.append(events[1:], 1)
    assert journal.of_rater(1) == events[1:4]
    if journal.shared:
        assert journal.read(0) == events and journal.read(3) == events[3:]
        assert journal.read(len(events)) == []
    journal.close()
    with closing(opened(url)) as again:
        assert again.read(0)[1:] == events[1:]


@pytest.mark.parametrize("after", [0, 1, 4])
def test_only_who_knows_the_end_may_append(journal: Journal, after: int) -> None:
    journal.append(enrolled(1), 0)
    journal.append([Event("withdraw", 1)], 3)  # what it erases leaves no gap to append into
    if after == 4:
        journal.append(enrolled(2)[:1], 4)
    with pytest.raises(SequenceTakenError):
        journal.append(enrolled(3), after)
    assert journal.of_rater(3) == []


def test_a_withdrawal_erases_the_rater_s_events_alone(journal: Journal, url: str) -> None:
    journal.append([*enrolled(1), *enrolled(2)], 0)
    journal.append([Event("event", 1, {"event": {}}), Event("withdraw", 1)], 6)
    assert [event.kind for event in journal.of_rater(1)] in ([], ["withdraw"])
    journal.close()
    with closing(opened(url)) as again:
        found = again.read(0)
    kept = [event for event in found if event.kind != "erased"]
    assert sorted((event.rater, event.kind) for event in kept) == [
        (1, "withdraw"),
        (2, "enrol"),
        (2, "event"),
        (2, "event"),
    ]
    assert all(e == Event("erased", None, {}, "") for e in found if e not in kept)


def test_studies_in_one_database_have_journals_of_their_own(sql_url: str) -> None:
    with closing(opened(sql_url)) as journal, closing(opened(sql_url, version="2")) as other:
        journal.append(enrolled(1), 0)
        other.append(enrolled(2), 0)
        other.append([Event("withdraw", 2), Event("withdraw", 1)], 3)  # 1 is none of its own
        assert [event.kind for event in journal.read(0)] == ["enrol", "event", "event"]


def test_a_number_of_a_rater_is_given_once_in_a_database(sql_url: str) -> None:
    with closing(opened(sql_url)) as journal, closing(opened(sql_url, version="2")) as other:
        assert other.last_rater() == 0
        journal.append(enrolled(3), 0)
        assert other.last_rater() == 3
        with pytest.raises(SequenceTakenError):
            other.append(enrolled(3), 0)
        assert other.read(0) == []


def test_of_many_who_append_after_one_number_one_does(sql_url: str) -> None:
    """All at once, each by a connection of its own; what the others wanted is not there."""
    barrier, taken = threading.Barrier(6), list[int]()

    def append(rater: int) -> None:
        with closing(opened(sql_url)) as mine:
            barrier.wait()
            try:
                mine.append(enrolled(rater), 0)
            except SequenceTakenError:
                taken.append(rater)

    threads = [threading.Thread(target=append, args=(rater,)) for rater in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with closing(opened(sql_url)) as journal:
        assert len(taken) == 5 and len(journal.read(0)) == 3
