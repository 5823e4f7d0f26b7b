"""The rater's side over HTTP: who may what, what is told, what is not."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import toy_study
from fastapi import FastAPI
from starlette.testclient import TestClient

from vclip.errors import BusyError
from vclip.listening.design import study_file
from vclip.listening.server import media, rater_api, session
from vclip.listening.server.session import RaterSession
from vclip.listening.store import store
from vclip.listening.store.store import Store

API = "/study/api"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    """Two questions with a face, one without; all that can come between."""
    asked = toy_study.fields(
        9, "abc", "acr_fit ab acr_naturalness", training=["i0"], attention=1, break_every=3
    )
    asked["gates"] = {"volume": True, "headphones": "warn"}
    opened = store.open_store(f"jsonl:{tmp_path}/lines", study_file.load(written(tmp_path, asked)))
    yield opened
    opened.close()


def written(folder: Path, asked: dict[str, Any]) -> Path:
    return toy_study.written(folder, asked, seconds=1.0)


class Browser:
    """A tab of a rater's browser."""

    def __init__(self, client: TestClient, token: str = "", tab: str = "tab") -> None:
        self.client, self.token, self.tab = client, token, tab

    def get(self, path: str) -> Any:
        return self.client.get(path, headers=self.headers)

    def post(self, path: str, body: Any) -> Any:
        return self.client.post(f"{API}{path}", json=body, headers=self.headers)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "X-Tab": self.tab}

    def state(self) -> dict[str, Any]:
        return dict(self.get(f"{API}/state").json())

    def other_tab(self) -> "Browser":
        return Browser(self.client, self.token, "another tab")


@pytest.fixture
def client(kept: Store) -> Iterator[TestClient]:
    app = FastAPI()
    app.include_router(rater_api.router(kept))
    with TestClient(app) as found:
        yield found


@pytest.fixture
def browser(client: TestClient) -> Browser:
    """Of somebody who agreed."""
    found = client.post(f"{API}/enrol", json={"agree": True}).json()
    assert sorted(found) == ["token", "withdrawal"]
    return Browser(client, found["token"])


def known(kept: Store, token: str) -> RaterSession:
    found = RaterSession.of(kept, token)
    assert found
    return found


def to_trials(browser: Browser, kept: Store) -> dict[str, Any]:
    """Past volume and headphones."""
    browser.state()
    browser.post("/step", {"step": "volume", "result": None})
    right = session.targets(known(kept, browser.token), 0)
    found = browser.post("/step", {"step": "headphones", "result": right, "attempt": 0})
    return dict(found.json())


def answer(trial: dict[str, Any], **more: Any) -> dict[str, Any]:
    n = len(trial["slots"])
    value = "4" if trial["type"].startswith("acr") else "A"
    sent = {"position": trial["position"], "value": value, "request": f"r{trial['position']}"}
    return {**sent, "heard": [[[0, 1]]] * n, "plays": [1] * n, "seconds": 3.25, **more}


def test_a_whole_session(browser: Browser, kept: Store) -> None:
    state, steps, total = to_trials(browser, kept), [], 10
    while state["step"] != "done":
        steps.append(state["step"])
        assert (state["total"], state["code"]) == (total, None)
        if state["trial"]:
            assert state["done"] == state["trial"]["position"]
            state = browser.post("/answer", answer(state["trial"])).json()
        else:
            state = browser.post("/step", {"step": "break"}).json()
    assert steps == [*["training"] * 3, *["trial"] * 3, "break", *["trial"] * 3, "break", "trial"]
    assert state["code"].startswith("VCLIP-") and browser.state() == state
    assert len(kept.ratings()) == total and kept.raters()[0].complete


def test_about_is_told_before_anybody_agrees(client: TestClient, kept: Store) -> None:
    told = client.get(f"{API}/about").json()
    assert told["gates"] == {"volume": True, "headphones": "warn", "heard": 0.95}
    assert (told["title"], told["consent"], told["trials"]) == ("A toy", "Do you agree?", 6)
    assert not {"conditions", "items", "design", "exclusion"} & set(told)
    assert client.post(f"{API}/enrol", json={"agree": False}).status_code == 422
    assert kept.raters() == []


def test_enrolling_twice_by_a_lost_reply_is_one_rater(client: TestClient, kept: Store) -> None:
    sent = {"agree": True, "request": "0123456789abcdef"}
    one, other = (client.post(f"{API}/enrol", json=sent).json() for _ in range(2))
    assert one == other and len(kept.raters()) == 1
    assert client.post(f"{API}/enrol", json={**sent, "request": "short"}).status_code == 422


