"""The page: every control wired to a step of the visit, every part of the page to what it shows."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from vclip import card
from vclip.errors import VclipError
from vclip.ui import texts
from vclip.ui.map import voicelist
from vclip.ui.page import endpoints, explanation, fragments, studytab
from vclip.ui.page.layout import PageComponents, add_components, choices, note
from vclip.ui.page.speech_events import SpeechController, wire_speech
from vclip.ui.session import VisitorSession
from vclip.ui.speech import takelist
from vclip.ui.speech.takes import SECONDS, TakeStore
from vclip.ui.visit import EXAMPLES, Visit, VisitController

log = logging.getLogger(__name__)
SEARCH: dict[str, Any] = {"concurrency_id": "search", "concurrency_limit": 4}
MESSAGES = ("face_message", "voice_message", "shape_message", "card_message")
SLIDERS = ("moves", "share")
# what a step may change, by the names of PageComponents
SHAPED = ("map", "voices", "bank", "why", "keep", *MESSAGES)
PICKED = (*SHAPED, *SLIDERS)
CONTROL = ("control", *MESSAGES)
ALL = (
    "face", "words", "whole", "source", "seed", "around", "everywhere", "shuffle", "control",
    *PICKED,
)  # fmt: skip
SPEECH_PARTS = ("player", "takes", "compare", "speech_message")
ARRIVED = """() => {
  document.documentElement.lang = document.querySelector('header[lang]').lang;
  document.documentElement.dataset.ready = ''; // for tests and measurements
}"""


def build(
    controller: VisitController, takes: TakeStore, stage: bool = False, study: bool = False
) -> gr.Blocks:
    """The whole app for one model; hand it to `serve`.

    stage: begin with an example, show keys. study: show the listening test in a tab.
    """
    page: gr.Blocks
    with gr.Blocks(title=texts.ENGLISH.title, analytics_enabled=False, fill_width=True) as page:
        head = gr.HTML(fragments.head(texts.ENGLISH))
        if controller.model.zero_shot:
            note("zero_shot", elem_id="zero-shot")
        with studytab.beside(study):
            parts = add_components(controller, _remember(takes))
        if stage:
            note("caution", elem_id="stage-caution")
            note("keys", elem_id="keys")
        note("privacy")
        _wire(controller, parts)
        _wire_clicks(controller, parts)
        speech = wire_speech(SpeechController(controller, takes), parts)
        _wire_forget(controller, takes, parts, speech)
        _wire_load(page, controller, parts, head, stage)
        endpoints.add(controller.model)
    page.state_session_capacity = 200  # visits remembered at once, a few MB each
    page.queue(max_size=32)
    return page


def _remember(takes: TakeStore) -> gr.State:
    """Each visitor's session; an hour after the last event it is gone, with its sound."""
    return gr.State(
        VisitorSession(),
        time_to_live=SECONDS,
        delete_callback=lambda session: takes.drop(session.tokens),
    )


def show(controller: VisitController, visit: Visit, names: Sequence[str] = ALL) -> dict[str, Any]:
    """What these parts of the page are to show of a visit."""
    said = visit.texts
    picked = visit.picked
    makers: dict[str, Callable[[], Any]] = {
        "whole": lambda: gr.update(visible=visit.faceless is not None),
        "face": lambda: _face(visit),
        "words": lambda: visit.words,
        "source": lambda: visit.source,
        "seed": lambda: visit.seed,
        "around": lambda: fragments.around(said, visit.around),
        "everywhere": lambda: gr.update(visible=visit.around is not None),
        "map": lambda: controller.draw(visit),
        "voices": lambda: voicelist.draw(said, controller.offered(visit), picked),
        "bank": lambda: _bank(controller, visit),
        "why": lambda: explanation.draw(
            said, picked, controller.why(visit), controller.model.worth
        ),
        "shuffle": lambda: gr.update(
            interactive=visit.seen is not None and controller.model.n_faces > 0
        ),
        "control": lambda: explanation.control(
            said, controller.control(visit), visit.other, controller.model.n_faces
        ),
        "keep": lambda: fragments.card_link(
            said, picked, card.voice_card(controller.model, picked) if picked else None
        ),
        "moves": lambda: [0.0] * 4,
        "share": lambda: 0.5,
        "face_message": lambda: fragments.message(visit.message),
    }
    empty: Callable[[], Any] = lambda: ""  # noqa: E731
    return {name: makers.get(name, empty)() for name in names}


