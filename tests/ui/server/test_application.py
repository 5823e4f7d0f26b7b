"""The server without the page: its cache, its port, its routes, what links to it look like."""

import asyncio
import datetime
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, cast

import gradio as gr
import httpx
import pytest
from fake_model import FakeModel
from fastapi import FastAPI
from PIL import Image
from serving import served

import app
from vclip import __version__
from vclip.errors import InputError
from vclip.pipeline import FaceToVoice
from vclip.ui import texts
from vclip.ui.page import theme
from vclip.ui.server import application, uvicorn_server
from vclip.ui.server.open_graph import OpenGraphTags, tags
from vclip.ui.speech.takes import KEPT_SECONDS


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(cast(FaceToVoice, FakeModel()), tmp_path_factory.mktemp("cache")) as found:
        yield found


def test_sweep_forgets_photos_before_speech(tmp_path: Path) -> None:
    for name in ("a/face.jpg", "b/vclip_p1_seed0.wav", "c/upload", "d/s.mp3"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    now = (tmp_path / "a/face.jpg").stat().st_ctime
    assert application.sweep(tmp_path, now + 30) == 0
    assert application.sweep(tmp_path, now + 100) == 2
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b", "d"]
    assert application.sweep(tmp_path, now + 4000) == 2


def a_page(dropped: list[str]) -> gr.Blocks:
    with gr.Blocks(analytics_enabled=False) as page:
        session = gr.State("mine", time_to_live=KEPT_SECONDS, delete_callback=dropped.append)
        face = gr.HTML("")
        gr.Button().click(lambda _: ("mine", "<img>"), session, [session, face], api_name="look")
    return page


@pytest.mark.slow
def test_visits_are_forgotten_with_all_that_gradio_remembers_of_them() -> None:
    async def visited() -> None:
        dropped: list[str] = []
        page = a_page(dropped)
        gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
        visits = page.state_holder
        for name in ("old", "new"):
            await page.process_api(0, [None], visits[name])
        assert "<img>" in str([*visits["old"].components])
        now = datetime.datetime.now()
        visits.time_last_used["old"] = now - datetime.timedelta(seconds=KEPT_SECONDS + 1)
        assert application.sweep_visits(page, now) == 1
        assert list(visits.session_data) == list(visits.time_last_used) == ["new"]
        assert dropped == ["mine"]
        assert application.sweep_visits(page, now) == 0

    asyncio.run(visited())


@pytest.mark.slow
def test_a_sweep_that_fails_is_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    swept: list[Path] = []

    def sweep(folder: Path, now: float) -> int:
        swept.append(folder)
        raise FileNotFoundError("somebody else was quicker")

    monkeypatch.setattr(application, "sweep", sweep)
    monkeypatch.setattr(application, "SWEEP_SECONDS", 0.01)
    with served(cast(FaceToVoice, FakeModel()), tmp_path):
        deadline = time.monotonic() + 10
        while len(swept) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert len(swept) >= 3 and "sweeping failed" in caplog.text


def test_cache_is_private_and_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", "elsewhere")
    with application.private_cache() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "photo.jpg").write_bytes(b"x")
    assert not folder.exists()


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(InputError, match="choose another with --port") as told:
            uvicorn_server.open_port("127.0.0.1", taken.getsockname()[1])
        assert "\n" not in str(told.value)
    with pytest.raises(InputError):
        uvicorn_server.open_port("127.0.0.1", 70000)


