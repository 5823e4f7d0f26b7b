"""The researcher's side: closed without the token, counts that follow the ratings, exports."""

import asyncio
import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from simulated_ratings import counted, rated_by
from study_server import TOKEN, study

from vclip.listening.design.study import Study
from vclip.listening.design.study_file import load
from vclip.listening.design.trials import Counts, cells
from vclip.listening.server import monitor, researcher_api
from vclip.listening.server.monitor import StudyMonitor
from vclip.listening.simulation.raters import RaterPanel, planted
from vclip.listening.store.records import Progress, Rating

API = "/study/results/api"
OPEN = {"Authorization": f"Bearer {TOKEN}"}
PATHS = [
    "summary",
    "results",
    "figures/acr_fit_means.svg",
    "export.csv",
    "export.json",
    "export.zip",
    "dictionary.csv",
]


class Shelf:
    """As much of a store as the researcher's side asks for; the last rater is inattentive."""

    secret = b""

    def __init__(self, study: Study, n_raters: int = 8) -> None:
        self.study = study
        rng = np.random.default_rng(0)
        panel = RaterPanel(study, planted(study), rng)
        self.found = rated_by(panel, n_raters, rng)
        wrong = {r.position: "1" if r.expected != "1" else "2" for r in self.found}
        self.found = [
            replace(r, value=wrong[r.position])
            if r.rater == n_raters and r.purpose == "attention"
            else r
            for r in self.found
        ]

    def ratings(self) -> list[Rating]:
        return list(self.found)

    def counts(self) -> Counts:
        return counted(self.study, [self.found])

    def raters(self) -> list[Progress]:
        when = "2026-01-01T00:00:00.000+00:00"
        done = pd.Series([r.rater for r in self.found]).value_counts()
        return [Progress(int(rater), when, when, int(n), 10) for rater, n in done.items()]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    path = study(
        tmp_path_factory.mktemp("study"),
        types="acr_fit",
        trials_per_rater=9,
        attention=1,
        ratings_per_cell=8,
    )
    return Shelf(load(path))


def visitor(shelf: Any) -> TestClient:
    app = FastAPI()
    app.include_router(researcher_api.router(StudyMonitor(shelf), TOKEN))
    return TestClient(app)


@pytest.fixture
def client(shelf: Any) -> TestClient:
    return visitor(shelf)


