"""The rater's side over HTTP, under /study/api: small JSON in and out, sounds with neutral names.

The token goes in `Authorization: Bearer`, the name of the browser's tab in `X-Tab`. GET /state
makes the asking tab the one that may answer. Errors are {"detail": one line}: 401 nobody we know,
404, 409 it cannot be taken now, 413 too long, 422 it is no answer, 429 too many begin, 503 nothing
can be saved: try again. Nothing of the connection is kept, no address either.
"""

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Response
from pydantic import Field

from vclip.errors import InputError
from vclip.listening.design import plan
from vclip.listening.design.trials import Counts, Trial
from vclip.listening.server import session
from vclip.listening.server.media import MediaFile, StudyMedia
from vclip.listening.server.rate_limit import TokenBucket
from vclip.listening.server.schemas import (
    AnswerRequest,
    EnrolRequest,
    LimitedRoute,
    PageEvent,
    StepRequest,
    WithdrawRequest,
)
from vclip.listening.server.session import RaterSession
from vclip.listening.store import codes
from vclip.listening.store.store import Answer, Store

T = TypeVar("T")

# The largest panel that `simulate` sends may begin at once, then 1,800 raters an hour
AT_ONCE, PER_SECOND = 600, 0.5
EVENTS = 20_000  # of one rater that are kept between two starts; a long session has some thousand


def router(store: Store) -> APIRouter:
    """All routes of raters, for the study of this store."""
    api = APIRouter(prefix="/study/api", route_class=LimitedRoute)
    desk, limiter = RaterService(store), CapacityLimiter(store.at_once)

    async def run(job: Callable[[], T]) -> T:
        return await to_thread.run_sync(job, limiter=limiter)

    Token = Annotated[str, Depends(bearer)]
    Tab = Annotated[str, Header(alias="X-Tab", min_length=1, max_length=100)]
    Events = Annotated[list[PageEvent], Field(max_length=500)]

    @api.get("/about")
    async def about() -> dict[str, Any]:
        return desk.about()

    @api.post("/enrol")
    async def enrol(body: EnrolRequest) -> dict[str, str]:
        return await run(lambda: desk.enrol(body))

    @api.get("/state")
    async def state(token: Token, tab: Tab) -> dict[str, Any]:
        return await run(lambda: desk.state(token, tab))

    @api.post("/step")
    async def step(token: Token, body: StepRequest) -> dict[str, Any]:
        return await run(lambda: desk.step(token, body))

    @api.post("/answer")
    async def answer(token: Token, tab: Tab, body: AnswerRequest) -> dict[str, Any]:
        return await run(lambda: desk.answer(token, tab, Answer(**body.model_dump())))

    @api.post("/events")
    async def events(token: Token, body: Events) -> dict[str, str]:
        await run(lambda: desk.log(token, body))
        return {}

    @api.post("/withdraw")
    async def withdraw(body: WithdrawRequest) -> dict[str, int]:
        return await run(lambda: desk.withdraw(body.code))

    @api.get("/audio/{position}/{slot}")
    async def audio(token: Token, position: int, slot: int) -> Response:
        return _bytes(await run(lambda: desk.audio(token, position, slot)))

    @api.get("/face/{position}")
    async def face(token: Token, position: int) -> Response:
        return _bytes(await run(lambda: desk.face(token, position)))

    @api.get("/headphones/{n}")
    async def headphones(token: Token, n: int) -> Response:
        return _bytes(await run(lambda: desk.headphones(token, n)))

    @api.get("/volume")
    async def volume(token: Token) -> Response:
        return _bytes(await run(lambda: desk.volume(token)))

    return api


async def bearer(authorization: Annotated[str, Header()] = "") -> str:
    """The token that came along, whosever it is."""
    return authorization.removeprefix("Bearer ")


