"""A simulated rater's browser: one session over the real HTTP interface.

A rater is told neither conditions nor items. This one knows a sound by its SHA-256, as people know
one by ear, and answers with the panel's opinion of it. At random it reloads, opens another tab and
sends an answer twice; whatever should not have been possible is noted.
"""

import asyncio
import io
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import soundfile

from vclip.listening.simulation.raters import RaterPanel, SimulatedRater
from vclip.listening.simulation.stimulus_index import StimulusIndex
from vclip.listening.stimuli.headphones import GAP, INTERVALS, NOISE, TRIALS
from vclip.listening.store.records import Value

API = "/study/api"


@dataclass(frozen=True)
class RaterBehaviour:
    """How raters behave; shares are of trials. think: mean s before an answer, by an exponential"""

    think: float = 1.0
    twice: float = 0.1
    reload: float = 0.05


@dataclass
class SessionLog:
    """What happened to one rater. answers: acknowledged ones by position."""

    kind: str
    token: str = ""
    step: str = "none"
    answers: dict[int, Value] = field(default_factory=dict)
    to_trial: list[float] = field(
        default_factory=list
    )  # s from sending an answer to the next trial
    to_sound: list[float] = field(default_factory=list)  # … and all of its sounds and its face
    errors: list[str] = field(default_factory=list)
    total: int = 0


