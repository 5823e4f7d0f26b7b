"""The gate: so many at once, so many in the queue, the rest is told at once."""

import threading

import pytest

from vclip.errors import BusyError
from vclip.gate import Gate


def test_no_more_than_running_at_once() -> None:
    gate, lock, now, most = Gate(2, 20), threading.Lock(), 0, 0
    meeting = threading.Barrier(2, timeout=10)  # both of the two turns are taken

    def work(i: int) -> None:
        nonlocal now, most
        with gate.first() if i % 2 else gate.turn():
            with lock:
                now, most = now + 1, max(most, now + 1)
            meeting.wait()
            with lock:
                now -= 1

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


def test_a_full_queue_refuses_newcomers_only() -> None:
    gate, leave = Gate(1, 1), threading.Event()
    inside, done = threading.Semaphore(0), []

    def work() -> None:
        with gate.first():
            inside.release()
            leave.wait(10)
        with gate.turn():  # one who has begun is never refused
            done.append(True)

    threads = [threading.Thread(target=work) for _ in range(2)]
    threads[0].start()
    assert inside.acquire(timeout=10)
    threads[1].start()
    while gate._places._value:  # until the second one waits
        pass
    with pytest.raises(BusyError, match="try again"), gate.first():
        pass
    leave.set()
    for thread in threads:
        thread.join()
    assert done == [True, True]
    with gate.first():  # and all places are free again
        pass


def test_an_error_inside_gives_the_turn_back() -> None:
    gate = Gate(1, 0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.first():
            _ = 1 / 0
