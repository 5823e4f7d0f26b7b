"""Event listeners of the page: a control calls a step of the visit and shows what it changed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from vclip import card
from vclip.ui.page import endpoints, explanation, fragments
from vclip.ui.page.layout import (
    MOVES,
    PageComponents,
    add_components,
    beside_study,
    choices,
    note,
)
from vclip.ui.page.speech_events import SpeechController, add_speech_events
from vclip.ui.session import VisitorSession
from vclip.ui.speech import take_list
from vclip.ui.speech.takes import KEPT_SECONDS, TakeStore
from vclip.ui.texts import ENGLISH, negotiate
from vclip.ui.visit import EXAMPLES, Visit, VisitController

SEARCH: dict[str, Any] = {"concurrency_id": "search", "concurrency_limit": 4}
QUIET: dict[str, Any] = {"show_progress": "hidden"}
MESSAGES = ("face_message", "voice_message", "shape_message", "card_message")
# what a step may change, by the names of PageComponents
SHAPED = ("map", "voices", "bank", "why", "keep", *MESSAGES)
PICKED = (*SHAPED, *MOVES, "share")
CONTROL = ("control", *MESSAGES)
ALL = (
    "face", "words", "whole", "source", "seed", "around", "everywhere", "shuffle", "control",
    *PICKED,
)  # fmt: skip
EVERYTHING = (*ALL, "player", "takes", "compare", "speech_message")
ARRIVED = """() => {
  document.documentElement.lang = document.querySelector('header[lang]').lang;
  document.documentElement.dataset.ready = ''; // for tests and measurements
}"""


def build_page(
    controller: VisitController, takes: TakeStore, stage: bool = False, study: bool = False
) -> gr.Blocks:
    """The whole app for one model; hand it to `build_app`.

    stage: begin with an example, show keys. study: show the listening test in a tab.
    """
    blocks: gr.Blocks
    title = ENGLISH.title
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True) as blocks:
        head = gr.HTML(fragments.head(ENGLISH))
        if controller.model.zero_shot:
            note("zero_shot", elem_id="zero-shot")
        with beside_study(study):
            page = add_components(controller, _remember(takes))
        if stage:
            note("caution", elem_id="stage-caution")
            note("keys", elem_id="keys")
        note("privacy")
        _add_visit_events(controller, page)
        _add_clicks(controller, page)
        speech = add_speech_events(SpeechController(controller, takes), page)
        _add_forget(controller, takes, page, speech)
        _add_arrival(blocks, controller, page, head, stage)
        endpoints.add_endpoints(controller.model)
    blocks.state_session_capacity = 200  # visits remembered at once, a few MB each
    blocks.queue(max_size=32)
    return blocks


def _remember(takes: TakeStore) -> gr.State:
    """Each visitor's session; an hour after the last event it is gone, with its sound."""
    return gr.State(
        VisitorSession(),
        time_to_live=KEPT_SECONDS,
        delete_callback=lambda session: takes.drop(session.tokens),
    )


def show(controller: VisitController, visit: Visit, names: Sequence[str] = ALL) -> dict[str, Any]:
    """Gradio updates of the components of these names for a visit."""
    texts, picked, model = visit.texts, visit.picked, controller.model
    makers: dict[str, Callable[[], Any]] = {
        "whole": lambda: gr.update(visible=visit.faceless is not None),
        "face": lambda: _face(visit),
        "words": lambda: visit.words,
        "source": lambda: visit.source,
        "seed": lambda: visit.seed,
        "around": lambda: fragments.around(texts, visit.around),
        "everywhere": lambda: gr.update(visible=visit.around is not None),
        "map": lambda: controller.draw_map(visit),
        "voices": lambda: fragments.voice_list(texts, controller.listed(visit), picked),
        "bank": lambda: _bank(controller, visit),
        "why": lambda: explanation.draw(
            texts, picked, controller.explain(visit), model.percentile_means
        ),
        "shuffle": lambda: gr.update(interactive=visit.seen is not None and model.n_faces > 0),
        "control": lambda: explanation.control(
            texts, controller.control(visit), visit.other, model.n_faces
        ),
        "keep": lambda: fragments.card_link(
            texts, picked, card.voice_card(model, picked) if picked else None
        ),
        "share": lambda: 0.5,
        "player": lambda: take_list.player(texts, None),  # nothing was spoken yet
        "takes": lambda: take_list.history(texts, []),
        "compare": lambda: take_list.compare(texts, []),
        "face_message": lambda: fragments.message(visit.message),
        **dict.fromkeys(MOVES, lambda: 0.0),
    }
    return {name: makers[name]() if name in makers else "" for name in names}


def _face(visit: Visit) -> str:
    if visit.words:
        return fragments.words(visit.texts, visit.words)
    return fragments.face_panel(visit.texts, visit.photo, visit.seen)


def _bank(controller: VisitController, visit: Visit) -> Any:
    picked = visit.picked
    return gr.update(
        choices=choices(visit.texts, controller.ranked_bank(visit)),
        value=picked.speaker_id if picked and picked.source == "bank" else None,
    )