def test_a_full_study_says_so(tmp_path: Path) -> None:
    asked = toy_study.fields(2, "ab", ratings_per_cell=1, trials_per_rater=4)
    opened = store.open_store(f"jsonl:{tmp_path}/full", study_file.load(written(tmp_path, asked)))
    app = FastAPI()
    app.include_router(rater_api.router(opened))
    with TestClient(app) as client:
        first, second = (client.post(f"{API}/enrol", json={"agree": True}) for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 409)
    assert "all the ratings" in second.json()["detail"]
    opened.close()


def test_nobody_without_a_token_gets_anything(client: TestClient, browser: Browser) -> None:
    paths = ("/state", "/audio/0/0", "/face/0", "/headphones/0", "/volume")
    for token in ("", "x", browser.token[:-1], f"{browser.token}x", "é"):
        nobody = Browser(client, token)
        header = {"Authorization": f"Bearer {token}".encode(), "X-Tab": b"tab"}
        for path in paths:
            assert client.get(f"{API}{path}", headers=header).status_code == 401
        if token.isascii():
            posts = [("/step", {"step": "volume"}), ("/events", [])]
            posts += [("/answer", answer({"position": 0, "slots": "A", "type": "acr"}))]
            for path, body in posts:
                assert nobody.post(path, body).status_code == 401


def test_nothing_is_heard_or_seen_before_its_time(browser: Browser, kept: Store) -> None:
    assert browser.get(f"{API}/audio/0/0").status_code == 404  # volume and headphones come first
    state = to_trials(browser, kept)
    for at in range(2):
        trial = state["trial"]
        assert trial["position"] == at
        for path in trial["audio"]:
            assert browser.get(path).status_code == 200
        past = len(trial["audio"])
        for path in (f"/audio/{at}/{past}", f"/audio/{at}/-1", f"/audio/{at + 1}/0"):
            assert browser.get(f"{API}{path}").status_code == 404
        assert browser.get(f"{API}/face/{at + 1}").status_code == 404
        state = browser.post("/answer", answer(trial)).json()
    assert browser.get(f"{API}/audio/0/0").status_code == 200  # what is behind stays
    assert browser.get(f"{API}/audio/-1/0").status_code == 404


def test_sounds_and_faces_are_those_of_the_trial_and_say_nothing_else(
    browser: Browser, kept: Store
) -> None:
    state = to_trials(browser, kept)
    faces = 0
    while state["step"] != "done":
        if not state["trial"]:
            state = browser.post("/step", {"step": "break"}).json()
            continue
        trial, planned = state["trial"], kept.trials(1)[state["done"]]
        for path, stimulus in zip(
            trial["audio"], session.stimuli(kept.study, planned), strict=True
        ):
            found = browser.get(path)
            assert toy_study.digest(found.content) == stimulus.sha256
            assert set(found.headers) == {"content-length", "content-type", "cache-control"}
            assert found.headers["cache-control"] == "no-store"
        face = browser.get(f"{API}/face/{planned.position}")
        assert (face.status_code == 200) == (trial["face"] is not None)
        if trial["face"]:
            faces += 1
            assert toy_study.digest(face.content) == kept.study.item(planned.item).face_sha256
        state = browser.post("/answer", answer(trial)).json()
    assert faces > 0


def test_what_the_page_is_told_names_no_condition(browser: Browser, kept: Store) -> None:
    state, told = to_trials(browser, kept), ""
    while state["step"] != "done":
        told += json.dumps(state)
        body = answer(state["trial"]) if state["trial"] else {"step": "break"}
        state = browser.post("/answer" if state["trial"] else "/step", body).json()
    secrets = ("gold", "attention_", "rating", "expected", "condition", ".wav", '"i1"', "System")
    assert not [secret for secret in secrets if secret in told]
    assert not re.search(r"[0-9a-f]{16}", told)


def test_the_headphone_check_is_heard_and_judged_here(browser: Browser, kept: Store) -> None:
    assert browser.get(f"{API}/headphones/0").status_code == 404
    assert browser.get(f"{API}/volume").headers["content-type"] == "audio/flac"
    assert browser.state()["step"] == "volume"
    assert browser.post("/step", {"step": "volume"}).json()["step"] == "headphones"
    for n in (-1, 6):
        assert browser.get(f"{API}/headphones/{n}").status_code == 404
    sounds = [browser.get(f"{API}/headphones/{n}") for n in range(6)]
    assert {found.headers["content-type"] for found in sounds} == {"audio/flac"}
    right = session.targets(known(kept, browser.token), 0)
    failed = [(one + 1) % 3 for one in right]
    state = browser.post("/step", {"step": "headphones", "result": failed, "attempt": 0}).json()
    assert (state["step"], state["attempt"]) == ("headphones", 1)
    again = browser.post("/step", {"step": "headphones", "result": failed, "attempt": 0}).json()
    assert again == state and [m.kind for m in kept.marks(1)] == ["agree", "volume", "headphones"]


