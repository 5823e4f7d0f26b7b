"""Simulated raters through the real HTTP interface: `python -m vclip.listening.simulate`.

Starts a server of its own for `--study STUDY.json`, or visits a running one: `--url http://…
--store URL` (its store, which is read afterwards). All raters come at once. Reports ratings lost
and duplicated, errors, times, who was excluded, and whether intervals hold the planted means. Exit
code 1 if anything was lost, duplicated or refused.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from vclip.errors import InputError, reported
from vclip.listening.design.study_file import load
from vclip.listening.simulation.audit import audit, evaluate, times
from vclip.listening.simulation.http_rater import HttpRater, RaterBehaviour, SessionLog
from vclip.listening.simulation.raters import RaterPanel, SimulatedRater, planted
from vclip.listening.simulation.stimulus_index import StimulusIndex
from vclip.listening.store.store import open_store

PATIENCE = 60.0  # seconds for any answer of the server
DEMO = Path(__file__).parents[2] / "assets" / "studies" / "demo" / "study.json"
BROKEN = ("errors", "ratings_lost", "ratings_changed", "ratings_duplicated", "never_acknowledged")


async def visit(
    url: str, panel: RaterPanel, n_raters: int, behaviour: RaterBehaviour, rng: np.random.Generator
) -> list[SessionLog]:
    """All raters at once; each keeps its own connections, as browsers do."""
    index = StimulusIndex(panel.study)

    async def one(rater: SimulatedRater, own: np.random.Generator) -> SessionLog:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
            return await HttpRater(client, index, panel, rater, own, behaviour).run()

    raters = panel.raters(n_raters, rng)
    return await asyncio.gather(*map(one, raters, rng.spawn(n_raters)))


def serve(study: Path, store: str, listening: socket.socket) -> None:
    """A server of raters on this socket, until it is stopped."""
    import uvicorn
    from fastapi import FastAPI

    from vclip.listening.server.rater_api import router

    app = FastAPI()
    app.include_router(router(open_store(store, load(study))))
    options: dict[str, Any] = {"log_level": "warning", "access_log": False}
    config = uvicorn.Config(app, timeout_keep_alive=round(PATIENCE), **options)
    uvicorn.Server(config).run(sockets=[listening])


@contextlib.contextmanager
def server(study: Path, store: str) -> Iterator[str]:
    """The URL of a server in a process of its own; stopped at the end."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        spawn = multiprocessing.get_context("spawn")
        process = spawn.Process(target=serve, args=(study, store, listening), daemon=True)
        process.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            wait(url, process)
            yield url
        finally:
            process.terminate()
            process.join(PATIENCE)


def wait(url: str, process: Any) -> None:
    """Until it answers. Raises InputError if it ends instead."""
    while True:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{url}/study/api/about", timeout=2, trust_env=False).raise_for_status()
            return
        if not process.is_alive():
            raise InputError("the server did not start; see its message above")
        time.sleep(0.05)


def simulate(
    path: Path,
    url: str | None,
    place: str | None,
    panel: RaterPanel,
    n_raters: int,
    behaviour: RaterBehaviour,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """The whole report. url, place: of a running server and its store; own ones where None."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vclip-simulate-"))
        place = place or f"sqlite:///{folder}/ratings.db"
        with contextlib.nullcontext(url) if url else server(path, place) as address:
            start = time.perf_counter()
            logs = asyncio.run(visit(address, panel, n_raters, behaviour, rng))
            seconds = time.perf_counter() - start
        store = open_store(place, panel.study)
        stack.callback(store.close)
        errors = [error for log in logs for error in log.errors]
        return {
            "raters": n_raters,
            "done": sum(log.step == "done" for log in logs),
            "refused": sum(log.step == "refused" for log in logs),
            "seconds": round(seconds, 2),
            "errors": len(errors),
            "first_errors": errors[:5],
            **audit(store, logs),
            **times(logs),
            **evaluate(store, logs, panel),
        }


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m vclip.listening.simulate", description=__doc__)
    parser.add_argument("--study", type=Path, default=DEMO, metavar="STUDY.json")
    parser.add_argument("--url", help="of a running server; one is started by default")
    parser.add_argument("--store", help="where its ratings are; a temporary SQLite by default")
    parser.add_argument("--raters", type=int, default=50)
    parser.add_argument("--effect", type=float, default=0.6, help="between conditions; 0: null")
    parser.add_argument("--inattentive", type=float, default=0.1, help="share of raters")
    parser.add_argument("--hasty", type=float, default=0.04, help="share of raters")
    parser.add_argument("--think", type=float, default=1.0, help="mean seconds before an answer")
    parser.add_argument("--twice", type=float, default=0.1, help="share of answers sent twice")
    parser.add_argument("--reload", type=float, default=0.05, help="share of trials reloaded")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


@reported
def main(argv: list[str] | None = None) -> int:
    """The command line."""
    options = parse(argv)
    if not 1 <= options.raters <= 500:
        raise InputError(f"--raters is {options.raters}; take 1 to 500")
    if options.url and not options.store:
        raise InputError("--url needs --store: what was kept is read there afterwards")
    rng, study = np.random.default_rng(options.seed), load(options.study)
    panel = RaterPanel(
        study, planted(study, options.effect), rng, options.inattentive, options.hasty
    )
    behaviour = RaterBehaviour(options.think, options.twice, options.reload)
    where = (options.study, options.url, options.store)
    found = simulate(*where, panel, options.raters, behaviour, rng)
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:22s} {value}" for name, value in found.items()))
    return int(any(found[name] for name in BROKEN))


if __name__ == "__main__":
    raise SystemExit(main())
