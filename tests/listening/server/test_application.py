"""A study on a server: its pages, their headers, its token, the options of the app."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pytest
from conftest import REPO
from fake_model import FakeModel
from fastapi import FastAPI
from fastapi.testclient import TestClient
from study_server import TOKEN, study

import app
from vclip.errors import InputError
from vclip.listening.design.study_file import load
from vclip.listening.server import application
from vclip.listening.store.store import Store, open_store
from vclip.pipeline import FaceToVoice
from vclip.ui.page import events, layout
from vclip.ui.server.application import build_app
from vclip.ui.speech.takes import TakeStore
from vclip.ui.visit import VisitController


@pytest.fixture
def store(tmp_path: Path) -> Any:
    found = open_store(f"sqlite:///{tmp_path}/ratings.db", load(study(tmp_path)))
    yield found
    found.close()


def test_pages_are_our_own_files_and_nothing_else(store: Store) -> None:
    with TestClient(application.create_app(application.routers(store, TOKEN))) as client:
        assert client.get("/", follow_redirects=False).headers["location"] == "/study"
        assert client.get("/healthz").json()["status"] == "ok"
        for path in ("/study", "/study/results", "/study/page/study.js", "/study/page/look.css"):
            answer = client.get(path)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
            assert "http://" not in answer.text.replace("http://www.w3.org/2000/svg", "")
            assert "https://" not in answer.text
        for path in ("/study/page/..%2Fstudy.py", "/study/page/nothing.js", "/study/page/"):
            assert client.get(path).status_code == 404
        assert client.get("/study/api/about").json()["title"] == "A toy"


def test_pages_name_no_file_that_is_missing() -> None:
    names = {path.name for path in application.PAGE.iterdir()}
    for path in application.PAGE.glob("*.js"):
        imported = [line.split("'./")[1].split("'")[0] for line in path.read_text().splitlines()
                    if line.startswith(("import", "} from")) and "'./" in line]  # fmt: skip
        assert set(imported) <= names, path.name
    for path in application.PAGE.glob("*.html"):
        linked = [part.split('"')[0] for part in path.read_text().split("/study/page/")[1:]]
        assert linked and set(linked) <= names


def test_tokens() -> None:
    assert application.research_token("a-long-enough-one") == "a-long-enough-one"
    one, other = (application.research_token(None) for _ in "12")
    assert len(one) >= 32 and one != other
    for bad in ("", "short", "with a\nline break", "mit Umläuten und so"):
        with pytest.raises(InputError, match="12 plain characters"):
            application.research_token(bad)


def test_a_chosen_token_is_not_printed(store: Store) -> None:
    assert TOKEN not in application.announce(store.study, TOKEN, TOKEN)
    assert "abc" in application.announce(store.study, None, "abc")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--study-only"], "needs --study"),
        (["--study", "nothing.json", "--study-only"], "nothing.json"),
        (["--study", "STUDY", "--study-only", "--research-token", "x"], "12 plain"),
        (
            ["--study", "STUDY", "--study-only", "--store", "nowhere"],
            "no store of the kind 'nowhere'",
        ),
    ],
)
def test_what_the_app_cannot_serve(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(study(tmp_path))
    given = [path if option == "STUDY" else option for option in options]
    assert app.main(["--port", "0", *given]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_a_space_needs_a_durable_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/vclip")
    monkeypatch.setenv("VCLIP_STUDY", str(study(tmp_path)))
    assert app.main(["--port", "0", "--study-only"]) == 2
    assert "forgets its disk" in capsys.readouterr().err
    monkeypatch.setenv("VCLIP_STORE", "nowhere")
    assert app.main(["--port", "0", "--study-only"]) == 2
    assert "no store of the kind 'nowhere'" in capsys.readouterr().err


@pytest.mark.slow
def test_a_study_alone_loads_no_model() -> None:
    code = "import sys, app; from vclip.listening.server import application; "
    code += "from vclip.ui.server import uvicorn_server; "
    code += "assert not {'torch', 'gradio', 'TTS', 'transformers'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPO, timeout=60)


@pytest.mark.slow
def test_the_demo_has_a_tab_for_the_study() -> None:
    async def built(has_study: bool) -> str:
        with gr.Blocks(analytics_enabled=False) as blocks, layout.beside_study(has_study):
            gr.HTML("the demo")
        return str(blocks.get_config_file()["components"])

    with_study, without = (asyncio.run(built(has_study)) for has_study in (True, False))
    assert "iframe" in with_study and 'src="/study"' in with_study
    assert "iframe" not in without and "the demo" in without


@pytest.mark.slow
def test_the_app_serves_page_and_study_at_once(store: Store, tmp_path: Path) -> None:
    model = cast(FaceToVoice, FakeModel())
    takes = TakeStore(tmp_path)
    routers = application.routers(store, TOKEN)

    async def built() -> FastAPI:
        blocks = events.build_page(VisitController(model), takes, study=True)
        return build_app(blocks, tmp_path, takes=takes, model=model, routers=routers)

    client = TestClient(asyncio.run(built()))
    assert "A toy" in client.get("/study/api/about").text
    assert "study.js" in client.get("/study").text
    assert client.get("/config").status_code == 200


def test_the_sample_s_contact_is_warned_of(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    application.routers(store, "a research token")
    assert not caplog.records
    sample = load(REPO / "assets/studies/demo/study.json")
    store.study = store.study.model_copy(update={"contact": sample.contact})
    application.routers(store, "a research token")
    assert "whom to ask" in caplog.text
