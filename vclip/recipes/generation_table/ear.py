"""What speakers sound like when the TTS says something with them, each heard once and kept.

Every speaker embedding says one of our sentences, chosen by its own bytes, so that a voice that
several methods pick is the same speech for all of them.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from vclip.arrays import Float32
from vclip.association.voice_encoder import VoiceEncoder
from vclip.errors import DataError
from vclip.recipes.data.feature_store import FeatureStore, key_of
from vclip.speech.synthesizer import Synthesizer

SENTENCES = (  # not those that signature networks are trained on (`speaking.SENTENCES`)
    "She sold her old bicycle to the baker's youngest son before moving abroad last spring.",
    "If you follow the river for an hour, a wooden bridge will take you to the other village.",
)


class Ear:
    """Voice features of a synthesizer's speech."""

    def __init__(
        self,
        synthesizer: Synthesizer,
        encoder: VoiceEncoder,
        hashes: tuple[str, str],
        store: FeatureStore,
    ) -> None:
        """hashes: of the synthesizer's and the encoder's weights, by which speech is kept."""
        self._synthesizer, self._encoder = synthesizer, encoder
        self._hashes, self._store = hashes, store

    def hear(self, rows: Float32, what: str, sentences: Sequence[str] = SENTENCES) -> Float32:
        """voice_features (n, V) of speaker embeddings (n, S), one sentence each.

        nan where what is heard is no speech, as with embeddings that no speaker is near to.
        """
        found = [self._one(row, sentences) for row in tqdm(rows, desc=what, mininterval=5)]
        return np.stack(found)

    def hear_all(self, rows: Float32, what: str, sentences: Sequence[str]) -> Float32:
        """voice_features (n, V), the mean over all sentences at unit norm."""
        mean = np.mean([self.hear(rows, what, [sentence]) for sentence in sentences], axis=0)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)

    def _one(self, row: Float32, sentences: Sequence[str]) -> Float32:
        digest = hashlib.sha256(np.ascontiguousarray(row, "<f4").tobytes()).hexdigest()
        number = int(digest[:8], 16)
        sentence, seed = sentences[number % len(sentences)], number % 2**31
        key = key_of("heard", *self._hashes, sentence, seed, digest)
        kept = self._store.get(key)
        if kept is None:
            speech = self._synthesizer.synthesize(sentence, row, seed)
            try:
                kept = self._encoder.encode(speech.wav, speech.sample_rate)[None]
            except DataError:
                kept = np.full((1, self._encoder.dimension), np.nan, np.float32)
            self._store.put(key, kept)
        heard: Float32 = kept[0]
        return heard