class HttpRater:
    """One rater of a panel; run it once."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        catalogue: StimulusIndex,
        panel: RaterPanel,
        rater: SimulatedRater,
        rng: np.random.Generator,
        habits: RaterBehaviour,
    ) -> None:
        self._client, self._catalogue, self._panel = client, catalogue, panel
        self._rater, self._rng, self._habits = rater, rng, habits
        self._tab, self._sent = uuid.uuid4().hex, 0.0
        self.diary = SessionLog(rater.kind)

    async def run(self) -> SessionLog:
        """From consent to the completion code; errors end it, and are in the diary."""
        try:
            enrolled = await self._post("/enrol", {"agree": True})
            self.diary.token = enrolled["token"]
            state = await self._get("/state")
            while state["step"] not in ("done", "refused"):
                state = await self._take(state)
            self.diary.step, self.diary.total = state["step"], state["total"]
            if state["step"] == "done" and not state["code"]:
                self.diary.errors.append("done without a completion code")
        except (httpx.HTTPError, LookupError, ValueError) as error:
            self.diary.errors.append(f"{type(error).__name__}: {error}")
        return self.diary

    async def _take(self, state: dict[str, Any]) -> dict[str, Any]:
        """One step; the state after it."""
        step = state["step"]
        if step == "headphones":
            files = [await self._bytes(f"{API}/headphones/{n}") for n in range(TRIALS)]
            heard = [tone(data) for data in files]
            return await self._post("/step", {"step": step, "result": heard})
        if step in ("volume", "break"):
            if step == "volume":
                await self._bytes(f"{API}/volume")
            return await self._post("/step", {"step": step, "result": True})
        return await self._trial(state["trial"])

    async def _trial(self, trial: dict[str, Any]) -> dict[str, Any]:
        face, sounds = await self._load(trial)
        if self.diary.to_trial and len(self.diary.to_sound) < len(self.diary.to_trial):
            self.diary.to_sound.append(time.perf_counter() - self._sent)
        await asyncio.sleep(self._rng.exponential(self._habits.think))
        if self._rng.random() < self._habits.reload:
            await self._reload(trial)
        body = self._answer(trial, face, sounds)
        at = trial["position"]
        await self._post("/events", [{"kind": "play", "position": at, "at": body["seconds"]}])
        self._sent = time.perf_counter()
        state = await self._send(body)
        self.diary.answers[at] = body["value"]
        if state["trial"]:
            self.diary.to_trial.append(time.perf_counter() - self._sent)
        return state

    async def _load(self, trial: dict[str, Any]) -> tuple[bytes | None, list[bytes]]:
        paths = [*trial["audio"], *([trial["face"]] if trial["face"] else [])]
        found = await asyncio.gather(*(self._bytes(path) for path in paths))
        n = len(trial["audio"])
        return (found[n] if trial["face"] else None), list(found[:n])

    def _answer(
        self, trial: dict[str, Any], face: bytes | None, sounds: list[bytes]
    ) -> dict[str, Any]:
        known = self._catalogue.heard(trial, face, sounds)
        item = next(self._catalogue.shown(trial, face), None)
        told = told_value(trial["instruction"])
        question = self._catalogue.question(trial)
        value = self._panel.answer(self._rater, question, known, item, told, self._rng)
        return {
            "position": trial["position"],
            "value": value,
            "heard": [[[0.0, soundfile.info(io.BytesIO(data)).duration]] for data in sounds],
            "plays": [1] * len(sounds),
            "seconds": float(self._rater.seconds * self._rng.lognormal(0, 0.3)),
            "request": uuid.uuid4().hex,
        }

    async def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        """Once, or twice at the same time as an impatient browser would."""
        if self._rng.random() >= self._habits.twice:
            return await self._post("/answer", body)
        both = await asyncio.gather(self._post("/answer", body), self._post("/answer", body))
        if both[0] != both[1]:
            self.diary.errors.append("an answer sent twice led to two different states")
        return both[0]

    async def _reload(self, trial: dict[str, Any]) -> None:
        """Another tab takes over: the trial is the same, and the old tab may answer no more."""
        old, self._tab = self._tab, uuid.uuid4().hex
        state = await self._get("/state")
        if state["trial"] != trial:
            self.diary.errors.append("after a reload another trial was shown")
        n = len(trial["audio"])
        late = {"position": trial["position"], "value": "1", "heard": [[[0, 1e3]]] * n}
        late |= {"plays": [1] * n, "seconds": 1.0, "request": uuid.uuid4().hex}
        headers = self._headers() | {"X-Tab": old}
        answer = await self._client.post(f"{API}/answer", json=late, headers=headers)
        if answer.status_code not in (409, 422):
            self.diary.errors.append(f"an old tab could answer: {answer.status_code}")

    async def _get(self, path: str) -> dict[str, Any]:
        return self._json(await self._client.get(f"{API}{path}", headers=self._headers()))

    async def _post(self, path: str, body: Any) -> dict[str, Any]:
        headers = self._headers()
        return self._json(await self._client.post(f"{API}{path}", json=body, headers=headers))

    async def _bytes(self, path: str) -> bytes:
        answer = await self._client.get(path, headers=self._headers())
        answer.raise_for_status()
        return answer.content

    def _headers(self) -> dict[str, str]:
        token = self.diary.token
        return {"X-Tab": self._tab} | ({"Authorization": f"Bearer {token}"} if token else {})

    @staticmethod
    def _json(answer: httpx.Response) -> dict[str, Any]:
        if answer.is_error:
            raise ValueError(f"{answer.request.url.path}: {answer.status_code} {answer.text[:200]}")
        found: dict[str, Any] = answer.json()
        return found


def told_value(instruction: str | None) -> str | None:
    """The answer that an attention trial asks for: in quotes, before the label."""
    if instruction is None:
        return None
    quoted = re.search("[“„](.+?)[”“]", instruction)
    if quoted is None:
        raise ValueError(f"no answer is quoted in {instruction!r}")
    return quoted.group(1).split(" – ")[0]


def tone(data: bytes) -> int:
    """Which interval of a Huggins trial holds the tone: the one in which the ears differ."""
    wav, rate = soundfile.read(io.BytesIO(data))  # (T, 2)
    apart = np.abs(wav[:, 0] - wav[:, 1])
    length = round((NOISE + GAP) * rate)
    starts = [round(GAP * rate) + i * length for i in range(INTERVALS)]
    return int(np.argmax([apart[s : s + round(NOISE * rate)].sum() for s in starts]))