def test_a_reload_resumes_at_the_same_trial(browser: Browser, kept: Store) -> None:
    state = browser.post("/answer", answer(to_trials(browser, kept)["trial"])).json()
    assert browser.other_tab().state() == browser.state() == state


def test_a_new_server_resumes_at_the_same_trial(
    browser: Browser, kept: Store, tmp_path: Path
) -> None:
    state = browser.post("/answer", answer(to_trials(browser, kept)["trial"])).json()
    audio = browser.get(state["trial"]["audio"][0]).content
    kept.close()
    app, again = FastAPI(), store.open_store(f"jsonl:{tmp_path}/lines", kept.study)
    app.include_router(rater_api.router(again))
    with TestClient(app) as client:
        later = Browser(client, browser.token, "after")
        assert later.state() == state
        assert later.get(state["trial"]["audio"][0]).content == audio
        assert later.post("/answer", answer(state["trial"])).json()["done"] == state["done"] + 1
    again.close()


def test_an_answer_sent_twice_is_one(browser: Browser, kept: Store) -> None:
    sent = answer(to_trials(browser, kept)["trial"])
    states = [browser.post("/answer", sent) for _ in range(3)]
    assert {found.status_code for found in states} == {200}
    assert states[0].json() == states[1].json() == states[2].json()
    assert len(kept.ratings()) == 1
    other = browser.post("/answer", {**sent, "request": "another", "value": "1"})
    assert other.status_code == 409 and kept.answers(1)[0].value == "4"


def test_two_tabs_cannot_both_answer(browser: Browser, kept: Store) -> None:
    state = to_trials(browser, kept)
    other = browser.other_tab()
    assert other.state() == state
    refused = browser.post("/answer", answer(state["trial"]))
    assert refused.status_code == 409 and "another window" in refused.json()["detail"]
    assert other.post("/answer", answer(state["trial"])).status_code == 200
    browser.state()  # back here
    assert browser.post("/answer", answer(other.state()["trial"])).status_code == 409
    assert len(kept.ratings()) == 1


def test_what_cannot_be_taken_is_refused_in_one_line(browser: Browser, kept: Store) -> None:
    trial = to_trials(browser, kept)["trial"]
    good = answer(trial)
    wrong = [
        ({"position": 5}, 409),
        ({"value": "7"}, 422),
        ({"value": {"A": 101}}, 422),
        ({"value": 4}, 422),
        ({"heard": []}, 422),
        ({"heard": [[[0.9, 1]]]}, 422),  # jumped to the end
        ({"heard": [[[0, -1]]]}, 422),
        ({"heard": [[[0, 1]] * 501]}, 422),
        ({"plays": [-1]}, 422),
        ({"seconds": -1}, 422),
        ({"plays": [10**30]}, 422),
        ({"request": ""}, 422),
        ({"request": "a\0b"}, 422),
        ({"more": 1}, 422),
    ]
    for change, status in wrong:
        found = browser.post("/answer", {**good, **change})
        assert found.status_code == status, (change, found.text)
        assert isinstance(found.json()["detail"], str) and "\n" not in found.json()["detail"]
    assert kept.ratings() == []
    assert browser.post("/answer", good).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"[", 422), (b"null", 422), (b'{"seconds": NaN}', 422), (b"x" * 70000, 413)],
)
def test_bodies_that_are_none(browser: Browser, content: bytes, status: int) -> None:
    headers = browser.headers | {"Content-Type": "application/json"}
    for path in ("/answer", "/step", "/events", "/withdraw", "/enrol"):
        found = browser.client.post(f"{API}{path}", content=content, headers=headers)
        assert found.status_code == status and isinstance(found.json()["detail"], str)


def test_tabs_have_names(client: TestClient, browser: Browser) -> None:
    found = client.get(f"{API}/state", headers={"Authorization": f"Bearer {browser.token}"})
    assert found.status_code == 422


def test_events_are_kept_and_small(browser: Browser, kept: Store) -> None:
    sent = [{"kind": "play", "position": 0, "slot": 1, "at": 0.5}, {"kind": "hidden", "on": True}]
    assert browser.post("/events", sent).json() == {}
    assert kept.events(1) == sent
    for wrong in ([{"kind": "x" * 201}], [{"kind": {"a": 1}}], [{"x": 1}] * 501, {"kind": "play"}):
        assert browser.post("/events", wrong).status_code == 422
    assert kept.events(1) == sent


