"""A visitor who hangs up costs no more work: proven on the real server with a slow voice."""

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import gradio as gr
import httpx
import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fake_model import FakeModel

from vclip.pipeline import FaceToVoice
from vclip.speech import Speech
from vclip.ui import page, serve, speeches
from vclip.ui.visit import Desk, Visit

PIECES = 1000  # of 20 ms: nobody waits for the end


class SlowModel(FakeModel):
    """Counts the pieces that it says and notices when it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.left = 0, threading.Event()

    def recite(self, *_: Any, **__: Any) -> Iterator[tuple[float, Speech]]:
        try:
            for self.said in range(1, PIECES + 1):
                time.sleep(0.02)
                yield self.said / PIECES, Speech(np.full(160, 0.1, np.float32), 8000)
        finally:
            self.left.set()


async def build(model: SlowModel) -> gr.Blocks:  # in a loop: see test_ui
    return page.build(Desk(cast(FaceToVoice, model)))


async def application(model: SlowModel, folder: Path) -> FastAPI:
    return serve.application(await build(model), {}, folder)


@contextlib.contextmanager
def served(model: SlowModel, folder: Path) -> Iterator[str]:
    """The address of the app with this model."""
    app = asyncio.run(application(model, folder))
    listener = serve.open_port("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/gradio_api/call/speak"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def test_the_api_stops_when_its_client_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speeches, "EVERY", 0.0)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    model = SlowModel()
    with served(model, tmp_path) as address:
        asked = httpx.post(address, json={"data": ["Hello.", "p2", 0, 1, 0, "wav"]})
        with httpx.stream("GET", f"{address}/{asked.json()['event_id']}", timeout=20) as answer:
            next(answer.iter_lines())
        assert model.left.wait(20)
    assert 0 < model.said < PIECES


def test_the_page_can_be_left_between_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeches, "EVERY", 0.0)
    model = SlowModel()
    (speak,) = (f for f in asyncio.run(build(model)).fns.values() if f.name == "utter")
    assert inspect.isgeneratorfunction(speak.fn)  # what makes Gradio close it
    visit = Visit(picked=model.candidate("p2"))
    steps = speak.fn(visit, "Hello.", 1.0, 0.0, "wav", lambda *_, **__: None)
    next(steps)
    next(steps)
    steps.close()
    assert model.left.is_set() and model.said == 2
