"""Raters over HTTP who never give up, and a server for them that can be killed.

`python tests/support/http_raters.py [--raters 50] [--trials 60] [--store URL]` prints how long the
next trial takes after an answer, with all raters answering at once and without a pause.
"""

import argparse
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds for anything


@dataclass
class Rater:
    """A browser. acknowledged: value and request of each answer that the server confirmed."""

    port: int
    token: str = ""
    tab: str = field(default_factory=lambda: uuid.uuid4().hex)
    acknowledged: dict[int, tuple[Any, str]] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    tries: int = 0
    _connection: http.client.HTTPConnection | None = None

    def ask(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and what came back; tried until there is a server that can."""
        until = time.monotonic() + PATIENCE
        while True:
            self.tries += 1
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, data = self._once(path, body)
                if status != 503:
                    return status, json.loads(data)
            self.close()
            assert time.monotonic() < until, f"no answer to {path}"
            time.sleep(0.02)

    def _once(self, path: str, body: Any) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        headers = {"X-Tab": self.tab, "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body)
        headers |= {"Content-Type": "application/json"} if data else {}
        self._connection.request("POST" if data else "GET", f"/study/api{path}", data, headers)
        with self._connection.getresponse() as answer:
            return answer.status, answer.read()

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def enrol(self) -> None:
        status, found = self.ask("/enrol", {"agree": True, "request": uuid.uuid4().hex})
        assert status == 200, found
        self.token = found["token"]

    def state(self) -> dict[str, Any]:
        status, found = self.ask("/state")
        assert status == 200, found
        return dict(found)

    def answer(self, trial: dict[str, Any]) -> dict[str, Any]:
        """Confirmed, and the state after it."""
        at, n = trial["position"], len(trial["slots"])
        value = "3" if trial["type"].startswith("acr") else "B"
        value = dict.fromkeys(trial["slots"], 50) if trial["type"] == "multi" else value
        sent = {"position": at, "value": value, "heard": [[[0, 9]]] * n, "plays": [1] * n}
        sent |= {"seconds": 2.5, "request": uuid.uuid4().hex}
        start = time.perf_counter()
        status, found = self.ask("/answer", sent)
        self.seconds.append(time.perf_counter() - start)
        assert status == 200, found
        self.acknowledged[at] = (value, sent["request"])
        return dict(found)

    def rate(self, enough: threading.Event | None = None) -> dict[str, Any]:
        """To the end, or until it is enough."""
        state = self.state()
        while state["step"] != "done" and not (enough and enough.is_set()):
            if state["trial"]:
                state = self.answer(state["trial"])
            else:
                _, state = self.ask("/step", {"step": state["step"]})
        return state

    def whole_session(self) -> None:
        self.enrol()
        assert self.rate()["code"]
        self.close()


class Nursery:
    """Starts servers quickly and kills them for good: a process that has imported everything."""

    def __init__(self, study: Path, store: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--serve", str(study), store, str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPO,
            env=os.environ | {"PYTHONPATH": f"{REPO}:{REPO / 'tests'}", "OMP_NUM_THREADS": "1"},
        )

    def start(self) -> None:
        """A new server; returns when it answers."""
        self._tell("start")

    def kill(self) -> None:
        """SIGKILL, whatever it is doing."""
        self._tell("kill")

    def close(self) -> None:
        self._tell("kill")
        self._process.communicate(timeout=PATIENCE)

    def _tell(self, word: str) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "done\n"


@contextlib.contextmanager
def nursery(study: Path, store: str) -> Iterator[Nursery]:
    found = Nursery(study, store)
    try:
        yield found
    finally:
        found.close()


def serve(path: str, store: str, port: int) -> None:
    """Answer start and kill on standard input."""
    import psycopg  # noqa: F401  # all that servers import late, they find imported
    import uvicorn
    import uvicorn.lifespan.on
    import uvicorn.loops.auto
    import uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto
    from fastapi import FastAPI

    from vclip.listening.design import study_file
    from vclip.listening.server import rater_api as api
    from vclip.listening.store.store import open_store

    loaded, server = study_file.load(path), 0

    def run() -> None:
        app = FastAPI()
        app.include_router(api.router(open_store(store, loaded)))
        uvicorn.run(app, port=port, log_level="error", access_log=False)

    for line in sys.stdin:
        if line.strip() == "start":
            server = os.fork()
            if not server:
                run()
                os._exit(0)
            _wait(port)
        elif server:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
            server = 0
        print("done", flush=True)


def _wait(port: int) -> None:
    Rater(port).ask("/about")


def bench(n_raters: int, n_trials: int, store: str | None) -> dict[str, float]:
    """Seconds from sending an answer to having the next trial; all raters at once."""
    import toy_study

    with tempfile.TemporaryDirectory() as folder:
        asked = toy_study.fields(n_trials // 3 + 1, trials_per_rater=n_trials)
        asked["gates"] = {"volume": False, "headphones": "off"}
        path = toy_study.written(Path(folder), asked)
        with nursery(path, store or f"sqlite:///{folder}/ratings.db") as server:
            server.start()
            raters = [Rater(server.port) for _ in range(n_raters)]
            start = time.perf_counter()
            threads = [threading.Thread(target=rater.whole_session) for rater in raters]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            total = time.perf_counter() - start
    found = [seconds for rater in raters for seconds in rater.seconds]
    p50, p95, worst = np.percentile(found, [50, 95, 100]).round(4)
    times = {"p50": p50, "p95": p95, "max": worst}
    return {"answers": len(found), "per_s": round(len(found) / total), **times}


def main() -> None:
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--store")
    options = parser.parse_args()
    print(json.dumps(bench(options.raters, options.trials, options.store)))


if __name__ == "__main__":
    main()