def test_a_withdrawal_code_deletes_one_rater(client: TestClient, kept: Store) -> None:
    one = client.post(f"{API}/enrol", json={"agree": True}).json()
    other = client.post(f"{API}/enrol", json={"agree": True}).json()
    for found in (one, other):
        browser = Browser(client, found["token"])
        browser.state()
        browser.post("/step", {"step": "volume"})
    assert client.post(f"{API}/withdraw", json={"code": "ABCD-EFGH"}).status_code == 404
    code = one["withdrawal"].lower()
    assert client.post(f"{API}/withdraw", json={"code": code}).json() == {"deleted": 0}
    assert client.post(f"{API}/withdraw", json={"code": code}).status_code == 404
    assert Browser(client, one["token"]).get(f"{API}/state").status_code == 401
    assert [rater.rater for rater in kept.raters()] == [2]


def test_what_cannot_be_saved_is_not_confirmed(
    browser: Browser, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = to_trials(browser, kept)["trial"]

    def full(*_: object) -> None:
        raise BusyError("nothing can be saved right now")

    with monkeypatch.context() as patched:
        patched.setattr(kept, "record", full)
        found = browser.post("/answer", answer(trial))
        assert (found.status_code, found.json()) == (
            503,
            {"detail": "nothing can be saved right now"},
        )
    assert browser.state()["done"] == 0
    assert browser.post("/answer", answer(trial)).json()["done"] == 1


def test_no_address_is_kept_or_logged(
    browser: Browser, kept: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="vclip"):
        headers = browser.headers | {"X-Forwarded-For": "203.0.113.9", "User-Agent": "Nosy/1.0"}
        browser.client.get(f"{API}/state", headers=headers)
        browser.post("/step", {"step": "volume"})
    data = b"".join(path.read_bytes() for path in (tmp_path / "lines").rglob("*") if path.is_file())
    for trace in ("203.0.113.9", "testclient", "Nosy"):
        assert trace.encode() not in data and trace not in caplog.text


def test_lengths_come_from_the_files_where_the_study_has_none(tmp_path: Path) -> None:
    path = written(tmp_path, toy_study.fields(1, "a", trials_per_rater=1))
    sounds = media.StudyMedia(study_file.load(path))
    stimulus = sounds._study.items[0].stimuli["a"]
    assert stimulus.seconds == 1.0
    for _ in range(2):
        unknown = stimulus.model_copy(update={"seconds": None})
        assert sounds.seconds(unknown) == pytest.approx(1.0)


def test_a_sound_that_is_not_the_study_s_is_not_given(
    browser: Browser, kept: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Built anew under a server, or gone: raters wait, and are not told which file it is."""
    path = to_trials(browser, kept)["trial"]["audio"][0]
    (stimulus,) = session.stimuli(kept.study, kept.trials(1)[0])[:1]
    file = tmp_path / stimulus.path
    sound = file.read_bytes()
    for spoil in (lambda: file.write_bytes(sound[:-1] + b"x"), file.unlink):
        spoil()
        found = browser.get(path)
        assert found.status_code == 503 and stimulus.path not in found.text
        assert stimulus.path in caplog.text
    file.write_bytes(sound)
    assert browser.get(path).content == sound


@pytest.mark.slow
def test_beginnings_are_bounded_for_everybody_together(
    client: TestClient, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rater_api, "AT_ONCE", 3)
    monkeypatch.setattr(rater_api, "PER_SECOND", 0.0)
    app = FastAPI()
    app.include_router(rater_api.router(kept))
    with TestClient(app) as strict:
        found = [strict.post(f"{API}/enrol", json={"agree": True}).status_code for _ in range(5)]
    assert found == [200, 200, 200, 429, 429] and len(kept.raters()) == 3


def test_a_flood_of_events_ends(
    browser: Browser, kept: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rater_api, "EVENTS", 7)
    for _ in range(3):
        assert browser.post("/events", [{"kind": "x"}] * 3).status_code == 200
    assert len(kept.events(1)) == 7


@pytest.mark.parametrize("event", [b'[{"at": NaN}]', b'[{"at": 1e999}]', b'[{"k": "\\u0000"}]'])
def test_events_that_a_database_could_not_keep(browser: Browser, event: bytes) -> None:
    headers = browser.headers | {"Content-Type": "application/json"}
    found = browser.client.post(f"{API}/events", content=event, headers=headers)
    assert found.status_code == 422
