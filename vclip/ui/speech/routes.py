"""Speech over HTTP: takes while they are spoken and as files, previews of voices."""

import json
from typing import NoReturn

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, Response, StreamingResponse

from vclip import audio
from vclip.errors import BusyError, SpeakerError
from vclip.pipeline import FaceToVoice
from vclip.ui.speech.preview import KIND, PreviewCache
from vclip.ui.speech.takes import SpeechTake, TakeStore

MEDIA = {"wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"}
PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def add_routes(app: FastAPI, takes: TakeStore, model: FaceToVoice) -> None:
    """Register /takes/TOKEN.pcm, .wav, .flac, .mp3, .json and /preview?voice=ID.

    Before Gradio is mounted at /, which answers whatever nobody else does.
    """
    previews = PreviewCache(model)

    @app.get("/takes/{token}.pcm")
    async def pcm(token: str) -> StreamingResponse:
        take = _find(takes, token)
        # a proxy that collected it would undo what this is for
        headers = {"X-Sample-Rate": str(take.sample_rate), "X-Accel-Buffering": "no"}
        return StreamingResponse(take.listen(), 200, PRIVATE | headers, "application/octet-stream")

    @app.get("/takes/{token}.json")
    async def card(token: str, download: bool = False) -> Response:
        take = _find_finished(takes, token)
        text = json.dumps(take.card, indent=2, ensure_ascii=False) + "\n"
        data = text.encode(errors="backslashreplace")  # half a surrogate pair is not UTF-8
        headers = {"Content-Disposition": f'attachment; filename="{take.name("json")}"'}
        return Response(data, 200, PRIVATE | (headers if download else {}), "application/json")

    @app.get("/takes/{token}.{kind}")
    def sound(token: str, kind: str, download: bool = False) -> Response:
        take = _find_finished(takes, token)
        path = take.file(kind) if kind in audio.FORMATS else None
        if path is None:
            _missing(f"there is no {kind} of this take; use {', '.join(audio.FORMATS)}, json")
        name = take.name(kind) if download else None
        return FileResponse(path, 200, PRIVATE, MEDIA[kind], filename=name)

    @app.get("/preview")
    def preview(voice: str = "") -> Response:
        try:
            data = previews.get(voice)
        except SpeakerError as error:
            _missing(str(error))
        except BusyError as error:
            raise HTTPException(503, str(error), PRIVATE | {"Retry-After": "1"}) from None
        # the same for everybody, and asked for again and again by a moving mouse
        return Response(data, 200, {"Cache-Control": "private, max-age=300"}, MEDIA[KIND])


def _find(takes: TakeStore, token: str) -> SpeechTake:
    take = takes.get(token)
    if take is None or take.state == "failed":
        _missing("there is no such take (any more); speak it again")
    return take


def _find_finished(takes: TakeStore, token: str) -> SpeechTake:
    take = _find(takes, token)
    if take.state == "live":
        raise HTTPException(
            409, "this take is still being spoken; ask again soon", PRIVATE | {"Retry-After": "1"}
        )
    return take


def _missing(message: str) -> NoReturn:
    raise HTTPException(404, message, PRIVATE)