def _face(visit: Visit) -> str:
    if visit.words:
        return fragments.words(visit.texts, visit.words)
    return fragments.face_panel(visit.texts, visit.photo, visit.seen)


def _bank(controller: VisitController, visit: Visit) -> Any:
    picked = visit.picked
    return gr.update(
        choices=choices(visit.texts, controller.everyone(visit)),
        value=picked.speaker_id if picked and picked.source == "bank" else None,
    )


def components(parts: PageComponents, names: Sequence[str]) -> list[Any]:
    """The components behind these names; `moves` are several."""
    found: list[Any] = []
    for name in names:
        part = getattr(parts, name)
        found += part if isinstance(part, list) else [part]
    return found


def values(shown: dict[str, Any]) -> list[Any]:
    """The same for what they are to show."""
    found: list[Any] = []
    for value in shown.values():
        found += value if isinstance(value, list) else [value]
    return found


def guarded(
    controller: VisitController, step: Callable[..., Visit], names: Sequence[str], message: str
) -> Callable[..., list[Any]]:
    """A step as Gradio calls it: an error becomes a message in its place and all else stays.

    Returns the session, which keeps it alive, and what the named parts are to show.
    """

    def run(session: VisitorSession, *inputs: Any) -> list[Any]:
        with session.lock:
            try:
                visit = step(session.visit, *inputs)
                shown = values(show(controller, visit, names))
                session.visit = replace(visit, message="")
                return [session, *shown]
            except VclipError as error:
                told = str(error)
            except Exception:
                log.exception("a step failed")
                told = session.visit.texts.failed
        kept: dict[str, Any] = {n: [gr.skip()] * 4 if n == "moves" else gr.skip() for n in names}
        return [session, *values(kept | {message: fragments.message(told)})]

    return run


def _wire(controller: VisitController, parts: PageComponents) -> None:
    def on(
        trigger: Any,
        step: Callable[..., Visit],
        *inputs: Any,
        names: Sequence[str] = ALL,
        message: str = "voice_message",
        **extra: Any,
    ) -> Any:
        """A control, a step of the visit, and what the step needs beside the visit."""
        return trigger(
            guarded(controller, step, names, message),
            [parts.session, *inputs],
            [parts.session, *components(parts, names)],
            show_progress_on=[parts.map],
            api_visibility="private",
            **(SEARCH | extra),
        )

    def reset(component: Any) -> dict[str, Any]:
        """Empty an upload at once: nothing to see or to fetch, and the next one can come."""
        return {"fn": lambda: None, "outputs": component, "api_visibility": "private"}

    def snapshot(visit: Visit, path: str | None) -> Visit:
        return controller.bring(visit, Path(path).read_bytes()) if path else visit

    face: dict[str, Any] = {"message": "face_message"}
    on(parts.upload.upload, controller.bring, parts.upload, **face).then(**reset(parts.upload))
    on(parts.camera.input, snapshot, parts.camera, **face).then(**reset(parts.camera))
    on(parts.whole.click, controller.use_whole, **face)
    for trigger in (parts.read.click, parts.words.submit):
        on(trigger, controller.read, parts.words, **face)
    for trigger in (parts.source.input, parts.seed.submit, parts.k.submit):
        on(trigger, controller.search, parts.source, parts.seed, parts.k)
    on(parts.resample.click, controller.resample)
    on(parts.near.click, controller.near, message="shape_message")
    on(parts.everywhere.click, controller.everywhere)
    on(parts.shuffle.click, controller.shuffle, names=CONTROL, show_progress="hidden")
    quiet: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last"}
    on(parts.bank.input, controller.pick, parts.bank, names=PICKED, **quiet)
    on(parts.card.upload, controller.open_card, parts.card, names=PICKED, message="card_message")
    shape: dict[str, Any] = quiet | {"message": "shape_message"}
    for move in parts.moves:
        on(move.input, controller.move, *parts.moves, names=SHAPED, **shape)
    blended = (*SHAPED, "moves")
    for control in (parts.partner.input, parts.share.input):
        on(control, controller.blend, parts.partner, parts.share, names=blended, **shape)


