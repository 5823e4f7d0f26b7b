"""The rater's side over HTTP, under /study/api: small JSON in and out, sounds with neutral names.

The token goes in `Authorization: Bearer`, the name of the browser's tab in `X-Tab`. GET /state
makes the asking tab the one that may answer. Errors are {"detail": one line}: 401 nobody we know,
404, 409 it cannot be taken now, 413 too long, 422 it is no answer, 503 nothing can be saved: try
again. Nothing of the connection is kept, no address either.
"""

from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, HTTPException, Response
from pydantic import Field

from vclip.errors import InputError
from vclip.listening import codes, design, session
from vclip.listening.media import File, Media
from vclip.listening.session import Session
from vclip.listening.store import Answer, Store
from vclip.listening.trials import Counts, Trial
from vclip.listening.wire import Answered, Code, Enrol, Event, SmallRoute, Step


def router(store: Store) -> APIRouter:
    """All routes of raters, for the study of this store."""
    api = APIRouter(prefix="/study/api", route_class=SmallRoute)
    desk = Desk(store)

    def known(authorization: Annotated[str, Header()] = "") -> int:
        rater = store.rater(authorization.removeprefix("Bearer "))
        if rater is None:
            raise HTTPException(401, "this session is not known; it was withdrawn, or never begun")
        return rater

    Known = Annotated[int, Depends(known)]
    Tab = Annotated[str, Header(alias="X-Tab", min_length=1, max_length=100)]

    @api.get("/about")
    def about() -> dict[str, Any]:
        return desk.about()

    @api.post("/enrol")
    def enrol(body: Enrol) -> dict[str, str]:
        return desk.enrol(body)

    @api.get("/state")
    def state(rater: Known, tab: Tab) -> dict[str, Any]:
        store.claim(rater, tab)
        return desk.state(rater)

    @api.post("/step")
    def step(rater: Known, body: Step) -> dict[str, Any]:
        return desk.step(rater, body)

    @api.post("/answer")
    def answer(rater: Known, tab: Tab, body: Answered) -> dict[str, Any]:
        return desk.answer(rater, tab, Answer(**body.model_dump()))

    @api.post("/events")
    def events(rater: Known, body: Annotated[list[Event], Field(max_length=500)]) -> dict[str, str]:
        store.log(rater, body)
        return {}

    @api.post("/withdraw")
    def withdraw(body: Code) -> dict[str, int]:
        deleted = store.withdraw(body.code)
        if deleted is None:
            raise HTTPException(404, "nobody has this code; is it complete?")
        return {"deleted": deleted}

    @api.get("/audio/{position}/{slot}")
    def audio(rater: Known, position: int, slot: int) -> Response:
        return _bytes(desk.audio(rater, position, slot))

    @api.get("/face/{position}")
    def face(rater: Known, position: int) -> Response:
        return _bytes(desk.face(rater, position))

    @api.get("/headphones/{n}")
    def headphones(rater: Known, n: int) -> Response:
        return _bytes(desk.headphones(rater, n))

    @api.get("/volume")
    def volume(rater: Known) -> Response:
        return _bytes(desk.media.volume())

    return api


class Desk:
    """What is done for raters, whatever it comes through."""

    def __init__(self, store: Store) -> None:
        self.store, self.study, self.media = store, store.study, Media(store.study)

    def about(self) -> dict[str, Any]:
        """Told before anybody agrees."""
        study = self.study
        told = study.model_dump(include={"title", "consent", "instructions", "language", "contact"})
        gates = study.gates.model_dump()
        return {**told, "gates": gates, "trials": study.design.trials_per_rater}

    def enrol(self, body: Enrol) -> dict[str, str]:
        """Raises InputError without agreement, ConflictError if the study is full."""
        if not body.agree:
            raise InputError("only who agrees can take part")
        found = self.store.enrol(self._plan, body.request)
        return {"token": found.token, "withdrawal": found.withdrawal}

    def _plan(self, counts: Counts) -> list[Trial]:
        seed = self.study.design.seed
        rng = np.random.default_rng(None if seed is None else [seed, counts.raters])
        return design.plan(self.study, counts, rng)

    def state(self, rater: int) -> dict[str, Any]:
        """As it is now."""
        return session.view(Session.of(self.store, rater))

    def step(self, rater: int, body: Step) -> dict[str, Any]:
        """Sent twice, it is done once."""
        now = Session.of(self.store, rater)
        for mark in session.next_marks(now, body.step, body.result, body.attempt):
            self.store.mark(rater, mark)
            now = now.with_mark(mark)
        return session.view(now)

    def answer(self, rater: int, tab: str, answer: Answer) -> dict[str, Any]:
        """The state after it; on disk before that is told."""
        now = Session.of(self.store, rater)
        if not session.is_repeated(now, answer):
            answer = session.take(now, answer, self._lengths(now, answer.position))
            self.store.record(rater, answer, tab)
            now = now.after(answer)
        return session.view(now)

    def _lengths(self, now: Session, position: int) -> list[float]:
        shown = [trial for trial in now.trials if trial.position == position]
        sounds = session.stimuli(self.study, shown[0]) if shown else []
        return [self.media.seconds(stimulus) for stimulus in sounds]

    def audio(self, rater: int, position: int, slot: int) -> File:
        """Raises HTTPException if the rater has not come so far."""
        sounds = session.stimuli(self.study, self._reached(rater, position))
        if not 0 <= slot < len(sounds):
            raise HTTPException(404, "there is no such sound")
        return self.media.file(sounds[slot].path)

    def face(self, rater: int, position: int) -> File:
        """Raises HTTPException if there is none, or the rater has not come so far."""
        trial = self._reached(rater, position)
        path = self.study.item(trial.item).face
        if path is None or not self.study.question(trial.question).shows_face:
            raise HTTPException(404, "this question shows no face")
        return self.media.file(path)

    def _reached(self, rater: int, position: int) -> Trial:
        """A trial that is or was shown; what comes later stays hidden."""
        now = Session.of(self.store, rater)
        is_shown = now.trial and now.step in ("training", "trial")
        last = now.trial.position if now.trial and is_shown else None
        if not (position in now.answers or position == last):
            raise HTTPException(404, "there is no such trial yet")
        return now.trials[position]

    def headphones(self, rater: int, n: int) -> File:
        """Trial n of the attempt that is next. Raises HTTPException."""
        now = Session.of(self.store, rater)
        right = session.targets(now, now.attempt)
        if now.step != "headphones" or not 0 <= n < len(right):
            raise HTTPException(404, "there is no such check now")
        return self.media.headphones(right[n], codes.seed(now.secret, f"noise {n}", rater))


def _bytes(file: File) -> Response:
    """Without a name, a date or a tag: they would tell which file it is."""
    return Response(file.data, media_type=file.type, headers={"Cache-Control": "no-store"})
