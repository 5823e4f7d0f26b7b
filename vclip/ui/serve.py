"""The server: one port, /healthz, a private cache that forgets."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

from vclip import __version__, audio
from vclip.errors import InputError
from vclip.ui import look

PHOTO_SECONDS = 60  # an upload is read at once; identical uploads share a file, hence the delay
SPEECH_SECONDS = 3600  # long enough to replay and download
SWEEP_SECONDS = 20


def open_port(host: str, port: int) -> socket.socket:
    """A listening socket. Raises InputError if the address cannot be had."""
    if not 0 <= port < 2**16:
        raise InputError(f"there is no port {port}; use 1 to {2**16 - 1}, or 0 for a free one")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=128)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(
            f"cannot listen on {host}, port {port} ({reason}); choose another with --port"
        ) from error


@contextlib.contextmanager
def private_cache() -> Iterator[Path]:
    """A folder of this process alone for uploads and speech, gone when the app ends."""
    folder = Path(tempfile.mkdtemp(prefix="vclip-"))  # readable by nobody else
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: Path, now: float) -> int:
    """Delete photos older than a minute and speech older than an hour; returns how many."""
    deleted = 0
    for path in [path for path in folder.rglob("*") if path.is_file()]:
        is_speech = path.suffix.removeprefix(".") in audio.FORMATS
        limit = SPEECH_SECONDS if is_speech else PHOTO_SECONDS
        with contextlib.suppress(OSError):  # gone already, or its folder is in use again
            if now - path.stat().st_ctime > limit:
                path.unlink()
                deleted += 1
                path.parent.rmdir()  # Gradio names it after the file's hash
    return deleted


def application(page: gr.Blocks, health: dict[str, Any], folder: Path) -> FastAPI:
    """The page at /, plain JSON for machines at /healthz."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep_for_ever(folder))
        yield
        task.cancel()

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {"status": "ok", "version": __version__, **health}

    # Only launch() sets these, and without them Gradio 6.31 lets any path of this machine through
    # as an "upload" (processing_utils._check_allowed) and serves SVGs inline
    page.has_launched = page.is_running = True
    gr.mount_gradio_app(
        app,
        page,
        path="/",
        footer_links=["api"],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        enable_monitoring=False,
        max_file_size="20mb",  # face.load has the exact limit and the better message
        theme=look.theme(),
        css_paths=[look.CSS],
        head=look.HEAD,
    )
    return app


async def _sweep_for_ever(folder: Path) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await asyncio.to_thread(sweep, folder, time.time())


class Server(uvicorn.Server):
    """uvicorn that says where it can be reached once it can."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Print the address after the start."""
        await super().startup(sockets)
        if sockets and not self.should_exit:
            host, port = sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            print(f"vclip is at http://{shown}:{port}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Hang up first: every open page holds a connection that would never end by itself."""
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.close()
        await super().shutdown(sockets)


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serve until interrupted. No access log: it would name the uploads."""
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    # uvicorn raises the signal that stopped it once more: it must not skip our clean-up
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        Server(config).run(sockets=[listener])
