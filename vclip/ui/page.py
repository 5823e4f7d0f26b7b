"""The page: every control wired to a step of the visit."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from vclip.errors import VclipError
from vclip.narration import master
from vclip.pipeline import LUFS
from vclip.speech import Speech, join
from vclip.ui import endpoints, pictures, speeches, texts
from vclip.ui.layout import EXAMPLES, Parts, add_parts, choices
from vclip.ui.visit import Desk, Visit

log = logging.getLogger(__name__)
SEARCH: dict[str, Any] = {"concurrency_id": "search", "concurrency_limit": 4}
SPEECH: dict[str, Any] = {"concurrency_id": "speech", "concurrency_limit": 2}

# in the browser, at once: the last message goes and the last speech falls silent
HUSH = "() => { document.querySelectorAll('#audio audio').forEach((a) => a.pause()); return ''; }"


def build(desk: Desk) -> gr.Blocks:
    """The whole app for one model; hand it to `serve`."""
    page: gr.Blocks
    with gr.Blocks(title=texts.TITLE, analytics_enabled=False, fill_width=True) as page:
        gr.HTML(
            f"<header><h1>{texts.TITLE}</h1><p>{texts.TAGLINE}</p>"
            f'<p class="note">{texts.CAUTION}</p></header>'
        )
        parts = add_parts(desk)
        gr.HTML(f'<p class="note">{texts.PRIVACY}</p>')
        _wire(desk, parts)
        endpoints.add(desk.model)
    page.state_session_capacity = 200  # visits remembered at once, a few MB each
    page.queue(max_size=32)
    return page


def show(desk: Desk, visit: Visit) -> dict[str, Any]:
    """What every part of the page is to show of a visit, by the names of Parts."""
    picked = visit.picked.speaker_id if visit.picked else None
    offered = desk.offered(visit)
    return {
        "visit": replace(visit, message=""),
        "face_message": pictures.message(visit.message),
        "whole": gr.update(visible=visit.faceless is not None),
        "forget": gr.update(visible=visit.photo is not None or visit.faceless is not None),
        "face": pictures.face_panel(visit.photo, visit.seen),
        "source": visit.source,
        "seed": visit.seed,
        "map": desk.draw(visit),
        "best": gr.update(
            choices=choices(offered),
            value=picked if picked in [c.speaker_id for c in offered] else None,
            visible=bool(offered),
        ),
        "bank": gr.update(
            choices=choices(desk.everyone(visit)),
            value=picked if visit.picked and visit.picked.source == "bank" else None,
        ),
    }


SHOWN = (
    "visit", "face_message", "whole", "forget", "face", "source", "seed", "map", "best", "bank",
)  # fmt: skip


def _wire(desk: Desk, parts: Parts) -> None:
    outputs = [getattr(parts, name) for name in SHOWN]

    def on(trigger: Any, step: Callable[..., Visit], *inputs: Any, **extra: Any) -> Any:
        """A control, a step of the visit, and what the step needs beside the visit."""
        return trigger(
            _guarded(desk, step),
            [parts.visit, *inputs],
            outputs,
            show_progress_on=[parts.map],
            api_visibility="private",
            **(SEARCH | extra),
        )

    def reset(component: Any) -> dict[str, Any]:
        """Empty an upload at once: nothing to see or to fetch, and the next one can come."""
        return {"fn": lambda: None, "outputs": component, "api_visibility": "private"}

    def snapshot(visit: Visit, path: str | None) -> Visit:
        return desk.bring(visit, Path(path).read_bytes()) if path else visit

    on(parts.upload.upload, desk.bring, parts.upload).then(**reset(parts.upload))
    on(parts.camera.input, snapshot, parts.camera).then(**reset(parts.camera))
    on(parts.whole.click, desk.use_whole)
    on(parts.forget.click, lambda _: Visit()).then(**reset(parts.audio))
    on(parts.source.input, desk.search, parts.source, parts.seed)
    on(parts.seed.submit, lambda v, seed: desk.search(v, v.source, seed), parts.seed)
    on(parts.resample.click, desk.resample)
    on(parts.best.input, desk.pick, parts.best, show_progress="hidden")
    on(parts.bank.input, desk.pick, parts.bank, show_progress="hidden")
    _wire_clicks(desk, parts, outputs)
    _wire_speech(desk, parts)


def _wire_clicks(desk: Desk, parts: Parts, outputs: list[Any]) -> None:
    """Clicks inside HTML arrive as events of their own; what they carry is not to be trusted."""

    def example(visit: Visit, index: object) -> Visit:
        if not isinstance(index, int) or not 0 <= index < len(EXAMPLES):
            return visit
        return desk.bring(visit, EXAMPLES[index].read_bytes())

    def pick(visit: Visit, event: gr.EventData) -> list[Any]:
        return _guarded(desk, desk.pick)(visit, event._data.get("id"))

    def spot(visit: Visit, event: gr.EventData) -> list[Any]:
        x, y = event._data.get("x"), event._data.get("y")
        return _guarded(desk, desk.pick_at)(visit, x, y)

    def face(visit: Visit, event: gr.EventData) -> list[Any]:
        return _guarded(desk, desk.choose_face)(visit, event._data.get("index"))

    def bring(visit: Visit, event: gr.EventData) -> list[Any]:
        return _guarded(desk, example)(visit, event._data.get("index"))

    same: dict[str, Any] = {"inputs": parts.visit, "outputs": outputs, "api_visibility": "private"}
    same |= SEARCH | {"show_progress_on": [parts.map]}
    parts.map.pick(pick, show_progress="hidden", **same)
    parts.map.spot(spot, show_progress="hidden", **same)
    parts.face.face(face, **same)
    parts.examples.example(bring, **same)


def _guarded(desk: Desk, step: Callable[..., Visit]) -> Callable[..., list[Any]]:
    """A step as Gradio calls it: an error becomes a message and everything else stays."""

    def run(visit: Visit, *inputs: Any) -> list[Any]:
        try:
            shown = show(desk, step(visit, *inputs))
        except VclipError as error:
            return _only_message(str(error))
        except Exception:
            log.exception("a step failed")
            return _only_message(texts.FAILED)
        return [shown[name] for name in SHOWN]

    return run


def _only_message(message: str) -> list[Any]:
    return [pictures.message(message) if n == "face_message" else gr.skip() for n in SHOWN]


def _wire_speech(desk: Desk, parts: Parts) -> None:
    def utter(
        visit: Visit,
        text: str,
        rate: float,
        pause: float,
        kind: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> Iterator[tuple[Any, Any]]:
        """Gradio finds the progress bar by this default."""
        said: list[Speech] = []
        progress(0, desc=texts.SPEAKING)
        try:
            for share in speeches.gather(desk.speak(visit, text, rate, pause), said):
                yield gr.skip(), gr.skip()
                progress(share, desc=texts.SPEAKING)
            speech = master(join(said), LUFS)
            assert visit.picked is not None
            yield speeches.write(speech, visit.picked.speaker_id, visit.seed, kind), ""
        except VclipError as error:
            yield gr.skip(), pictures.message(str(error))
        except Exception:
            log.exception("speaking failed")
            yield gr.skip(), pictures.message(texts.FAILED)

    for trigger in (parts.speak.click, parts.text.submit):
        trigger(None, None, parts.speech_message, js=HUSH, api_visibility="private")
    gr.on(
        [parts.speak.click, parts.text.submit],
        utter,
        [parts.visit, parts.text, parts.rate, parts.pause, parts.kind],
        [parts.audio, parts.speech_message],
        show_progress_on=[parts.audio],
        api_visibility="private",
        **SPEECH,
    )