def test_tokens_are_not_tried_by_the_thousand(shelf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong ones are answered one after the other, whoever sends them; the right one at once."""
    slept: list[float] = []
    at_once = [0, 0]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        at_once[0] += 1
        at_once[1] = max(at_once)
        await real(0)
        at_once[0] -= 1

    real = asyncio.sleep
    monkeypatch.setattr(researcher_api.asyncio, "sleep", sleep)
    app = FastAPI()
    app.include_router(researcher_api.router(StudyMonitor(shelf), TOKEN))

    async def tried() -> list[int]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            wrong = {"Authorization": f"Bearer {TOKEN[:-1]}"}
            asked = [client.get(f"{API}/dictionary.csv", headers=wrong) for _ in range(8)]
            asked.append(client.get(f"{API}/dictionary.csv", headers=OPEN))
            return [answer.status_code for answer in await asyncio.gather(*asked)]

    assert asyncio.run(tried()) == [401] * 8 + [200]
    assert slept == [researcher_api.WAIT] * 8 and at_once == [0, 1]


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_told_without_the_token(client: TestClient, path: str) -> None:
    for given in ("", f"Bearer {TOKEN}x", "Bearer ü", TOKEN, f"Basic {TOKEN}", "Bearer "):
        raw = {"Authorization": given.encode("latin-1")}
        answer = client.get(f"{API}/{path}", headers=raw)
        assert answer.status_code == 401 and list(answer.json()) == ["detail"]
    answer = client.get(f"{API}/{path}?token={TOKEN}")  # addresses are logged: no token in them
    assert answer.status_code == 401
    assert client.get(f"{API}/{path}", headers=OPEN).status_code == 200
    assert client.get(f"{API}/{path}?view=some", headers=OPEN).status_code in (200, 422)


def test_every_cell_is_counted(client: TestClient, shelf: Shelf) -> None:
    raw = client.get(f"{API}/summary?view=raw", headers=OPEN).json()
    clean = client.get(f"{API}/summary", headers=OPEN).json()
    assert raw["totals"] == {"raters": 8, "complete": 8, "excluded": 1, "ratings": 72}
    assert clean["totals"]["ratings"] == 63 and clean["excluded_by"] == {"attention": 1}
    for view, n in ((raw, 72), (clean, 63)):
        (grid,) = view["questions"]
        found = [cell for row in grid["rows"] for cell in row["cells"]]
        assert len(found) == len(cells(shelf.study))
        assert sum(cell["rated"] for cell in found) == n
        assert sum(cell["planned"] for cell in found) == 72
        assert grid["quota"] == 8 and grid["columns"] == ["System a", "System b"]
    out = {one["rater"]: one["reasons"] for one in raw["raters"] if one["reasons"]}
    assert list(out) == [8] and out[8][0].startswith("attention: 0 of 1")


@pytest.mark.slow
def test_raw_and_clean_results(client: TestClient) -> None:
    raw = client.get(f"{API}/results?view=raw", headers=OPEN).json()
    clean = client.get(f"{API}/results", headers=OPEN).json()
    assert raw["results"]["n_ratings"] == 72 and clean["results"]["n_ratings"] == 63
    assert "raw results" in raw["text"] and "1 further rater was excluded" in clean["text"]
    assert clean["figures"] == ["acr_fit_means", "acr_fit_histogram"]
    for kind, head in (("svg", b"<?xml"), ("pdf", b"%PDF")):
        answer = client.get(f"{API}/figures/acr_fit_means.{kind}", headers=OPEN)
        assert answer.content.startswith(head)
    for name in ("acr_fit_means.png", "nothing.svg"):
        assert client.get(f"{API}/figures/{name}", headers=OPEN).status_code == 404


def test_exports(client: TestClient) -> None:
    table = pd.read_csv(io.StringIO(client.get(f"{API}/export.csv?view=raw", headers=OPEN).text))
    clean = pd.read_csv(io.StringIO(client.get(f"{API}/export.csv", headers=OPEN).text))
    assert set(table["rater"]) - set(clean["rater"]) == {8}
    told = client.get(f"{API}/export.json?view=raw", headers=OPEN).json()
    assert len(told["ratings"]) == len(table) == 80
    packed = client.get(f"{API}/export.zip", headers=OPEN)
    assert "demo_clean" not in packed.headers["content-disposition"]
    assert 'filename="toy_clean.zip"' in packed.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(packed.content)) as file:
        assert "dictionary.csv" in file.namelist() and "ratings.csv" in file.namelist()
    words = pd.read_csv(io.StringIO(client.get(f"{API}/dictionary.csv", headers=OPEN).text))
    assert list(words["column"]) == list(table.columns)
    assert not {"ip", "address", "token", "host"} & set(table.columns)
    assert "testclient" not in json.dumps(told) + table.to_csv()
    assert client.get(f"{API}/export.xlsx", headers=OPEN).status_code == 404


def test_a_study_without_ratings(tmp_path: Path) -> None:
    shelf: Any = Shelf(load(study(tmp_path)), 1)
    shelf.found = []
    client = visitor(shelf)
    summary = client.get(f"{API}/summary", headers=OPEN).json()
    results = client.get(f"{API}/results", headers=OPEN).json()
    rows = client.get(f"{API}/export.csv", headers=OPEN).text.splitlines()
    assert summary["totals"] == {"raters": 0, "complete": 0, "excluded": 0, "ratings": 0}
    assert results["results"] is None and results["message"] == "there are no ratings"
    assert len(rows) == 1  # the header


@pytest.mark.slow
def test_an_analysis_is_kept_until_ratings_come_and_then_rests(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, lasts, real = [0.0], [0.0], monitor.analyse

    def analyse(*given: Any, **options: Any) -> Any:
        now[0] += lasts[0]
        return real(*given, **options)

    monkeypatch.setattr(monitor.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(monitor, "analyse", analyse)
    store: Any = Shelf(shelf.study)
    live = StudyMonitor(store, draws=100)
    first = live.analysed("clean")
    now[0], lasts[0] = 1.0, 2.0
    assert live.analysed("clean") is first  # nothing came
    store.found = store.found[:-1]
    second = live.analysed("clean")  # from 1 s to 3 s, then it rests for 8 s
    assert second is not first and second.stamp != first.stamp
    store.found = store.found[:-1]
    now[0] = 10.9
    assert live.analysed("clean") is second
    now[0] = 11.1
    assert live.analysed("clean") is not second


def test_ratings_of_what_the_study_no_longer_has_are_left_out(shelf: Shelf) -> None:
    ratings = [replace(shelf.found[0], item="gone"), replace(shelf.found[0], question="gone")]
    assert monitor.known(shelf.study, [*ratings, shelf.found[1]]) == [shelf.found[1]]
