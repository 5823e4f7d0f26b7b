"""Event listeners of speech: one voice, heard as it is spoken, or all of the list in turn."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import gradio as gr

from vclip import audio, card
from vclip.errors import InputError, SpeakerError
from vclip.pipeline import LUFS
from vclip.speakers.candidates import Candidate
from vclip.speech.narrator import master
from vclip.speech.synthesizer import Speech, join
from vclip.ui.page import fragments
from vclip.ui.page.layout import PageComponents
from vclip.ui.session import VisitorSession
from vclip.ui.speech import take_list
from vclip.ui.speech.take_list import TakeEntry
from vclip.ui.speech.takes import SpeechTake, TakeStore
from vclip.ui.visit import VisitController

REMEMBERED = 20  # takes of a visit
EVERY = 0.25  # seconds between yields, where Gradio can leave a visitor; one costs milliseconds
KIND = audio.FORMATS[0]  # of the file that a card describes
Pieces = Iterator[tuple[float, Speech]]


class SpeechRequest(NamedTuple):
    """Arguments of Speak: text, seed, rate, pause."""

    text: str
    seed: int
    rate: float
    pause: float  # seconds


class SpeechController:
    """Speak and Compare as generators: closing one stops its work and drops its sound."""

    def __init__(self, controller: VisitController, takes: TakeStore) -> None:
        self.controller, self.takes = controller, takes
        self.model = controller.model

    def speak(self, session: VisitorSession, request: SpeechRequest) -> Iterator[tuple[Any, Any]]:
        """Updates of the player and of the list of takes; the first one starts the sound."""
        visit, epoch = session.snapshot()
        if (voice := visit.picked) is None:
            raise SpeakerError(visit.texts.no_voice)
        said: list[Speech] = []
        live = self.model.normalize_stream(tap(self.controller.speak(voice, *request), said), voice)
        is_current = session.begin("speak", epoch)
        take = self.takes.start(self.model.sample_rate)
        try:
            yield take_list.player(visit.texts, take), gr.skip()
            for piece in takewhile(lambda _: is_current(), paced(live)):
                if piece is None:
                    yield gr.skip(), gr.skip()
                else:
                    take.feed(piece)
            if is_current():
                self._finish(take, voice, request, said)
        except BaseException:  # also when the visitor stops it or leaves
            self.takes.drop([take.token])
            raise
        text, seconds = request.text.strip(), take.seconds
        entry = TakeEntry(take.token, voice.speaker_id, text, seconds, request.seed)
        if self._keep(session, is_current, spoken=[entry]):
            player = take_list.player(visit.texts, take)
            yield player, take_list.history(visit.texts, session.spoken)
        else:
            yield gr.skip(), gr.skip()  # Gradio ends with the last update once more

    def compare(self, session: VisitorSession, request: SpeechRequest) -> Iterator[tuple[Any]]:
        """Updates of the rows: every voice of the list at the same loudness."""
        visit, epoch = session.snapshot()
        if not (voices := self.controller.listed(visit)):
            raise InputError(visit.texts.no_voices)
        first = self.controller.speak(voices[0], *request)  # complains before anything is dropped
        is_current = session.begin("compare", epoch)
        rows: list[tuple[Candidate, SpeechTake | None]] = [(voice, None) for voice in voices]
        self._keep(session, is_current, compared=[])
        yield (take_list.compare(visit.texts, rows),)
        for i, voice in enumerate(voices):
            said: list[Speech] = []
            pieces = self.controller.speak(voice, *request) if i else first
            for piece in takewhile(lambda _: is_current(), paced(tap(pieces, said))):
                if piece is None:
                    yield (gr.skip(),)
            if not is_current():
                break
            take = self.takes.start(self.model.sample_rate)
            self._finish(take, voice, request, said)
            rows[i] = (voice, take)
            done = [take.token for _, take in rows if take]
            if not self._keep(session, is_current, compared=done):
                break
            yield (take_list.compare(visit.texts, rows),)
        else:
            return
        yield (gr.skip(),)

    def _keep(
        self,
        session: VisitorSession,
        is_current: Callable[[], bool],
        spoken: Sequence[TakeEntry] = (),
        compared: Sequence[str] | None = None,
    ) -> bool:
        """Whether the session has these takes now; what it has not, or not any more, is dropped.

        compared: tokens of all takes of this comparison so far.
        """
        new = [*(entry.token for entry in spoken), *(compared or ())]
        with session.lock:
            old = session.tokens
            if current := is_current():
                session.spoken = (*spoken, *session.spoken)[:REMEMBERED]
                if compared is not None:
                    session.compared = tuple(new)
            self.takes.drop({*old, *new} - set(session.tokens))
        return current

    def _finish(
        self, take: SpeechTake, voice: Candidate, request: SpeechRequest, said: Sequence[Speech]
    ) -> None:
        speech = master(join(said), LUFS)
        take.finish(speech, card.speech_card(self.model, voice, *request, LUFS, KIND, speech))


def tap(pieces: Pieces, said: list[Speech]) -> Pieces:
    """Pass pieces on unchanged, appending each to `said`."""
    for share, piece in pieces:
        said.append(piece)
        yield share, piece


def paced(pieces: Iterable[tuple[float, Speech]]) -> Iterator[Speech | None]:
    """Speech of these pieces, with None a few times a second so that Gradio can cancel."""
    last = time.monotonic()
    for _, piece in pieces:
        yield piece
        if time.monotonic() - last >= EVERY:
            yield None
            last = time.monotonic()


def add_speech_events(controller: SpeechController, page: PageComponents) -> list[Any]:
    """Speak, Stop, Compare; returns the events that speak."""

    def guarded(steps: Callable[..., Iterator[tuple[Any, ...]]], n: int) -> Callable[..., Any]:
        """A generator of updates of n components as Gradio calls it: session, they, message."""

        def run(
            session: VisitorSession, text: str | None, rate: float, pause: float, seed: int | None
        ) -> Iterator[tuple[Any, ...]]:
            texts = session.visit.texts
            try:
                if seed is None:
                    raise InputError(texts.no_number)
                for update in steps(session, SpeechRequest(text or "", seed, rate, pause)):
                    yield session, *update, ""
            except Exception as error:
                yield session, *[gr.skip()] * n, fragments.message(texts.failure(error))

        return run

    def on(triggers: list[Any], steps: Any, outputs: list[Any]) -> Any:
        return gr.on(
            triggers,
            guarded(steps, len(outputs)),
            [page.session, page.text, page.rate, page.pause, page.speech_seed],
            [page.session, *outputs, page.speech_message],
            show_progress_on=outputs[:1],
            api_visibility="private",
            concurrency_id="speech",
            concurrency_limit=2,
            trigger_mode="multiple",  # who asks again wants the new text, not the one being spoken
        )

    speak = on([page.speak.click, page.text.submit], controller.speak, [page.player, page.takes])
    compare = on([page.compare_run.click], controller.compare, [page.compare])
    stops = [page.stop.click, page.compare_stop.click]
    gr.on(stops, None, cancels=[speak, compare], api_visibility="private")
    return [speak, compare]