def _wire_clicks(controller: VisitController, parts: PageComponents) -> None:
    """Clicks inside HTML arrive as events of their own; what they carry is not to be trusted."""

    def on(
        trigger: Any, step: Callable[..., Visit], *keys: str, names: Sequence[str], **extra: Any
    ) -> None:
        run = guarded(controller, step, names, extra.pop("message", "voice_message"))

        def handle(session: VisitorSession, event: gr.EventData) -> list[Any]:
            return run(session, *(getattr(event, key, None) for key in keys))

        trigger(
            handle,
            parts.session,
            [parts.session, *components(parts, names)],
            api_visibility="private",
            show_progress_on=[parts.map],
            **(SEARCH | extra),
        )

    # not "always_last": Gradio 6.31 would repeat the data of the first event, not the last
    quiet: dict[str, Any] = {"names": PICKED, "show_progress": "hidden", "trigger_mode": "multiple"}
    for component in (parts.map, parts.voices, parts.compare, parts.why, parts.control):
        on(component.pick, controller.pick, "id", **quiet)
    on(parts.map.spot, controller.pick_at, "x", "y", **quiet)
    on(parts.face.face, controller.choose_face, "index", names=ALL, message="face_message")
    on(parts.examples.example, controller.example, "index", names=ALL, message="face_message")


def _wire_forget(
    controller: VisitController, takes: TakeStore, parts: PageComponents, speech: Sequence[Any]
) -> None:
    def forget(session: VisitorSession) -> list[Any]:
        """Face, voices and speech of this visitor, here and on the server."""
        with session.lock:
            takes.drop(session.tokens)
            session.forget()
            return [session, *values(show(controller, session.visit) | _silence(session.visit))]

    parts.forget.click(
        forget,
        parts.session,
        [parts.session, *components(parts, (*ALL, *SPEECH_PARTS))],
        cancels=list(speech),
        show_progress="hidden",
        api_visibility="private",
        **SEARCH,
    )


def _silence(visit: Visit) -> dict[str, Any]:
    """No speech yet."""
    return {
        "player": takelist.player(visit.texts, None),
        "takes": takelist.history(visit.texts, []),
        "compare": takelist.compare(visit.texts, []),
        "speech_message": "",
    }


def _wire_load(
    page: gr.Blocks, controller: VisitController, parts: PageComponents, head: gr.HTML, stage: bool
) -> None:
    """On arrival: everything in the visitor's language, on a stage with an example at hand."""

    def begin(visit: Visit, language: str) -> Visit:
        visit = replace(visit, language=language)
        return controller.example(visit, 0) if stage and visit.photo is None else visit

    def arrive(session: VisitorSession, request: gr.Request) -> list[Any]:
        said = texts.of(request.headers.get("accept-language"))
        shown = guarded(controller, begin, ALL, "face_message")(session, said.language)
        count = fragments.count(said, said.text)
        around = [fragments.head(said), fragments.example_strip(said, EXAMPLES), count]
        return [*shown, *_silence(session.visit).values(), *around]

    outputs = [parts.session, *components(parts, (*ALL, *SPEECH_PARTS))]
    hidden: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    page.load(arrive, parts.session, [*outputs, head, parts.examples, parts.count], **hidden).then(
        None, js=ARRIVED, **hidden
    )
