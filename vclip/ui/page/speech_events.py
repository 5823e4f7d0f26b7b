"""Speaking on the page: one voice, heard as it is spoken, or all of the list one after another."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

import gradio as gr

from vclip import audio, card
from vclip.errors import InputError, SpeakerError, VclipError
from vclip.pipeline import LUFS, Candidate
from vclip.speech.narrator import master
from vclip.speech.synthesizer import Speech, join
from vclip.ui.page import fragments
from vclip.ui.page.layout import PageComponents
from vclip.ui.session import VisitorSession
from vclip.ui.speech import takelist
from vclip.ui.speech.takes import SpeechTake, TakeStore
from vclip.ui.visit import VisitController

log = logging.getLogger(__name__)
SPEECH: dict[str, Any] = {
    "concurrency_id": "speech",
    "concurrency_limit": 2,
    "trigger_mode": "multiple",  # who asks again wants the new text, not the one being spoken
}
REMEMBERED = 20  # takes of a visit
EVERY = 0.25  # seconds between yields, where Gradio can leave a visitor; one costs milliseconds
KIND = audio.FORMATS[0]  # of the file that a card describes


class SpeechRequest(NamedTuple):
    """What is to be said, and how."""

    text: str
    rate: float
    pause: float
    seed: int


class SpeechController:
    """What Speak and Compare do, as generators: closing one stops its work and drops its sound."""

    def __init__(self, controller: VisitController, takes: TakeStore) -> None:
        self.controller, self.takes = controller, takes
        self.model = controller.model

    def utter(self, session: VisitorSession, request: SpeechRequest) -> Iterator[tuple[Any, Any]]:
        """Updates of the player and of the list of takes; the first one starts the sound."""
        visit, epoch = session.look()
        if (voice := visit.picked) is None:
            raise SpeakerError(visit.texts.no_voice)
        said: list[Speech] = []
        live = self.model.live(tap(self._recite(voice, request), said), voice)
        current = session.begin("speak", epoch)
        take = self.takes.start(self.model.sample_rate)
        try:
            yield takelist.player(visit.texts, take), gr.skip()
            for piece in takewhile(lambda _: current(), paced(piece for _, piece in live)):
                if piece is None:
                    yield gr.skip(), gr.skip()
                else:
                    take.feed(piece)
            seconds = self._finish(take, voice, request, said).seconds if current() else 0.0
        except BaseException:  # also when the visitor stops it or leaves
            self.takes.drop([take.token])
            raise
        text, seed = request.text.strip(), request.seed
        entry = takelist.TakeEntry(take.token, voice.speaker_id, text, seconds, seed)
        if self._remember(session, current, entry):
            yield takelist.player(visit.texts, take), takelist.history(visit.texts, session.spoken)
        else:
            yield gr.skip(), gr.skip()  # Gradio ends with the last update once more

    def _remember(
        self, session: VisitorSession, current: Callable[[], bool], entry: takelist.TakeEntry
    ) -> bool:
        """Whether the session has this take now; one that is not wished for any more is dropped."""
        with session.lock:
            if not current():
                self.takes.drop([entry.token])
                return False
            self.takes.drop([one.token for one in session.spoken[REMEMBERED - 1 :]])
            session.spoken = (entry, *session.spoken)[:REMEMBERED]
        return True

    def compare(self, session: VisitorSession, request: SpeechRequest) -> Iterator[tuple[Any]]:
        """Updates of the rows: every voice of the list at the same loudness."""
        visit, epoch = session.look()
        if not (voices := self.controller.offered(visit)):
            raise InputError(visit.texts.no_voices)
        begun = self._recite(voices[0], request)  # complains before anything is dropped
        current = session.begin("compare", epoch)
        rows: list[tuple[Candidate, SpeechTake | None]] = [(voice, None) for voice in voices]
        self._replace_compared(session, current, [])
        yield (takelist.compare(visit.texts, rows),)
        for i, voice in enumerate(voices):
            said: list[Speech] = []
            pieces = begun if i == 0 else self._recite(voice, request)
            for piece in takewhile(lambda _: current(), paced(speech for _, speech in pieces)):
                if piece is None:
                    yield (gr.skip(),)
                else:
                    said.append(piece)
            if not current():
                break
            take = self.takes.start(self.model.sample_rate)
            self._finish(take, voice, request, said)
            rows[i] = (voice, take)
            if not self._replace_compared(session, current, [take for _, take in rows if take]):
                break
            yield (takelist.compare(visit.texts, rows),)
        else:
            return
        yield (gr.skip(),)

    def _replace_compared(
        self, session: VisitorSession, current: Callable[[], bool], takes: Sequence[SpeechTake]
    ) -> bool:
        """Whether the session has these now; those that nobody wishes for any more are dropped."""
        tokens = tuple(take.token for take in takes)
        with session.lock:
            if not current():
                self.takes.drop(tokens)
                return False
            self.takes.drop(set(session.compared) - set(tokens))
            session.compared = tokens
        return True

    def _recite(self, voice: Candidate, request: SpeechRequest) -> Iterator[tuple[float, Speech]]:
        text, rate, pause, seed = request
        return self.controller.speak(voice, text, seed, rate, pause)

    def _finish(
        self, take: SpeechTake, voice: Candidate, request: SpeechRequest, said: Sequence[Speech]
    ) -> Speech:
        speech = master(join(said), LUFS)
        text, rate, pause, seed = request
        sidecar = card.speech_card(self.model, voice, text, seed, rate, pause, LUFS, KIND, speech)
        take.finish(speech, sidecar)
        return speech


def tap(
    pieces: Iterator[tuple[float, Speech]], said: list[Speech]
) -> Iterator[tuple[float, Speech]]:
    """The same pieces, each remembered on its way."""
    for share, piece in pieces:
        said.append(piece)
        yield share, piece


def paced(pieces: Iterator[Speech]) -> Iterator[Speech | None]:
    """The same pieces with a None a few times a second: a place to stop at."""
    last = time.monotonic()
    for piece in pieces:
        yield piece
        if time.monotonic() - last >= EVERY:
            yield None
            last = time.monotonic()


def wire_speech(speaker: SpeechController, parts: PageComponents) -> list[Any]:
    """Speak, Stop, Compare; returns the events that speak."""

    def guarded(steps: Callable[..., Iterator[tuple[Any, ...]]], n: int) -> Callable[..., Any]:
        """A generator of updates of n parts as Gradio calls it: session, parts, message."""

        def run(
            session: VisitorSession, text: str | None, rate: float, pause: float, seed: int | None
        ) -> Iterator[tuple[Any, ...]]:
            said = session.visit.texts
            try:
                if seed is None:
                    raise InputError(said.no_number)
                for update in steps(session, SpeechRequest(text or "", rate, pause, seed)):
                    yield session, *update, ""
            except VclipError as error:
                yield session, *[gr.skip()] * n, fragments.message(str(error))
            except Exception:
                log.exception("speaking failed")
                yield session, *[gr.skip()] * n, fragments.message(said.failed)

        return run

    inputs = [parts.session, parts.text, parts.rate, parts.pause, parts.speech_seed]
    speak = gr.on(
        [parts.speak.click, parts.text.submit],
        guarded(speaker.utter, 2),
        inputs,
        [parts.session, parts.player, parts.takes, parts.speech_message],
        show_progress_on=[parts.player],
        api_visibility="private",
        **SPEECH,
    )
    compare = parts.compare_run.click(
        guarded(speaker.compare, 1),
        inputs,
        [parts.session, parts.compare, parts.speech_message],
        show_progress_on=[parts.compare],
        api_visibility="private",
        **SPEECH,
    )
    stops = [parts.stop.click, parts.compare_stop.click]
    gr.on(stops, None, cancels=[speak, compare], api_visibility="private")
    return [speak, compare]
