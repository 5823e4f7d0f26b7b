"""The layout: face, voices and speech side by side, what can be done with a voice below them."""

import contextlib
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, get_args

import gradio as gr

from vclip.limits import Source
from vclip.pipeline import PAUSE
from vclip.speakers.candidates import Candidate
from vclip.speakers.voice_id import DIRECTIONS, MAX_MOVE
from vclip.speech.narrator import MAX_PAUSE
from vclip.speech.synthesizer import MAX_RATE, MIN_RATE
from vclip.ui.page import explanation, fragments
from vclip.ui.page.theme import ASSETS
from vclip.ui.speech import take_list
from vclip.ui.texts import ENGLISH, Texts, static
from vclip.ui.visit import EXAMPLES, K, Visit, VisitController

CLICKS, VOICES = ((ASSETS / name).read_text() for name in ("clicks.js", "voices.js"))
MOVES = tuple(f"move_{n}" for n in range(1, DIRECTIONS + 1))
# Nothing of the study is loaded before its tab is opened
STUDY = (
    '<p class="note"><a href="/study" target="_blank" rel="noopener">{open}</a></p>'
    '<iframe src="/study" title="{title}" loading="lazy" allow="clipboard-write"></iframe>'
)


class PageComponents(SimpleNamespace):
    """The Gradio components that steps of a visit read or write; each is set where it is built."""

    def several(self, names: Sequence[str]) -> list[Any]:
        """The components of these names."""
        return [getattr(self, name) for name in names]


@contextlib.contextmanager
def beside_study(has_study: bool) -> Iterator[None]:
    """Context: the app is a tab beside the listening test, or without one the page itself.

    The test is a page of its own, shown in a frame.
    """
    if not has_study:
        yield
        return
    with gr.Tabs(elem_id="sides"):
        with gr.Tab(static("tab_demo")):
            yield
        with gr.Tab(static("tab_study")):
            frame = STUDY.format(open=static("study_open"), title=static("tab_study"))
            gr.HTML(frame, elem_id="study")


def add_components(controller: VisitController, session: gr.State) -> PageComponents:
    """All of the page below its head, inside the Blocks that is being built."""
    page = PageComponents()
    page.session = session
    bank = choices(ENGLISH, controller.ranked_bank(Visit()))
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=3, min_width=280):
            _add_face(page, controller.model.zero_shot)
        with gr.Column(scale=6, min_width=320):
            _add_map(page, controller.draw_map(Visit()))
            with gr.Column(elem_id="reasons"):
                _add_explanation(page)
        with gr.Column(scale=4, min_width=300):
            _add_voices(page, bank)
            _add_speech(page)
    with gr.Row(elem_id="more", equal_height=False):
        with gr.Column(scale=9, min_width=320):
            _add_shaping(page, bank)
        with gr.Column(scale=4, min_width=260):
            _add_voice_card(page)
    return page


def choices(texts: Texts, voices: Sequence[Candidate]) -> list[tuple[str, str | int | float]]:
    """Voices for a dropdown: what is shown and the id behind it."""
    return [(texts.voice(voice), voice.speaker_id) for voice in voices]


def note(name: str, **options: Any) -> gr.HTML:
    """A line of static text in small type."""
    return gr.HTML(f'<p class="note">{static(name)}</p>', **options)


def _heading(number: int | None, title: str) -> None:
    mark = f'<i aria-hidden="true">{number}</i>' if number else ""
    gr.HTML(f"<h2>{mark}{static(title)}</h2>")


def _message(name: str) -> gr.HTML:
    return gr.HTML("", elem_id=f"{name}-message", elem_classes="messages")


def _slider(name: str, least: float, most: float, value: float, step: float, width: int) -> Any:
    return gr.Slider(least, most, value, step=step, label=static(name), buttons=[], min_width=width)


def _add_face(page: PageComponents, zero_shot: bool) -> None:
    _heading(1, "step_face")
    with gr.Tabs():
        with gr.Tab(static("upload")):
            page.upload = gr.File(
                type="binary",
                file_types=["image", ".heic", ".heif"],  # Linux knows no media type for HEIC
                label=static("upload_label"),
                show_label=False,
                height=126,
                elem_id="upload",
            )
            note("upload_note")
        with gr.Tab(static("camera")):
            page.camera = gr.Image(
                type="filepath",
                image_mode=None,  # the file as it came, not decoded and saved again
                sources=["webcam"],
                show_label=False,
                height=240,
                elem_id="camera",
            )
            note("camera_note")
            denied = f'<p class="message" role="alert">{static("camera_denied")}</p>'
            gr.HTML(denied, elem_id="camera-denied")
        with gr.Tab(static("words"), visible=zero_shot):
            page.words = gr.Textbox(label=static("words_label"), max_length=300, elem_id="words")
            page.read = gr.Button(static("read"), size="sm", elem_id="read")
    page.face_message = _message("face")
    page.whole = gr.Button(
        static("whole"), visible=False, variant="primary", size="sm", elem_id="whole"
    )
    face = fragments.face_panel(ENGLISH, None, None)
    page.face = gr.HTML(face, js_on_load=CLICKS, elem_id="face")
    strip = fragments.example_strip(ENGLISH, EXAMPLES)
    page.examples = gr.HTML(strip, js_on_load=CLICKS, elem_id="examples")
    page.forget = gr.Button(static("forget"), size="sm", elem_id="forget")


