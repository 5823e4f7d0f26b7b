"""Previews of voices: one short sentence in any voice, made when first asked for."""

from functools import lru_cache

from vclip import audio
from vclip.pipeline import FaceToVoice
from vclip.speech.narrator import AdmissionGate

SENTENCE = "This is how I sound."
KIND = "mp3"  # 8 ms more than WAV on one core, a quarter of its size: 14 kB
AT_ONCE = 2  # that are being made; people who wait for speech come first
MOST = 300  # that are remembered, 4 MB


class PreviewCache:
    """Previews of one model, shared by all visits; the least recently used ones are forgotten.

    Of people who ask for the same new voice at once, each waits for one of their own.
    """

    def __init__(self, model: FaceToVoice, most: int = MOST) -> None:
        self._model, self._gate = model, AdmissionGate(AT_ONCE)
        self._cached = lru_cache(most)(self._speak)

    def get(self, speaker_id: str) -> bytes:
        """A file of KIND. Raises SpeakerError, BusyError."""
        return self._cached(speaker_id)

    def _speak(self, speaker_id: str) -> bytes:
        with self._gate.place():
            speech = self._model.speak(SENTENCE, self._model.candidate(speaker_id))
            return audio.encode(speech.wav, speech.sample_rate, KIND)