def guarded(
    controller: VisitController, step: Callable[..., Visit], names: Sequence[str], message: str
) -> Callable[..., list[Any]]:
    """A step as a Gradio callback: an error is shown in its message, all else stays.

    Returns the session, which keeps it alive, and what the named components are to show.
    """

    def run(session: VisitorSession, *inputs: Any) -> list[Any]:
        with session.lock:
            try:
                visit = step(session.visit, *inputs)
                shown = show(controller, visit, names)
                session.visit = replace(visit, message="")
                return [session, *shown.values()]
            except Exception as error:
                told = fragments.message(session.visit.texts.failure(error))
        kept: dict[str, Any] = dict.fromkeys(names, gr.skip())
        return [session, *(kept | {message: told}).values()]

    return run


def _listen(
    controller: VisitController,
    page: PageComponents,
    trigger: Any,
    step: Callable[..., Visit],
    *inputs: Any,
    clicked: Sequence[str] = (),
    names: Sequence[str] = ALL,
    message: str = "voice_message",
    **options: Any,
) -> Any:
    """Let a step answer an event.

    inputs: components whose values the step needs beside the visit. clicked: what it needs of a
    click inside HTML, which arrives as an event of its own and is not to be trusted.
    """
    run = guarded(controller, step, names, message)

    def on_click(session: VisitorSession, event: gr.EventData) -> list[Any]:
        return run(session, *(getattr(event, key, None) for key in clicked))

    return trigger(
        on_click if clicked else run,
        [page.session, *inputs],
        [page.session, *page.several(names)],
        show_progress_on=[page.map],
        api_visibility="private",
        **(SEARCH | options),
    )


def _add_visit_events(controller: VisitController, page: PageComponents) -> None:
    def snapshot(visit: Visit, path: str | None) -> Visit:
        return controller.open_photo(visit, Path(path).read_bytes()) if path else visit

    on = partial(_listen, controller, page)
    face = partial(on, message="face_message")
    for upload, trigger, step in (
        (page.upload, page.upload.upload, controller.open_photo),
        (page.camera, page.camera.input, snapshot),
    ):
        # emptied at once: nothing to see or to fetch, and the next one can come
        read = face(trigger, step, upload)
        read.then(lambda: None, outputs=upload, api_visibility="private")
    face(page.whole.click, controller.use_whole)
    for trigger in (page.read.click, page.words.submit):
        face(trigger, controller.open_description, page.words)
    for trigger in (page.source.input, page.seed.submit, page.k.submit):
        on(trigger, controller.search, page.source, page.seed, page.k)
    on(page.resample.click, controller.resample)
    on(page.near.click, controller.search_near, message="shape_message")
    on(page.everywhere.click, controller.search_everywhere)
    on(page.shuffle.click, controller.shuffle, names=CONTROL, **QUIET)
    last: dict[str, Any] = QUIET | {"trigger_mode": "always_last"}
    on(page.bank.input, controller.pick, page.bank, names=PICKED, **last)
    on(page.card.upload, controller.open_card, page.card, names=PICKED, message="card_message")
    shape = partial(on, message="shape_message", **last)
    moves = page.several(MOVES)
    for move in moves:
        shape(move.input, controller.move, *moves, names=SHAPED)
    for trigger in (page.partner.input, page.share.input):
        shape(trigger, controller.blend, page.partner, page.share, names=(*SHAPED, *MOVES))


def _add_clicks(controller: VisitController, page: PageComponents) -> None:
    on = partial(_listen, controller, page)
    # not "always_last": Gradio 6.31 would repeat the data of the first event, not the last
    pick = partial(on, names=PICKED, trigger_mode="multiple", **QUIET)
    for component in (page.map, page.voices, page.compare, page.why, page.control):
        pick(component.pick, controller.pick, clicked=["id"])
    pick(page.map.spot, controller.pick_at, clicked=["x", "y"])
    face = partial(on, clicked=["index"], message="face_message")
    face(page.face.face, controller.choose_face)
    face(page.examples.example, controller.open_example)


def _add_forget(
    controller: VisitController, takes: TakeStore, page: PageComponents, speech: Sequence[Any]
) -> None:
    def forget(session: VisitorSession) -> list[Any]:
        """Face, voices and speech of this visitor, here and on the server."""
        with session.lock:
            takes.drop(session.tokens)
            session.forget()
            return [session, *show(controller, session.visit, EVERYTHING).values()]

    page.forget.click(
        forget,
        page.session,
        [page.session, *page.several(EVERYTHING)],
        cancels=list(speech),
        api_visibility="private",
        **(SEARCH | QUIET),
    )


def _add_arrival(
    blocks: gr.Blocks, controller: VisitController, page: PageComponents, head: gr.HTML, stage: bool
) -> None:
    """Everything in the visitor's language, on a stage with an example at hand."""

    def begin(visit: Visit, language: str) -> Visit:
        visit = replace(visit, language=language)
        return controller.open_example(visit, 0) if stage and visit.photo is None else visit

    def arrive(session: VisitorSession, request: gr.Request) -> list[Any]:
        texts = negotiate(request.headers.get("accept-language"))
        shown = guarded(controller, begin, EVERYTHING, "face_message")(session, texts.language)
        count = fragments.count(texts, texts.text)
        return [*shown, fragments.head(texts), fragments.example_strip(texts, EXAMPLES), count]

    outputs = [page.session, *page.several(EVERYTHING), head, page.examples, page.count]
    hidden: dict[str, Any] = QUIET | {"api_visibility": "private"}
    blocks.load(arrive, page.session, outputs, **hidden).then(None, js=ARRIVED, **hidden)