class RaterService:
    """What is done for raters, whatever it comes through."""

    def __init__(self, store: Store) -> None:
        self.store, self.study, self.media = store, store.study, StudyMedia(store.study)
        self._bucket, self._events = TokenBucket(AT_ONCE, PER_SECOND), Counter[int]()

    def known(self, token: str) -> int:
        """Whose token it is. Raises HTTPException."""
        return _somebody(self.store.rater(token))

    def _session(self, token: str) -> RaterSession:
        return _somebody(RaterSession.of(self.store, token))

    def about(self) -> dict[str, Any]:
        """Told before anybody agrees."""
        study = self.study
        told = study.model_dump(include={"title", "consent", "instructions", "language", "contact"})
        gates = study.gates.model_dump()
        return {**told, "gates": gates, "trials": study.design.trials_per_rater}

    def enrol(self, body: EnrolRequest) -> dict[str, str]:
        """Raises InputError without agreement, ConflictError if the study is full."""
        if not body.agree:
            raise InputError("only who agrees can take part")
        if not self._bucket.take():
            raise HTTPException(429, "too many are beginning right now; try again in some minutes")
        found = self.store.enrol(self._plan, body.request)
        return {"token": found.token, "withdrawal": found.withdrawal}

    def _plan(self, counts: Counts) -> list[Trial]:
        seed = self.study.design.seed
        rng = np.random.default_rng(None if seed is None else [seed, counts.raters])
        return plan.plan(self.study, counts, rng)

    def state(self, token: str, tab: str) -> dict[str, Any]:
        """As it is now; this tab goes on."""
        self.store.claim(self.known(token), tab)
        return session.view(self._session(token))

    def step(self, token: str, body: StepRequest) -> dict[str, Any]:
        """Sent twice, it is done once."""
        now = self._session(token)
        for mark in session.next_marks(now, body.step, body.result, body.attempt):
            self.store.mark(now.rater, mark)
            now = now.with_mark(mark)
        return session.view(now)

    def answer(self, token: str, tab: str, answer: Answer) -> dict[str, Any]:
        """The state after it; on disk before that is told."""
        now = self._session(token)
        if not session.is_repeated(now, answer):
            answer = session.take(now, answer, self._lengths(now, answer.position))
            self.store.record(now.rater, answer, tab)
            now = now.after(answer)
        return session.view(now)

    def _lengths(self, now: RaterSession, position: int) -> list[float]:
        shown = [trial for trial in now.trials if trial.position == position]
        sounds = session.stimuli(self.study, shown[0]) if shown else []
        return [self.media.seconds(stimulus) for stimulus in sounds]

    def log(self, token: str, events: list[dict[str, Any]]) -> None:
        """What the page tells of itself; nothing depends on it, so a flood ends without a word."""
        rater = self.known(token)
        kept = events[: max(0, EVENTS - self._events[rater])]
        self._events[rater] += len(kept)
        self.store.log(rater, kept)

    def withdraw(self, code: str) -> dict[str, int]:
        """Raises HTTPException if nobody has this code."""
        deleted = self.store.withdraw(code)
        if deleted is None:
            raise HTTPException(404, "nobody has this code; is it complete?")
        return {"deleted": deleted}

    def audio(self, token: str, position: int, slot: int) -> MediaFile:
        """Raises HTTPException if the rater has not come so far."""
        sounds = session.stimuli(self.study, self._reached(token, position))
        if not 0 <= slot < len(sounds):
            raise HTTPException(404, "there is no such sound")
        return self.media.file(sounds[slot].path, sounds[slot].sha256)

    def face(self, token: str, position: int) -> MediaFile:
        """Raises HTTPException if there is none, or the rater has not come so far."""
        trial = self._reached(token, position)
        item = self.study.item(trial.item)
        if item.face is None or not self.study.question(trial.question).shows_face:
            raise HTTPException(404, "this question shows no face")
        return self.media.file(item.face, item.face_sha256)

    def _reached(self, token: str, position: int) -> Trial:
        """A trial that is or was shown; what comes later stays hidden."""
        now = self._session(token)
        is_shown = now.trial and now.step in ("training", "trial")
        last = now.trial.position if now.trial and is_shown else None
        if not (position in now.requests or position == last):
            raise HTTPException(404, "there is no such trial yet")
        return now.trials[position]

    def headphones(self, token: str, n: int) -> MediaFile:
        """Trial n of the attempt that is next. Raises HTTPException."""
        now = self._session(token)
        right = session.targets(now, now.attempt)
        if now.step != "headphones" or not 0 <= n < len(right):
            raise HTTPException(404, "there is no such check now")
        return self.media.headphones(right[n], codes.seed(now.secret, f"noise {n}", now.rater))

    def volume(self, token: str) -> MediaFile:
        """The sound to set the volume by."""
        self.known(token)
        return self.media.volume()


def _somebody(found: T | None) -> T:
    if found is None:
        raise HTTPException(401, "this session is not known; it was withdrawn, or never begun")
    return found


def _bytes(file: MediaFile) -> Response:
    """Without a name, a date or a tag: they would tell which file it is."""
    return Response(file.data, media_type=file.type, headers={"Cache-Control": "no-store"})
