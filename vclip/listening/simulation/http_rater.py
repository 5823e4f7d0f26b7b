"""HTTP client of a simulated rater: one whole session over the real interface.

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
    # s from sending an answer to the next trial; … and all of its sounds and its face
    to_trial: list[float] = field(default_factory=list)
    to_sound: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    total: int = 0


class HttpRater:
    """One rater of a panel; run it once."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        index: StimulusIndex,
        panel: RaterPanel,
        rater: SimulatedRater,
        rng: np.random.Generator,
        behaviour: RaterBehaviour,
    ) -> None:
        self._client, self._index, self._panel = client, index, panel
        self._rater, self._rng, self._behaviour = rater, rng, behaviour
        self._client.headers["X-Tab"] = uuid.uuid4().hex
        self._sent = 0.0
        self.log = SessionLog(rater.kind)

    async def run(self) -> SessionLog:
        """Run the session from consent to the completion code; errors end it and are logged."""
        try:
            enrolled = await self._post("/enrol", {"agree": True})
            self.log.token = enrolled["token"]
            self._client.headers["Authorization"] = f"Bearer {self.log.token}"
            state = await self._get("/state")
            while state["step"] not in ("done", "refused"):
                state = await self._take(state)
            self.log.step, self.log.total = state["step"], state["total"]
            if state["step"] == "done" and not state["code"]:
                self.log.errors.append("done without a completion code")
        except (httpx.HTTPError, LookupError, ValueError) as error:
            self.log.errors.append(f"{type(error).__name__}: {error}")
        return self.log

    async def _take(self, state: dict[str, Any]) -> dict[str, Any]:
        """One step; the state after it."""
        step, result = state["step"], None
        if step not in ("headphones", "volume", "break"):
            return await self._trial(state["trial"])
        if step == "headphones":
            result = [tone(await self._bytes(f"{API}/headphones/{n}")) for n in range(TRIALS)]
        elif step == "volume":
            await self._bytes(f"{API}/volume")
        return await self._post("/step", {"step": step, "result": result})

    async def _trial(self, trial: dict[str, Any]) -> dict[str, Any]:
        face, sounds = await self._load(trial)
        if self.log.to_trial and len(self.log.to_sound) < len(self.log.to_trial):
            self.log.to_sound.append(time.perf_counter() - self._sent)
        await asyncio.sleep(self._rng.exponential(self._behaviour.think))
        if self._rng.random() < self._behaviour.reload:
            await self._reload(trial)
        body = self._answer(trial, face, sounds)
        at = trial["position"]
        await self._post("/events", [{"kind": "play", "position": at, "at": body["seconds"]}])
        self._sent = time.perf_counter()
        state = await self._send(body)
        self.log.answers[at] = body["value"]
        if state["trial"]:
            self.log.to_trial.append(time.perf_counter() - self._sent)
        return state

    async def _load(self, trial: dict[str, Any]) -> tuple[bytes | None, list[bytes]]:
        paths = [trial["face"], *trial["audio"]] if trial["face"] else trial["audio"]
        found = await asyncio.gather(*map(self._bytes, paths))
        return (found[0], found[1:]) if trial["face"] else (None, found)

    def _answer(
        self, trial: dict[str, Any], face: bytes | None, sounds: list[bytes]
    ) -> dict[str, Any]:
        known = self._index.heard(trial, face, sounds)
        item = next(self._index.shown(trial, face), None)
        told, question = told_value(trial["instruction"]), self._index.question(trial)
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
        if self._rng.random() >= self._behaviour.twice:
            return await self._post("/answer", body)
        both = await asyncio.gather(self._post("/answer", body), self._post("/answer", body))
        if both[0] != both[1]:
            self.log.errors.append("an answer sent twice led to two different states")
        return both[0]

    async def _reload(self, trial: dict[str, Any]) -> None:
        """Another tab takes over: the trial is the same, and the old tab may answer no more."""
        old, self._client.headers["X-Tab"] = self._client.headers["X-Tab"], uuid.uuid4().hex
        state = await self._get("/state")
        if state["trial"] != trial:
            self.log.errors.append("after a reload another trial was shown")
        n = len(trial["audio"])
        late = {"position": trial["position"], "value": "1", "heard": [[[0, 1e3]]] * n}
        late |= {"plays": [1] * n, "seconds": 1.0, "request": uuid.uuid4().hex}
        answer = await self._client.post(f"{API}/answer", json=late, headers={"X-Tab": old})
        if answer.status_code not in (409, 422):
            self.log.errors.append(f"an old tab could answer: {answer.status_code}")

    async def _get(self, path: str) -> dict[str, Any]:
        return _json(await self._client.get(f"{API}{path}"))

    async def _post(self, path: str, body: Any) -> dict[str, Any]:
        return _json(await self._client.post(f"{API}{path}", json=body))

    async def _bytes(self, path: str) -> bytes:
        return (await self._client.get(path)).raise_for_status().content


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
