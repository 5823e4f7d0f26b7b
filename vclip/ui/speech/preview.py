"""Previews of voices: one short sentence in any voice, made when first asked for."""

import threading
from collections import OrderedDict

from vclip import audio
from vclip.pipeline import FaceToVoice
from vclip.speech.narrator import AdmissionGate

SENTENCE = "This is how I sound."
KIND = "mp3"  # 8 ms more than WAV on one core, a quarter of its size: 14 kB
AT_ONCE = 2  # that are being made; people who wait for speech come first
MOST = 300  # that are remembered, 4 MB


class PreviewCache:
    """Previews of one model, made when first asked for; shared by all visits."""

    def __init__(self, model: FaceToVoice, most: int = MOST) -> None:
        self._model, self._most = model, most
        self._gate, self._lock = AdmissionGate(AT_ONCE), threading.Lock()
        self._made: OrderedDict[str, bytes] = OrderedDict()  # the least recently used first

    def get(self, speaker_id: str) -> bytes:
        """A file of KIND. Raises SpeakerError, BusyError."""
        with self._lock:
            if speaker_id in self._made:
                self._made.move_to_end(speaker_id)
                return self._made[speaker_id]
        with self._gate.place():
            speech = self._model.speak(SENTENCE, self._model.candidate(speaker_id))
            data = audio.encode(speech.wav, speech.sample_rate, KIND)
        with self._lock:
            self._made[speaker_id] = data
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return data
