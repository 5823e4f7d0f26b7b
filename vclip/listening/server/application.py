"""A listening test on a server: the raters' page at /study, the researcher's at /study/results."""

import logging
import secrets
from collections.abc import Iterable
from pathlib import Path

from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import FileResponse, RedirectResponse, Response

from vclip import __version__
from vclip.errors import InputError
from vclip.listening.design.study import Study
from vclip.listening.server import rater_api, researcher_api
from vclip.listening.server.monitor import StudyMonitor
from vclip.listening.store.store import Store

log = logging.getLogger(__name__)
SAMPLE = "Replace this"  # how the contact of the sample study begins
PAGE = Path(__file__).parent / "page"
SHORTEST = 12  # characters of a token that somebody chose
# Nothing but our own files; sounds and faces come as blobs. Spaces show the app within their page
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data:; media-src blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self' https://huggingface.co https://*.hf.space"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-cache",  # kept, but asked for: a new version shows at once
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def routers(store: Store, research_token: str) -> list[APIRouter]:
    """Everything of one study, under /study; the token opens the researcher's page."""
    if store.study.contact.startswith(SAMPLE):
        log.warning("the study's contact is the sample's: raters would not know whom to ask")
    return [
        _pages(),
        researcher_api.router(StudyMonitor(store), research_token),
        rater_api.router(store),
    ]


def create_app(routers: Iterable[APIRouter]) -> FastAPI:
    """The study alone, without the demo."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    for router in routers:
        app.include_router(router)

    @app.get("/")
    def start() -> Response:
        return RedirectResponse("/study")

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok", "version": __version__}

    return app


def announce(study: Study, given: str | None, token: str) -> str:
    """One line for the terminal; a token that somebody chose is not shown to others."""
    opens = "the token that you gave" if given else f"the token {token}"
    return f"listening test “{study.title}” at /study, its results at /study/results with {opens}"


def research_token(given: str | None) -> str:
    """The researcher's token: as given, else a random one. Raises InputError if it is short."""
    if given is None:
        return secrets.token_urlsafe(24)
    if len(given) < SHORTEST or not given.isascii() or not given.isprintable():
        raise InputError(f"the research token has to be {SHORTEST} plain characters or more")
    return given


def _pages() -> APIRouter:
    """Pages, scripts and styles: the same for everybody, and no secret in them."""
    pages, files = APIRouter(), {path.name: path for path in PAGE.iterdir() if path.is_file()}

    @pages.get("/study")
    def study() -> Response:
        return FileResponse(PAGE / "study.html", headers=HEADERS)

    @pages.get("/study/results")
    def results() -> Response:
        return FileResponse(PAGE / "results.html", headers=HEADERS)

    @pages.get("/study/page/{name}")
    def file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "there is no such file")
        return FileResponse(files[name], headers=HEADERS)

    return pages