def test_app_reports_bad_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert app.main(["--port", str(taken.getsockname()[1])]) == 2
    assert app.main(["--port", "0", "--model", "no/such/model"]) == 2
    monkeypatch.setenv("GRADIO_SERVER_PORT", "http")
    assert app.main([]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and "no/such/model" in lines[1] and "GRADIO_SERVER_PORT" in lines[2]


def test_a_space_is_seen_by_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert (app.parse([]).host, app.parse([]).port) == ("127.0.0.1", 7860)
    monkeypatch.setenv("SPACE_ID", "someone/vclip")
    monkeypatch.setenv("GRADIO_SERVER_PORT", "8000")
    assert (app.parse([]).host, app.parse([]).port) == ("0.0.0.0", 8000)
    assert app.parse(["--host", "::1", "--port", "1"]).host == "::1"


def test_health_is_plain_json(address: str) -> None:
    answer = httpx.get(f"{address}/healthz").json()
    assert answer["status"] == "ok" and answer["model"] == "fake"
    assert answer["version"] == __version__
    assert answer["seconds_up"] >= 0 and answer["queued"] == 0


def test_icon_and_thumbnail_are_our_pictures(address: str) -> None:
    icon = httpx.get(f"{address}/favicon.ico").content
    assert icon == theme.ICON.read_bytes() and Image.open(BytesIO(icon)).size == (256, 256)
    thumbnail = httpx.get(f"{address}/thumbnail.png")
    assert thumbnail.headers["content-type"] == "image/png" and len(thumbnail.content) < 150_000
    assert Image.open(BytesIO(thumbnail.content)).size == (1200, 630)


@pytest.mark.parametrize("encoding", ["identity", "gzip", "br"])
def test_a_link_shows_our_title_and_picture(address: str, encoding: str) -> None:
    """Read as they do who draw previews: from the HTML, without running anything."""
    page = httpx.get(address, headers={"Accept-Encoding": encoding}).text
    told = dict(re.findall(r'<meta (?:name|property)="([a-z:]+)" content="([^"]*)"', page))
    assert told["og:title"].startswith("vclip") and told["og:image"] == "/thumbnail.png"
    assert told["twitter:card"] == "summary_large_image"
    assert page.count("og:image") == page.count("og:image:") + 1  # Gradio's are gone
    assert "githubusercontent" not in page


def test_public_addresses_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_HOST", "someone-vclip.hf.space")
    said = tags(texts.ENGLISH, application.public_address())
    assert 'content="https://someone-vclip.hf.space/thumbnail.png"' in said
    page = OpenGraphTags(cast(Any, None), said).rewrite('<head><meta charset="utf-8" /></head>')
    assert page == f'<head><meta charset="utf-8" />{said}</head>'


def test_behind_a_proxy_the_page_knows_its_address(address: str) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "someone-vclip.hf.space"}
    page = httpx.get(address, headers=forwarded).text
    found = re.search(r"window.gradio_config = (\{.*?\});</script>", page)
    assert found and json.loads(found[1])["root"] == "https://someone-vclip.hf.space"


def test_other_languages_travel_with_the_page(address: str) -> None:
    told = httpx.get(f"{address}/config").json()["i18n_translations"]
    assert told["de"]["step_face"] == "Gesicht" and told["en"]["step_face"] == "Face"


@pytest.mark.parametrize("path", ["docs", "gradio_api/runs", "gradio_api/mcp/", "monitoring"])
def test_what_is_off_is_not_found(address: str, path: str) -> None:
    assert httpx.get(f"{address}/{path}").status_code in (403, 404, 405)


def test_files_of_this_machine_are_not_served(address: str) -> None:
    for path in (__file__, "/etc/passwd", str(theme.ICON)):
        assert httpx.get(f"{address}/gradio_api/file={path}").status_code in (403, 404)
    asked = [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}, "both", 3, 0]
    call = f"{address}/gradio_api/call/candidates"
    event = httpx.post(call, json={"data": asked}).json()["event_id"]
    told = httpx.get(f"{call}/{event}", timeout=20).text
    assert "error" in told and "root:" not in told


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in [*theme.CSS, *theme.ASSETS.glob("*.js"), *theme.ASSETS.glob("*.css")]:
        foreign = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+", path.read_text())
        assert set(foreign) <= {"http://www.w3.org"}, path
    assert "SPACE_HOST" not in os.environ
