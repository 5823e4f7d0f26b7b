"""The server with a page of nothing but endpoints, in this process: for tests of routes and API."""

import asyncio
import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vclip.pipeline import FaceToVoice
from vclip.ui.page import endpoints
from vclip.ui.server import application, uvicorn_server
from vclip.ui.speech.takes import TakeStore


async def app_of(model: FaceToVoice, folder: Path, **options: Any) -> FastAPI:
    """In a running loop: without one Gradio opens some, for ever."""
    with gr.Blocks(analytics_enabled=False) as page:
        endpoints.add_endpoints(model)
    page.queue(max_size=32)
    return application.build_app(page, folder, takes=TakeStore(folder), model=model, **options)


@contextlib.contextmanager
def served(model: FaceToVoice, folder: Path, **options: Any) -> Iterator[str]:
    """The address of the server while it runs."""
    with mock.patch.dict(os.environ, {"GRADIO_TEMP_DIR": str(folder)}):
        app = asyncio.run(app_of(model, folder, **options))
        listener = uvicorn_server.open_port("127.0.0.1", 0)
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        application.set_launch_state(app, server, listener)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()
            listener.close()