def _add_map(page: PageComponents, drawn: str) -> None:
    _heading(2, "step_voice")
    sources: list[tuple[Any, str]] = [(static(f"source_{name}"), name) for name in get_args(Source)]
    with gr.Row(elem_id="controls", equal_height=True):
        page.source = gr.Radio(
            sources, value="both", label=static("source_label"), elem_id="source", scale=4
        )
        # no minimum, no maximum: Gradio would complain of others in its words, with a stack trace
        number: dict[str, Any] = {"precision": 0, "min_width": 80, "scale": 1}
        page.k = gr.Number(K, label=static("k"), elem_id="k", **number)
        page.seed = gr.Number(0, label=static("seed"), elem_id="seed", **number)
        page.resample = gr.Button(static("resample"), elem_id="resample", min_width=110, scale=1)
    page.voice_message = _message("voice")
    with gr.Row(elem_id="around", equal_height=True):
        page.around = gr.HTML("", elem_id="around-note")
        page.everywhere = gr.Button(
            static("everywhere"), visible=False, size="sm", elem_id="everywhere", min_width=140
        )
    page.map = gr.HTML(drawn, js_on_load=VOICES, elem_id="map")
    note("map_note")


def _add_explanation(page: PageComponents) -> None:
    """Why this voice, and the control with another face."""
    _heading(None, "why")
    empty = explanation.draw(ENGLISH, None, None, {})
    page.why = gr.HTML(empty, js_on_load=CLICKS, elem_id="why")
    page.shuffle = gr.Button(static("control"), size="sm", elem_id="shuffle", interactive=False)
    empty = explanation.control(ENGLISH, None, None, 0)
    page.control = gr.HTML(empty, js_on_load=CLICKS, elem_id="control")


def _add_voices(page: PageComponents, bank: list[tuple[str, str | int | float]]) -> None:
    _heading(3, "step_speech")
    empty = fragments.voice_list(ENGLISH, [], None)
    page.voices = gr.HTML(empty, js_on_load=VOICES, elem_id="voices")
    page.bank = gr.Dropdown(bank, value=None, label=static("bank"), elem_id="bank")


def _add_speech(page: PageComponents) -> None:
    """What is said and how, then one voice that says it or all of the list."""
    page.text = gr.Textbox(
        ENGLISH.text, label=static("text_label"), lines=3, max_lines=6, elem_id="text"
    )
    page.count = gr.HTML(fragments.count(ENGLISH, ENGLISH.text), elem_id="count")
    with gr.Row(elem_id="manner", equal_height=True):
        page.rate = _slider("speed", MIN_RATE, MAX_RATE, 1.0, 0.05, 110)
        page.pause = _slider("pause", 0, MAX_PAUSE, PAUSE, 0.1, 110)
        page.speech_seed = gr.Number(
            0, label=static("speech_seed"), precision=0, min_width=70, elem_id="speech-seed"
        )
    page.speech_message = _message("speech")
    with gr.Tabs(elem_id="ways"):
        with gr.Tab(static("tab_speak")):
            with gr.Row(elem_id="go", equal_height=True):
                page.speak = gr.Button(static("speak"), variant="primary", elem_id="speak", scale=3)
                page.stop = gr.Button(static("stop"), elem_id="stop", scale=1, min_width=80)
            page.player = gr.HTML(take_list.player(ENGLISH, None), elem_id="player")
            page.takes = gr.HTML(take_list.history(ENGLISH, []), elem_id="takes")
        with gr.Tab(static("tab_compare")):
            with gr.Row(equal_height=True):
                page.compare_run = gr.Button(static("compare"), elem_id="compare-run", scale=3)
                page.compare_stop = gr.Button(
                    static("stop"), elem_id="compare-stop", scale=1, min_width=80
                )
            empty = take_list.compare(ENGLISH, [])
            page.compare = gr.HTML(empty, js_on_load=CLICKS, elem_id="compare")


def _add_shaping(page: PageComponents, bank: list[tuple[str, str | int | float]]) -> None:
    """Moving the picked voice, blending it, finding others like it."""
    _heading(None, "shape")
    page.shape_message = _message("shape")
    note("shape_note")
    with gr.Row(elem_id="sliders", equal_height=True):
        for n, move in enumerate(MOVES, start=1):
            setattr(page, move, _slider(f"direction_{n}", -MAX_MOVE, MAX_MOVE, 0, 0.1, 200))
    with gr.Row(elem_id="blend", equal_height=True):
        page.partner = gr.Dropdown(
            bank, value=None, label=static("partner"), elem_id="partner", min_width=130
        )
        page.share = _slider("share", 0, 1, 0.5, 0.05, 130)
        page.near = gr.Button(static("near"), elem_id="near", min_width=140)


def _add_voice_card(page: PageComponents) -> None:
    _heading(None, "keep")
    page.card_message = _message("card")
    page.keep = gr.HTML(fragments.card_link(ENGLISH, None, None), elem_id="keep")
    page.card = gr.UploadButton(
        str(static("card_upload")), file_types=[".json"], type="binary", size="sm", elem_id="card"
    )
    note("keep_note")
