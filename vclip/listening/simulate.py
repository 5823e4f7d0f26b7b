"""A simulated panel through the real HTTP interface: `python -m vclip.listening.simulate`.

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
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from vclip.errors import InputError, StudyError, reported
from vclip.listening.analysis import exclusion, rating_table
from vclip.listening.analysis import results as analysis
from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load
from vclip.listening.simulation.dry_run import covered
from vclip.listening.simulation.http_rater import HttpRater, RaterBehaviour, SessionLog
from vclip.listening.simulation.raters import RaterPanel, planted
from vclip.listening.simulation.stimulus_index import StimulusIndex
from vclip.listening.store.store import Store, open_store

PATIENCE = 60.0  # seconds for any answer of the server
DEMO = Path(__file__).parents[2] / "assets" / "studies" / "demo" / "study.json"


async def visit(
    url: str,
    study: Study,
    panel: RaterPanel,
    n_raters: int,
    habits: RaterBehaviour,
    rng: np.random.Generator,
) -> list[SessionLog]:
    """All raters at once; each keeps its own connections, as browsers do."""
    catalogue = StimulusIndex(study)

    async def one(rater: Any, own: np.random.Generator) -> SessionLog:
        async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, trust_env=False) as client:
            return await HttpRater(client, catalogue, panel, rater, own, habits).run()

    raters = panel.raters(n_raters, rng)
    return await asyncio.gather(*map(one, raters, rng.spawn(n_raters)))


def audit(store: Store, diaries: Sequence[SessionLog]) -> dict[str, Any]:
    """What the store has of what was acknowledged, by rater and position."""
    kept = [(r.rater, r.position) for r in store.ratings()]
    lost, changed, unknown = 0, 0, 0
    for diary in diaries:
        rater = store.rater(diary.token) if diary.token else None
        stored = store.answers(rater) if rater is not None else {}
        lost += len(diary.answers.keys() - stored.keys())
        unknown += len(stored.keys() - diary.answers.keys())
        both = diary.answers.keys() & stored.keys()
        changed += sum(diary.answers[at] != stored[at].value for at in both)
    acknowledged = sum(len(diary.answers) for diary in diaries)
    return {
        "answers": acknowledged,
        "ratings_lost": lost,
        "ratings_changed": changed,
        "ratings_duplicated": len(kept) - len(set(kept)),
        "never_acknowledged": unknown,
    }


def judge(store: Store, diaries: Sequence[SessionLog], panel: RaterPanel) -> dict[str, Any]:
    """Who was excluded, and how the results stand to what was planted."""
    ids = {store.rater(diary.token): diary.kind for diary in diaries if diary.token}
    study = panel.study
    table = rating_table.frame([r for r in store.ratings() if r.rater in ids], study)
    careless = {rater for rater, kind in ids.items() if kind != "attentive"}
    excluded = set(exclusion.judge(study, table)) if len(table) else set()
    found: dict[str, Any] = {
        "careless": len(careless),
        "careless_excluded": len(careless & excluded),
        "attentive_excluded": len(excluded - careless),
        "intervals": 0,
        "intervals_covering": 0,
    }
    with contextlib.suppress(StudyError):  # nobody is left
        results = analysis.analyse(study, table)
        known = StimulusIndex(study).told_apart
        hits = [hit for q in results.questions for hit in covered(q, panel.truth, known(q.id))]
        pairs = [pair for question in results.questions for pair in question.comparisons]
        found |= {"intervals": len(hits), "intervals_covering": sum(hits)}
        found |= {"pairs": len(pairs), "pairs_significant": sum(p.significant for p in pairs)}
    return found


def times(diaries: Sequence[SessionLog]) -> dict[str, float | None]:
    """Seconds from sending an answer to the next trial, and to its last sound."""
    found: dict[str, float | None] = {}
    for name in ("to_trial", "to_sound"):
        values = [value for diary in diaries for value in getattr(diary, name)]
        for q in (50, 95, 100):
            value = round(float(np.percentile(values, q)), 4) if values else None
            found[f"{name}_p{q}_s"] = value
    return found


def serve(study: Path, store: str, listening: socket.socket) -> None:
    """A server of raters on this socket, until it is stopped."""
    import uvicorn
    from fastapi import FastAPI

    from vclip.listening.server.rater_api import router

    app = FastAPI()
    app.include_router(router(open_store(store, load(study))))
    config = uvicorn.Config(app, log_level="warning", access_log=False)
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
    for _ in count():
        try:
            httpx.get(f"{url}/study/api/about", timeout=2, trust_env=False).raise_for_status()
            return
        except httpx.TransportError:
            if not process.is_alive():
                raise InputError("the server did not start; see its message above") from None
            time.sleep(0.05)


def simulate(options: argparse.Namespace) -> dict[str, Any]:
    """The whole report."""
    study, rng = load(options.study), np.random.default_rng(options.seed)
    truth = planted(study, options.effect)
    panel = RaterPanel(study, truth, rng, options.inattentive, options.hasty)
    habits = RaterBehaviour(options.think, options.twice, options.reload)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vclip-simulate-"))
        place = options.store or f"sqlite:///{folder}/ratings.db"
        url = options.url
        with contextlib.ExitStack() as serving:
            url = url or serving.enter_context(server(options.study, place))
            start = time.perf_counter()
            diaries = asyncio.run(visit(url, study, panel, options.raters, habits, rng))
            seconds = time.perf_counter() - start
        store = open_store(place, study)
        stack.callback(store.close)
        errors = [error for diary in diaries for error in diary.errors]
        done = sum(diary.step == "done" for diary in diaries)
        return {
            "raters": options.raters,
            "done": done,
            "refused": sum(diary.step == "refused" for diary in diaries),
            "seconds": round(seconds, 2),
            "errors": len(errors),
            "first_errors": errors[:5],
            **audit(store, diaries),
            **times(diaries),
            **judge(store, diaries, panel),
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
    found = simulate(options)
    if options.json:
        print(json.dumps(found))
    else:
        print("\n".join(f"{name:22s} {value}" for name, value in found.items()))
    broken = ("errors", "ratings_lost", "ratings_changed", "ratings_duplicated")
    return int(any(found[name] for name in (*broken, "never_acknowledged")))


if __name__ == "__main__":
    raise SystemExit(main())
