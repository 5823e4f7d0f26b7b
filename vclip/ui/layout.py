"""The layout: three columns, face, voice and speech, and their components."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from vclip import audio
from vclip.narration import MAX_PAUSE
from vclip.pipeline import MAX_CHARS, PAUSE, Candidate
from vclip.speech import MAX_RATE, MIN_RATE
from vclip.ui import pictures, texts
from vclip.ui.visit import Desk, Visit

HERE = Path(__file__).parent / "assets"
EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "examples").glob("*.jpg"))
CLICKS = (HERE / "clicks.js").read_text()


@dataclass(frozen=True)
class Parts:
    """The components that steps read or write."""

    visit: gr.State
    upload: gr.File
    camera: gr.Image
    examples: gr.HTML
    face: gr.HTML
    face_message: gr.HTML
    whole: gr.Button
    forget: gr.Button
    source: gr.Radio
    seed: gr.Number
    resample: gr.Button
    map: gr.HTML
    best: gr.Radio
    bank: gr.Dropdown
    text: gr.Textbox
    rate: gr.Slider
    pause: gr.Slider
    kind: gr.Radio
    speak: gr.Button
    speech_message: gr.HTML
    audio: gr.Audio


def add_parts(desk: Desk) -> Parts:
    """The three columns, inside the Blocks that is being built."""
    with gr.Row(elem_id="columns", equal_height=False):
        with gr.Column(scale=3, min_width=280):
            left = _face_column()
        with gr.Column(scale=6, min_width=320):
            middle = _map_column(desk)
        with gr.Column(scale=4, min_width=280):
            right = _speech_column(desk)
    return Parts(visit=gr.State(Visit(), time_to_live=3600), **left, **middle, **right)


def choices(voices: Sequence[Candidate]) -> list[tuple[str, str | int | float]]:
    """Voices for a list: what is shown and the id behind it."""
    return [(texts.voice(voice), voice.speaker_id) for voice in voices]


def _heading(number: int, title: str) -> None:
    gr.HTML(f'<h2><i aria-hidden="true">{number}</i>{title}</h2>')


def _face_column() -> dict[str, Any]:
    _heading(1, texts.STEP_FACE)
    with gr.Tabs():
        with gr.Tab(texts.UPLOAD):
            upload = gr.File(
                type="binary",
                file_types=["image", ".heic", ".heif"],  # Linux knows no media type for HEIC
                label=texts.UPLOAD_LABEL,
                show_label=False,
                height=126,
                elem_id="upload",
            )
            gr.HTML(f'<p class="note">{texts.UPLOAD_NOTE}</p>')
        with gr.Tab(texts.CAMERA):
            camera = gr.Image(
                type="filepath",
                image_mode=None,  # the file as it came, not decoded and saved again
                sources=["webcam"],
                show_label=False,
                height=240,
                elem_id="camera",
            )
    message = gr.HTML("", elem_id="face-message")
    whole = gr.Button(texts.WHOLE, visible=False, variant="primary", size="sm", elem_id="whole")
    face = gr.HTML(pictures.face_panel(None, None), js_on_load=CLICKS, elem_id="face")
    strip = pictures.example_strip(EXAMPLES)
    examples = gr.HTML(strip, js_on_load=CLICKS, elem_id="examples")
    forget = gr.Button(texts.FORGET, visible=False, size="sm", elem_id="forget")
    return {
        "upload": upload,
        "camera": camera,
        "face_message": message,
        "whole": whole,
        "face": face,
        "examples": examples,
        "forget": forget,
    }


def _map_column(desk: Desk) -> dict[str, Any]:
    _heading(2, texts.STEP_VOICE)
    with gr.Row(elem_id="controls", equal_height=True):
        source = gr.Radio(
            texts.SOURCES, value="both", label=texts.SOURCE_LABEL, elem_id="source", scale=4
        )
        seed = gr.Number(0, label=texts.SEED, precision=0, elem_id="seed", min_width=90, scale=1)
        resample = gr.Button(texts.RESAMPLE, elem_id="resample", min_width=110, scale=1)
    voicemap = gr.HTML(desk.draw(Visit()), js_on_load=CLICKS, elem_id="map")
    gr.HTML(f'<p class="note">{texts.MAP_NOTE}</p>')
    return {"source": source, "seed": seed, "resample": resample, "map": voicemap}


def _speech_column(desk: Desk) -> dict[str, Any]:
    _heading(3, texts.STEP_SPEECH)
    best = gr.Radio([], label=texts.BEST, visible=False, elem_id="best")
    bank = gr.Dropdown(
        choices(desk.everyone(Visit())), value=None, label=texts.BANK, elem_id="bank"
    )
    text = gr.Textbox(texts.TEXT, label=texts.TEXT_LABEL, lines=3, max_lines=6, elem_id="text")
    gr.HTML(
        f'<p class="note" data-limit="{MAX_CHARS}">{texts.count(texts.TEXT)}</p>', elem_id="count"
    )
    manner = _manner()
    speak = gr.Button(texts.SPEAK, variant="primary", elem_id="speak")
    message = gr.HTML("", elem_id="speech-message")
    audio = gr.Audio(
        label=texts.AUDIO,
        type="filepath",
        interactive=False,
        autoplay=True,
        buttons=["download"],
        # the browser's own player: reachable by keyboard, and known on every phone
        waveform_options=gr.WaveformOptions(show_recording_waveform=False),
        elem_id="audio",
    )
    return {
        "best": best,
        "bank": bank,
        "text": text,
        **manner,
        "speak": speak,
        "speech_message": message,
        "audio": audio,
    }


def _manner() -> dict[str, Any]:
    """How it is said, and in what file."""
    with gr.Row(elem_id="manner", equal_height=True):
        rate = gr.Slider(
            MIN_RATE, MAX_RATE, 1.0, step=0.05, label=texts.SPEED, buttons=[], min_width=110
        )
        pause = gr.Slider(
            0, MAX_PAUSE, PAUSE, step=0.1, label=texts.PAUSE, buttons=[], min_width=110
        )
        kinds = [(kind.upper(), kind) for kind in audio.FORMATS]
        kind = gr.Radio(kinds, value=audio.FORMATS[0], label=texts.FORMAT, min_width=150)
    return {"rate": rate, "pause": pause, "kind": kind}
