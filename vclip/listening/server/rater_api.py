"""HTTP API of raters, under /study/api: small JSON in and out, sounds with neutral names.

The token goes in `Authorization: Bearer`, the name of the browser's tab in `X-Tab`. GET /state
makes the asking tab the one that may answer. Errors are {"detail": one line}: 401 nobody we know,
404, 409 it cannot be taken now, 413 too long, 422 it is no answer, 429 too many begin, 503 nothing
can be saved: try again. Nothing of the connection is kept, no address either.
"""

import functools
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Response
from pydantic import Field

from vclip.errors import InputError
from vclip.listening.design.session_plan import plan_session
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
from vclip.listening.store.records import Answer
from vclip.listening.store.store import Store

T = TypeVar("T")

# The largest panel that `simulate` sends may begin at once, then 1,800 raters an hour
AT_ONCE, PER_SECOND = 600, 0.5
EVENTS = 20_000  # of one rater that are kept between two starts; a long session has some thousand


async def bearer(authorization: Annotated[str, Header()] = "") -> str:
    """The token that came along, whosever it is."""
    return authorization.removeprefix("Bearer ")


Token = Annotated[str, Depends(bearer)]
Tab = Annotated[str, Header(alias="X-Tab", min_length=1, max_length=100)]


def router(store: Store) -> APIRouter:
    """All routes of raters, for the study of this store."""
    api = APIRouter(prefix="/study/api", route_class=LimitedRoute)
    service, limiter = RaterService(store), CapacityLimiter(store.at_once)

    def threaded(job: Callable[..., T]) -> Callable[..., Coroutine[Any, Any, T]]:
        """The same endpoint off the event loop, no more at once than the store can use."""

        @functools.wraps(job)
        async def endpoint(**fields: Any) -> T:
            return await to_thread.run_sync(functools.partial(job, **fields), limiter=limiter)

        return endpoint

    for path in ("about", "state", "volume"):
        api.get(f"/{path}")(threaded(getattr(service, path)))
    for path in ("enrol", "step", "answer", "events", "withdraw"):
        api.post(f"/{path}")(threaded(getattr(service, path)))
    api.get("/audio/{position}/{slot}")(threaded(service.audio))
    api.get("/face/{position}")(threaded(service.face))
    api.get("/headphones/{n}")(threaded(service.headphones))
    return api


class RaterService:
    """The endpoints of raters, one method each."""

    def __init__(self, store: Store) -> None:
        self.store, self.study, self.media = store, store.study, StudyMedia(store.study)
        self._bucket, self._events = TokenBucket(AT_ONCE, PER_SECOND), Counter[int]()

    def about(self) -> dict[str, Any]:
        """Study information shown before consent."""
        study = self.study
        told = study.model_dump(include={"title", "consent", "instructions", "language", "contact"})
        gates = study.gates.model_dump()
        return {**told, "gates": gates, "trials": study.design.trials_per_rater}

    def enrol(self, body: EnrolRequest) -> dict[str, str]:
        """A new rater. Raises InputError without agreement, ConflictError if the study is full."""
        if not body.agree:
            raise InputError("only who agrees can take part")
        if not self._bucket.take():
            raise HTTPException(429, "too many are beginning right now; try again in some minutes")
        found = self.store.enrol(self._plan, body.request)
        return {"token": found.token, "withdrawal": found.withdrawal}

    def _plan(self, counts: Counts) -> list[Trial]:
        seed = self.study.design.seed
        rng = np.random.default_rng(None if seed is None else [seed, counts.raters])
        return plan_session(self.study, counts, rng)

    def state(self, token: Token, tab: Tab) -> dict[str, Any]:
        """The session as it is now; this tab goes on."""
        self.store.claim(self._rater(token), tab)
        return session.view(self._session(token))

    def step(self, token: Token, body: StepRequest) -> dict[str, Any]:
        """The state after a step that is no trial; sent twice, it is done once."""
        now = self._session(token)
        for mark in session.next_marks(now, body.step, body.result, body.attempt):
            self.store.mark(now.rater, mark)
            now = now.with_mark(mark)
        return session.view(now)

    def answer(self, token: Token, tab: Tab, body: AnswerRequest) -> dict[str, Any]:
        """The state after an answer, which is on disk before that is told."""
        now, answer = self._session(token), Answer(**body.model_dump())
        if not session.is_repeated(now, answer):
            shown = [trial for trial in now.trials if trial.position == answer.position]
            sounds = session.stimuli(self.study, shown[0]) if shown else []
            answer = session.take(now, answer, [self.media.seconds(sound) for sound in sounds])
            self.store.record(now.rater, answer, tab)
            now = now.after(answer)
        return session.view(now)

    def events(
        self, token: Token, body: Annotated[list[PageEvent], Field(max_length=500)]
    ) -> dict[str, str]:
        """Log client events; best effort, too many are dropped silently."""
        rater = self._rater(token)
        kept = body[: max(0, EVENTS - self._events[rater])]
        self._events[rater] += len(kept)
        self.store.log(rater, kept)
        return {}

    def withdraw(self, body: WithdrawRequest) -> dict[str, int]:
        """Delete the data of the rater with this code. Raises HTTPException if nobody has it."""
        deleted = self.store.withdraw(body.code)
        if deleted is None:
            raise HTTPException(404, "nobody has this code; is it complete?")
        return {"deleted": deleted}

    def audio(self, token: Token, position: int, slot: int) -> Response:
        """A sound of a trial. Raises HTTPException if the rater has not come so far."""
        sounds = session.stimuli(self.study, self._reached(token, position))
        if not 0 <= slot < len(sounds):
            raise HTTPException(404, "there is no such sound")
        return _response(self.media.file(sounds[slot].path, sounds[slot].sha256))

    def face(self, token: Token, position: int) -> Response:
        """The face of a trial. Raises HTTPException: there is none, or it is not reached yet."""
        trial = self._reached(token, position)
        item = self.study.item(trial.item)
        if item.face is None or not self.study.question(trial.question).shows_face:
            raise HTTPException(404, "this question shows no face")
        return _response(self.media.file(item.face, item.face_sha256))

    def headphones(self, token: Token, n: int) -> Response:
        """Trial n of the next attempt at the headphone screening. Raises HTTPException."""
        now = self._session(token)
        right = session.targets(now, now.attempt)
        if now.step != "headphones" or not 0 <= n < len(right):
            raise HTTPException(404, "there is no such check now")
        seed = codes.seed(now.secret, f"noise {n}", now.rater)
        return _response(self.media.headphones(right[n], seed))

    def volume(self, token: Token) -> Response:
        """The noise that the volume is set by."""
        self._rater(token)
        return _response(self.media.volume())

    def _rater(self, token: str) -> int:
        return _known(self.store.rater(token))

    def _session(self, token: str) -> RaterSession:
        return _known(RaterSession.of(self.store, token))

    def _reached(self, token: str, position: int) -> Trial:
        """A trial that is or was shown; what comes later stays hidden."""
        now = self._session(token)
        is_shown = now.trial and now.step in ("training", "trial")
        last = now.trial.position if now.trial and is_shown else None
        if not (position in now.requests or position == last):
            raise HTTPException(404, "there is no such trial yet")
        return now.trials[position]


def _known(found: T | None) -> T:
    if found is None:
        raise HTTPException(401, "this session is not known; it was withdrawn, or never begun")
    return found


def _response(file: MediaFile) -> Response:
    """Without a name, a date or a tag: they would tell which file it is."""
    return Response(file.data, media_type=file.type, headers={"Cache-Control": "no-store"})
