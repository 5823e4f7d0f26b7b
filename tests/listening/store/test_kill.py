"""A server that is killed again and again under load: nothing acknowledged is lost or doubled.

kill -9 takes the process, not the machine: that written data outlasts a power cut is for fsync,
whose use test_folder and test_database look at.
"""

import itertools
import random
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import toy_study
from http_raters import Rater, nursery
from stores import sql_url, url

from vclip.listening.design import study_file
from vclip.listening.store import store

pytestmark = pytest.mark.slow

__all__ = ["sql_url", "url"]  # fixtures

KILLS = 8
N_RATERS = 6


def written(folder: Path, trials: int) -> Path:
    asked = toy_study.fields(
        trials + 1, "abc", "acr_fit ab", trials_per_rater=trials, training=["i0"], break_every=5
    )
    asked["gates"] = {"volume": True, "headphones": "off"}
    return toy_study.written(folder, asked, seconds=0.05)


def crowd(port: int, enough: threading.Event) -> tuple[list[Rater], list[threading.Thread]]:
    """Raters, each in a thread, one session after the other until it is enough."""
    raters: list[Rater] = []

    def rate() -> None:
        while not enough.is_set():
            rater = Rater(port)
            raters.append(rater)
            rater.enrol()
            rater.rate(enough)
            rater.close()

    return raters, [threading.Thread(target=rate) for _ in range(N_RATERS)]


def test_kill_9_loses_and_doubles_nothing(tmp_path: Path, url: str) -> None:
    path, enough = written(tmp_path, 12), threading.Event()
    moments = random.Random(0)
    with nursery(path, url) as server:
        server.start()
        raters, threads = crowd(server.port, enough)
        for thread in threads:
            thread.start()
        for _ in range(KILLS):
            time.sleep(moments.uniform(0.05, 0.4))
            server.kill()
            server.start()
        enough.set()
        for thread in threads:
            thread.join(60)
        last = [(rater, rater.state()) for rater in raters]
        for rater in raters:
            rater.close()
    for rater, state in last:  # goes on where it was, with nothing asked twice
        assert state["done"] == len(rater.acknowledged)
        if state["trial"]:
            assert state["trial"]["position"] == max(rater.acknowledged, default=-1) + 1
    _compare(store.open_store(url, study_file.load(path)), raters)
    assert sum(rater.tries for rater in raters) > sum(len(r.seconds) for r in raters) + KILLS


def _compare(kept: store.Store, raters: list[Rater]) -> None:
    """What the store has is what was acknowledged, each once."""
    numbers = {kept.rater(rater.token): rater for rater in raters}
    assert None not in numbers and len(numbers) == len(raters) == len(kept.raters())
    found = Counter((rating.rater, rating.position) for rating in kept.ratings())
    sent = {(number, at) for number, rater in numbers.items() for at in rater.acknowledged}
    assert set(found) == sent and set(found.values()) == {1}
    for number, rater in numbers.items():
        answers = kept.answers(number or 0)
        assert {at: (a.value, a.request) for at, a in answers.items()} == rater.acknowledged
    kept.close()


def test_fifty_raters_at_once(tmp_path: Path, url: str) -> None:
    """No error, nothing lost, nothing doubled, cells filled evenly."""
    path = written(tmp_path, 4)
    with nursery(path, url) as server:
        server.start()
        raters = [Rater(server.port) for _ in range(50)]
        threads = [threading.Thread(target=rater.whole_session) for rater in raters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    kept = store.open_store(url, study_file.load(path))
    filled = kept.counts().cells.values()
    assert sum(filled) == 50 * 4 and max(filled) - min(filled) <= 1
    assert all(one.complete for one in kept.raters())
    _compare(kept, raters)


def test_two_server_processes_on_one_database(tmp_path: Path, sql_url: str) -> None:
    """Raters go back and forth between them, and one is killed: as if there were one server."""
    path = written(tmp_path, 8)
    with nursery(path, sql_url) as one, nursery(path, sql_url) as other:
        one.start()
        other.start()
        raters = [Rater(server.port) for _ in range(6) for server in (one, other)]

        def wander(rater: Rater) -> None:
            ports = itertools.cycle([other.port, one.port])
            rater.enrol()
            state = rater.state()
            while state["step"] != "done":
                rater.close()
                rater.port = next(ports)
                trial = state["trial"]
                step = {"step": state["step"]}
                state = rater.answer(trial) if trial else rater.ask("/step", step)[1]
            rater.close()

        threads = [threading.Thread(target=wander, args=(rater,)) for rater in raters]
        for thread in threads:
            thread.start()
        one.kill()
        one.start()
        for thread in threads:
            thread.join(60)
    kept = store.open_store(sql_url, study_file.load(path))
    filled = kept.counts().cells.values()
    assert sum(filled) == len(raters) * 8 and max(filled) - min(filled) <= 1
    assert all(one.complete for one in kept.raters())
    _compare(kept, raters)
