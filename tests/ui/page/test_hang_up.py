"""A client who hangs up costs no more work: proven on the real server with a slow voice."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from fake_model import FakeModel
from serving import served

from vclip.pipeline import FaceToVoice
from vclip.speech.synthesizer import Speech
from vclip.ui.page import speech_events

PIECES = 1000  # of 20 ms: nobody waits for the end


class SlowModel(FakeModel):
    """Counts the pieces that it says and notices when it is told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.said, self.left = 0, threading.Event()

    def recite(self, *_: Any, **__: Any) -> Iterator[tuple[float, Speech]]:
        try:
            for self.said in range(1, PIECES + 1):
                time.sleep(0.02)
                yield self.said / PIECES, Speech(np.full(160, 0.1, np.float32), 8000)
        finally:
            self.left.set()


def test_the_api_stops_when_its_client_hangs_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech_events, "EVERY", 0.0)
    model = SlowModel()
    with served(cast(FaceToVoice, model), tmp_path) as address:
        call = f"{address}/gradio_api/call/speak"
        asked = httpx.post(call, json={"data": ["Hello.", "p2", 0, 1, 0, "wav"]})
        with httpx.stream("GET", f"{call}/{asked.json()['event_id']}", timeout=20) as answer:
            next(answer.iter_lines())
        assert model.left.wait(20)
    assert 0 < model.said < PIECES
