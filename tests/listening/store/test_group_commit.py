"""Commands of many threads in one append: all are there, mistakes stay with whoever made them."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from vclip.errors import BusyError, ConflictError
from vclip.listening.store.group_commit import Decide, GroupCommit
from vclip.listening.store.journal import Event, Journal, SequenceTakenError
from vclip.listening.store.state import StudyState


class MemoryJournal(Journal):
    """A journal as a list, which others can append to; it fails and waits when told."""

    def __init__(self, shared: bool = True) -> None:
        self.shared, self.events = shared, list[Event]()
        self.appends = 0
        self.fails = False
        self.reached, self.go = threading.Event(), threading.Event()
        self.go.set()

    def read(self, after: int) -> Sequence[Event]:
        return self.events[after:]

    def append(self, events: Sequence[Event], after: int) -> None:
        self.reached.set()
        assert self.go.wait(30)
        if self.fails:
            raise BusyError("the disk is full")
        if after != len(self.events):
            raise SequenceTakenError
        self.events += events
        self.appends += 1

    def close(self) -> None:
        pass


def gone(rater: int) -> Event:
    """The simplest of events: it needs none before it."""
    return Event("withdraw", rater)


def add(rater: int) -> Decide[int]:
    """Answers how many there were before."""
    return lambda state: ([gone(rater)], len(state.gone))


def refused(state: StudyState) -> tuple[Sequence[Event], None]:
    raise ConflictError("no")


def all_in_one(journal: MemoryJournal, *commands: Decide[Any]) -> list[Any]:
    """What each command came to, all of them waiting while another one is appended."""
    found: list[Any] = [None] * len(commands)
    commit = GroupCommit(journal)

    def run(i: int) -> None:
        try:
            found[i] = commit(commands[i])
        except Exception as error:
            found[i] = error

    journal.go.clear()
    threads = [threading.Thread(target=commit, args=(add(1000),))]
    threads[0].start()
    assert journal.reached.wait(30)
    threads += [threading.Thread(target=run, args=(i,)) for i in range(len(commands))]
    for thread in threads[1:]:
        thread.start()
    while commit.waiting < len(commands):
        threads[0].join(0.001)
    journal.go.set()
    for thread in threads:
        thread.join()
    return found


def test_who_waits_shares_an_append_and_none_sees_what_another_saw() -> None:
    journal = MemoryJournal()
    found = all_in_one(journal, *map(add, range(20)))
    assert journal.appends == 2 and len(journal.events) == 21
    assert sorted(found) == list(range(1, 21))


def test_a_refused_command_is_undone_alone() -> None:
    journal = MemoryJournal()
    found = all_in_one(journal, add(1), refused, add(2))
    assert isinstance(found[1], ConflictError) and sorted((found[0], found[2])) == [1, 2]
    assert {event.rater for event in journal.events} == {1000, 1, 2}


@pytest.mark.parametrize("shared", [True, False])
def test_a_disk_that_fails_confirms_nobody(shared: bool) -> None:
    """Nor is anything of it seen; the next ones are taken again."""
    journal = MemoryJournal(shared)
    commit = GroupCommit(journal)
    journal.fails = True
    with pytest.raises(BusyError):
        commit(add(1))
    journal.fails = False
    assert commit.look().gone == frozenset() and commit(add(2)) == 0
    assert [event.rater for event in journal.events] == [2]


def test_an_append_that_fails_confirms_none_of_those_who_share_it() -> None:
    journal = MemoryJournal()

    def fail(state: StudyState) -> tuple[Sequence[Event], int]:
        journal.fails = True
        return [gone(3)], 0

    found = all_in_one(journal, add(1), fail, refused, add(2))
    assert all(isinstance(found[i], BusyError) for i in (0, 1, 3))
    assert isinstance(found[2], ConflictError)
    assert [event.rater for event in journal.events] == [1000]


def test_what_is_decided_too_late_is_decided_anew() -> None:
    """Another server appends between the decision and its append: a refusal may become right."""
    journal = MemoryJournal()
    commit = GroupCommit(journal)

    def once(state: StudyState) -> tuple[Sequence[Event], int]:
        if 7 in state.gone:
            raise ConflictError("no longer")
        journal.events.append(gone(7))  # as if another server had, right now
        return [gone(7)], 0

    with pytest.raises(ConflictError, match="no longer"):
        commit(once)
    assert len(journal.events) == 1 and commit.look().n == 1


def test_who_is_always_too_late_is_told_to_come_again() -> None:
    journal = MemoryJournal()
    commit = GroupCommit(journal)

    def late(state: StudyState) -> tuple[Sequence[Event], None]:
        journal.events.append(gone(len(journal.events)))
        return [gone(-1)], None

    with pytest.raises(BusyError, match="try again"):
        commit(late)
    assert commit(add(-1)) == len(journal.events) - 1


def test_a_look_sees_what_another_server_has_acknowledged() -> None:
    journal = MemoryJournal()
    commit = GroupCommit(journal)
    journal.events.append(gone(3))
    assert commit.look().gone == {3}
