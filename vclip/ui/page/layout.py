"""The layout: face, voices and speech side by side, what can be done with a voice below them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import gradio as gr

from vclip.pipeline import DIRECTIONS, PAUSE, Candidate, Source
from vclip.speakers.voice_id import MOST
from vclip.speech.narrator import MAX_PAUSE
from vclip.speech.synthesizer import MAX_RATE, MIN_RATE
from vclip.ui.map import voicelist
from vclip.ui.page import explanation, fragments
from vclip.ui.speech import takelist
from vclip.ui.texts import ENGLISH, Texts, static
from vclip.ui.visit import EXAMPLES, K, Visit, VisitController

HERE = Path(__file__).parents[1] / "assets"
CLICKS, VOICES = ((HERE / name).read_text() for name in ("clicks.js", "voices.js"))


@dataclass(frozen=True)
class PageComponents:
    """The components that steps read or write."""

    session: gr.State
    upload: gr.File
    camera: gr.Image
    examples: gr.HTML
    face: gr.HTML
    words: gr.Textbox
    read: gr.Button
    face_message: gr.HTML
    whole: gr.Button
    forget: gr.Button
    source: gr.Radio
    seed: gr.Number
    k: gr.Number
    resample: gr.Button
    around: gr.HTML
    everywhere: gr.Button
    map: gr.HTML
    voice_message: gr.HTML
    voices: gr.HTML
    bank: gr.Dropdown
    text: gr.Textbox
    count: gr.HTML
    rate: gr.Slider
    pause: gr.Slider
    speech_seed: gr.Number
    speak: gr.Button
    stop: gr.Button
    speech_message: gr.HTML
    player: gr.HTML
    takes: gr.HTML
    compare_run: gr.Button
    compare_stop: gr.Button
    compare: gr.HTML
    why: gr.HTML
    shuffle: gr.Button
    control: gr.HTML
    shape_message: gr.HTML
    moves: list[gr.Slider]
    partner: gr.Dropdown
    share: gr.Slider
    near: gr.Button
    keep: gr.HTML
    card: gr.UploadButton
    card_message: gr.HTML


def add_components(controller: VisitController, session: gr.State) -> PageComponents:
    """All of the page below its head, inside the Blocks that is being built."""
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=3, min_width=280):
            found = _face_column(controller.model.zero_shot)
        with gr.Column(scale=6, min_width=320):
            found |= _map_column(controller)
            with gr.Column(elem_id="reasons"):
                found |= _why_card()
        with gr.Column(scale=4, min_width=300):
            found |= _speech_column(controller)
    with gr.Row(elem_id="more", equal_height=False):
        with gr.Column(scale=9, min_width=320):
            found |= _shape_card(controller)
        with gr.Column(scale=4, min_width=260):
            found |= _keep_card()
    return PageComponents(session=session, **found)


def choices(texts: Texts, voices: Sequence[Candidate]) -> list[tuple[str, str | int | float]]:
    """Voices for a dropdown: what is shown and the id behind it."""
    return [(texts.voice(voice), voice.speaker_id) for voice in voices]


def _heading(number: int | None, title: str) -> None:
    mark = f'<i aria-hidden="true">{number}</i>' if number else ""
    gr.HTML(f"<h2>{mark}{static(title)}</h2>")


def note(name: str, **options: Any) -> gr.HTML:
    """A quiet line that never changes."""
    return gr.HTML(f'<p class="note">{static(name)}</p>', **options)


def _message(name: str) -> gr.HTML:
    return gr.HTML("", elem_id=f"{name}-message", elem_classes="messages")


def _face_column(zero_shot: bool) -> dict[str, Any]:
    _heading(1, "step_face")
    with gr.Tabs():
        with gr.Tab(static("upload")):
            upload = gr.File(
                type="binary",
                file_types=["image", ".heic", ".heif"],  # Linux knows no media type for HEIC
                label=static("upload_label"),
                show_label=False,
                height=126,
                elem_id="upload",
            )
            note("upload_note")
        with gr.Tab(static("camera")):
            camera = gr.Image(
                type="filepath",
                image_mode=None,  # the file as it came, not decoded and saved again
                sources=["webcam"],
                show_label=False,
                height=240,
                elem_id="camera",
            )
            note("camera_note")
            gr.HTML(
                f'<p class="message" role="alert">{static("camera_denied")}</p>',
                elem_id="camera-denied",
            )
        with gr.Tab(static("words"), visible=zero_shot):
            words = gr.Textbox(label=static("words_label"), max_length=300, elem_id="words")
            read = gr.Button(static("read"), size="sm", elem_id="read")
    message = _message("face")
    whole = gr.Button(static("whole"), visible=False, variant="primary", size="sm", elem_id="whole")
    face = gr.HTML(fragments.face_panel(ENGLISH, None, None), js_on_load=CLICKS, elem_id="face")
    strip = fragments.example_strip(ENGLISH, EXAMPLES)
    examples = gr.HTML(strip, js_on_load=CLICKS, elem_id="examples")
    forget = gr.Button(static("forget"), size="sm", elem_id="forget")
    return {
        "upload": upload,
        "camera": camera,
        "words": words,
        "read": read,
        "face_message": message,
        "whole": whole,
        "face": face,
        "examples": examples,
        "forget": forget,
    }


def _map_column(controller: VisitController) -> dict[str, Any]:
    _heading(2, "step_voice")
    sources: list[tuple[Any, str]] = [(static(f"source_{name}"), name) for name in get_args(Source)]
    with gr.Row(elem_id="controls", equal_height=True):
        source = gr.Radio(
            sources, value="both", label=static("source_label"), elem_id="source", scale=4
        )
        # no minimum, no maximum: Gradio would complain of others in its words, with a stack trace
        k = gr.Number(K, label=static("k"), precision=0, elem_id="k", min_width=80, scale=1)
        seed = gr.Number(
            0, label=static("seed"), precision=0, elem_id="seed", min_width=80, scale=1
        )
        resample = gr.Button(static("resample"), elem_id="resample", min_width=110, scale=1)
    message = _message("voice")
    with gr.Row(elem_id="around", equal_height=True):
        around = gr.HTML("", elem_id="around-note")
        everywhere = gr.Button(
            static("everywhere"), visible=False, size="sm", elem_id="everywhere", min_width=140
        )
    voicemap = gr.HTML(controller.draw(Visit()), js_on_load=VOICES, elem_id="map")
    note("map_note")
    return {
        "source": source,
        "seed": seed,
        "k": k,
        "resample": resample,
        "voice_message": message,
        "around": around,
        "everywhere": everywhere,
        "map": voicemap,
    }


def _speech_column(controller: VisitController) -> dict[str, Any]:
    _heading(3, "step_speech")
    voices = gr.HTML(voicelist.draw(ENGLISH, [], None), js_on_load=VOICES, elem_id="voices")
    bank = gr.Dropdown(
        choices(ENGLISH, controller.everyone(Visit())),
        value=None,
        label=static("bank"),
        elem_id="bank",
    )
    text = gr.Textbox(
        ENGLISH.text, label=static("text_label"), lines=3, max_lines=6, elem_id="text"
    )
    count = gr.HTML(fragments.count(ENGLISH, ENGLISH.text), elem_id="count")
    manner, message = _manner(), _message("speech")
    with gr.Tabs(elem_id="ways"):
        with gr.Tab(static("tab_speak")):
            speaking = _speaking()
        with gr.Tab(static("tab_compare")):
            comparing = _comparing()
    return {
        "voices": voices,
        "bank": bank,
        "text": text,
        "count": count,
        **manner,
        "speech_message": message,
        **speaking,
        **comparing,
    }


def _manner() -> dict[str, Any]:
    """How it is said, by one voice or by all."""
    with gr.Row(elem_id="manner", equal_height=True):
        rate = gr.Slider(
            MIN_RATE, MAX_RATE, 1.0, step=0.05, label=static("speed"), buttons=[], min_width=110
        )
        pause = gr.Slider(
            0, MAX_PAUSE, PAUSE, step=0.1, label=static("pause"), buttons=[], min_width=110
        )
        seed = gr.Number(
            0, label=static("speech_seed"), precision=0, min_width=70, elem_id="speech-seed"
        )
    return {"rate": rate, "pause": pause, "speech_seed": seed}


def _speaking() -> dict[str, Any]:
    """One voice: the buttons, and what was said."""
    with gr.Row(elem_id="go", equal_height=True):
        speak = gr.Button(static("speak"), variant="primary", elem_id="speak", scale=3)
        stop = gr.Button(static("stop"), elem_id="stop", scale=1, min_width=80)
    player = gr.HTML(takelist.player(ENGLISH, None), elem_id="player")
    takes = gr.HTML(takelist.history(ENGLISH, []), elem_id="takes")
    return {"speak": speak, "stop": stop, "player": player, "takes": takes}


def _comparing() -> dict[str, Any]:
    """All voices of the list."""
    with gr.Row(equal_height=True):
        run = gr.Button(static("compare"), elem_id="compare-run", scale=3)
        stop = gr.Button(static("stop"), elem_id="compare-stop", scale=1, min_width=80)
    compare = gr.HTML(takelist.compare(ENGLISH, []), js_on_load=CLICKS, elem_id="compare")
    return {"compare_run": run, "compare_stop": stop, "compare": compare}


def _why_card() -> dict[str, Any]:
    _heading(None, "why")
    explained = gr.HTML(explanation.draw(ENGLISH, None, None, {}), js_on_load=CLICKS, elem_id="why")
    shuffle = gr.Button(static("control"), size="sm", elem_id="shuffle", interactive=False)
    empty = explanation.control(ENGLISH, None, None, 0)
    control = gr.HTML(empty, js_on_load=CLICKS, elem_id="control")
    return {"why": explained, "shuffle": shuffle, "control": control}


def _shape_card(controller: VisitController) -> dict[str, Any]:
    _heading(None, "shape")
    message = _message("shape")
    note("shape_note")
    with gr.Row(elem_id="sliders", equal_height=True):
        moves = [
            gr.Slider(
                -MOST, MOST, 0, step=0.1, label=static(f"direction_{n}"), buttons=[], min_width=200
            )
            for n in range(1, DIRECTIONS + 1)
        ]
    with gr.Row(elem_id="blend", equal_height=True):
        partner = gr.Dropdown(
            choices(ENGLISH, controller.everyone(Visit())),
            value=None, label=static("partner"), elem_id="partner", min_width=130,
        )  # fmt: skip
        share = gr.Slider(0, 1, 0.5, step=0.05, label=static("share"), buttons=[], min_width=130)
        near = gr.Button(static("near"), elem_id="near", min_width=140)
    return {
        "shape_message": message,
        "moves": moves,
        "partner": partner,
        "share": share,
        "near": near,
    }


def _keep_card() -> dict[str, Any]:
    _heading(None, "keep")
    message = _message("card")
    keep = gr.HTML(fragments.card_link(ENGLISH, None, None), elem_id="keep")
    upload = gr.UploadButton(
        str(static("card_upload")), file_types=[".json"], type="binary", size="sm", elem_id="card"
    )
    note("keep_note")
    return {"keep": keep, "card": upload, "card_message": message}
