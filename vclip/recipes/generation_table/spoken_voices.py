"""Voice features of speakers as the TTS says something with them, each heard once and kept.

Every speaker embedding says one of our sentences, chosen by its own bytes, so that a voice that
several methods pick is the same speech for all of them.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.data.shards import replaced
from vclip.speech.synthesizer import Synthesizer

SENTENCES = (  # not those that signature networks are trained on (`spoken_features.SENTENCES`)
    "She sold her old bicycle to the baker's youngest son before moving abroad last spring.",
    "If you follow the river for an hour, a wooden bridge will take you to the other village.",
)


class SpokenVoices:
    """Voice features of a synthesizer's speech."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        encoder: VoiceEncoder,
        hashes: tuple[str, str],
        store: Path,
    ) -> None:
        """hashes: of the synthesizer's and the encoder's weights; speech of others is apart."""
        self._synthesizer, self._encoder = synthesizer, encoder
        self._folder = store / f"heard-{_digest(*hashes)[:12]}"

    def hear(self, rows: Float32, what: str, sentences: Sequence[str] = SENTENCES) -> Float32:
        """voice_features (n, V) of speaker embeddings (n, S), one sentence each.

        nan where what is heard is no speech, as with embeddings that no speaker is near to.
        """
        progress = tqdm(rows, desc=what, mininterval=5)
        return np.stack([self._hear(row, sentences) for row in progress])

    def hear_mean(self, rows: Float32, what: str, sentences: Sequence[str]) -> Float32:
        """voice_features (n, V), the mean over all sentences at unit norm."""
        heard = [self.hear(rows, what, [sentence]) for sentence in sentences]
        return np.stack([mean_voice(voices) for voices in zip(*heard, strict=True)])

    def _hear(self, row: Float32, sentences: Sequence[str]) -> Float32:
        digest = hashlib.sha256(np.ascontiguousarray(row, "<f4").tobytes()).hexdigest()
        number = int(digest[:8], 16)
        sentence, seed = sentences[number % len(sentences)], number % 2**31
        path = self._folder / f"{_digest(sentence, seed, digest)}.npy"
        if not path.is_file():
            speech = self._synthesizer.synthesize(sentence, row, seed)
            try:
                heard = self._encoder.encode(speech.wav, speech.sample_rate)
            except DataError:
                heard = np.full(self._encoder.dimension, np.nan, np.float32)
            with replaced(path) as file:
                np.save(file, heard)
        features: Float32 = np.load(path)
        return features


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()
