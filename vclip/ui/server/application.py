"""FastAPI application around the page: its routes, and a private cache that is swept."""

import asyncio
import contextlib
import datetime
import logging
import os
import shutil
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import gradio as gr
import gradio.mcp
import uvicorn
from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse

from vclip import __version__, audio
from vclip.errors import ModelError
from vclip.pipeline import FaceToVoice
from vclip.ui.page import theme
from vclip.ui.server import uvicorn_server
from vclip.ui.server.open_graph import OpenGraphTags, tags
from vclip.ui.speech import routes
from vclip.ui.speech.takes import KEPT_SECONDS, TakeStore
from vclip.ui.texts import ENGLISH, I18N

log = logging.getLogger(__name__)
PHOTO_SECONDS = 60  # an upload is read at once; identical uploads share a file, hence the delay
SWEEP_SECONDS = 20


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
        limit = KEPT_SECONDS if is_speech else PHOTO_SECONDS
        with contextlib.suppress(OSError):  # gone already, or its folder is in use again
            if now - path.stat().st_ctime > limit:
                path.unlink()
                deleted += 1
                path.parent.rmdir()  # Gradio names it after the file's hash
    return deleted


def sweep_visits(page: gr.Blocks, now: datetime.datetime) -> int:
    """Forget the visits that nobody went on with for an hour; returns how many.

    Gradio itself lets go of their gr.State, yet keeps what every component last showed (for links
    to a state of the page), the photo among it, until 200 others have come.
    """
    visits = page.state_holder
    limit = datetime.timedelta(seconds=KEPT_SECONDS)
    old = [name for name, used in [*visits.time_last_used.items()] if now - used > limit]
    for name in old:
        visits.delete_state(name)
        visits.session_data.pop(name, None)
        visits.time_last_used.pop(name, None)
    return len(old)


def build_app(
    page: gr.Blocks,
    folder: Path,
    *,
    takes: TakeStore,
    model: FaceToVoice,
    stage: bool = False,
    mcp: bool = False,
    routers: Sequence[APIRouter] = (),
) -> FastAPI:
    """The page at /, its takes and previews, plain JSON for machines at /healthz.

    mcp: the endpoints as tools at /gradio_api/mcp, too. Raises ModelError if that cannot be had.
    routers: what else is served, a study.
    """
    app = FastAPI(
        lifespan=_lifespan(page, folder, takes), docs_url=None, redoc_url=None, openapi_url=None
    )
    _add_plain_routes(app, page, model)
    routes.add_routes(app, takes, model)
    for router in routers:  # before the page, which answers everything
        app.include_router(router)
    _mount(app, page, stage, mcp)
    if mcp:
        # it was read when gradio was imported, before there was a private cache
        gradio.mcp.DEFAULT_TEMP_DIR = str(folder)
        if page.mcp_server_obj is None:
            raise ModelError(f"the MCP server does not start: {page.mcp_error}")
    app.add_middleware(OpenGraphTags, tags=tags(ENGLISH, public_address()))
    app.state.page = page
    return app


def public_address() -> str:
    """Public URL of a Space, without a slash; empty elsewhere."""
    host = os.environ.get("SPACE_HOST", "")
    return f"https://{host}" if host else ""


def _lifespan(page: gr.Blocks, folder: Path, takes: TakeStore) -> Any:
    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(_sweep_for_ever(page, folder, takes))
        yield
        task.cancel()

    return lifespan


def _add_plain_routes(app: FastAPI, page: gr.Blocks, model: FaceToVoice) -> None:
    started = time.monotonic()

    @app.get("/healthz")
    async def healthz() -> dict[str, Any]:
        return {
            "status": "ok",
            "version": __version__,
            "seconds_up": round(time.monotonic() - started),
            "queued": len(page._queue),
            "model": model.model,
        }

    @app.get("/thumbnail.png")
    async def thumbnail() -> FileResponse:
        return FileResponse(theme.THUMBNAIL, headers={"Cache-Control": "public, max-age=86400"})


def _mount(app: FastAPI, page: gr.Blocks, stage: bool, mcp: bool) -> None:
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
        mcp_server=mcp,
        enable_monitoring=False,
        max_file_size="20mb",  # face.load has the exact limit and the better message
        favicon_path=str(theme.ICON),
        i18n=I18N,
        theme=theme.theme(),
        css_paths=theme.CSS,
        head=theme.head(stage),
    )


async def _sweep_for_ever(page: gr.Blocks, folder: Path, takes: TakeStore) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        try:  # one failure must not keep all later photos
            await asyncio.to_thread(sweep, folder, time.time())
            takes.sweep(time.time())
            sweep_visits(page, datetime.datetime.now())  # as Gradio notes it: local, without a zone
        except Exception:
            log.exception("sweeping failed; it is tried again")


def run(app: FastAPI, listener: socket.socket) -> None:
    """Serve until interrupted."""
    server = uvicorn_server.server(app)
    set_launch_state(app, server, listener)
    uvicorn_server.run(server, listener)


def set_launch_state(app: FastAPI, server: uvicorn.Server, listener: socket.socket) -> None:
    """Set what Gradio's launch() would: the URL for MCP, the port that ZeroGPU closes."""
    page: gr.Blocks = app.state.page
    server.config.port = listener.getsockname()[1]
    page.server = cast(Any, server)
    if page.mcp_server_obj:
        page.mcp_server_obj._local_url = f"http://127.0.0.1:{server.config.port}/"
