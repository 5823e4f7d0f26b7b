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
from vclip.recipes.data.shards import Shard, write_shard
from vclip.speech.synthesizer import Synthesizer

SENTENCES = (  # not those that signature networks are trained on (`spoken_features.SENTENCES`)
    "She sold her old bicycle to the baker's youngest son before moving abroad last spring.",
    "If you follow the river for an hour, a wooden bridge will take you to the other village.",
)
AT_ONCE = 100  # embeddings that are kept together


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
        self._known: dict[str, Float32] = {}  # features (V,) by embedding and sentence
        for path in sorted(self._folder.glob("*.npz")):
            with np.load(path, allow_pickle=False) as shard:
                self._known.update(zip(shard["keys"].tolist(), shard["values"], strict=True))

    def hear(self, rows: Float32, what: str, sentences: Sequence[str] = SENTENCES) -> Float32:
        """voice_features (n, V) of speaker embeddings (n, S), one sentence each.

        nan where what is heard is no speech, as with embeddings that no speaker is near to.
        """
        found, new = [], Shard()
        for row in tqdm(rows, desc=what, mininterval=5):
            digest = hashlib.sha256(np.ascontiguousarray(row, "<f4").tobytes()).hexdigest()
            number = int(digest[:8], 16)
            sentence, seed = sentences[number % len(sentences)], number % 2**31
            key = _digest(sentence, seed, digest)
            if key not in self._known:
                self._known[key] = self._spoken(row, sentence, seed)
                new.rows[key] = self._known[key][None]
            found.append(self._known[key])
            if len(new.rows) == AT_ONCE:
                self._keep(new)
                new = Shard()
        self._keep(new)
        return np.stack(found)

    def hear_mean(self, rows: Float32, what: str, sentences: Sequence[str]) -> Float32:
        """voice_features (n, V), the mean over all sentences at unit norm."""
        heard = [self.hear(rows, what, [sentence]) for sentence in sentences]
        return np.stack([mean_voice(list(voices)) for voices in zip(*heard, strict=True)])

    def _spoken(self, row: Float32, sentence: str, seed: int) -> Float32:
        speech = self._synthesizer.synthesize(sentence, row, seed)
        try:
            return self._encoder.encode(speech.wav, speech.sample_rate)
        except DataError:
            return np.full(self._encoder.dimension, np.nan, np.float32)

    def _keep(self, new: Shard) -> None:
        if new.rows:
            path = self._folder / f"{_digest(*new.rows)[:16]}.npz"
            write_shard(path, new, self._encoder.dimension)


def _digest(*parts: object) -> str:
    return hashlib.sha256("|".join(map(str, parts)).encode()).hexdigest()
