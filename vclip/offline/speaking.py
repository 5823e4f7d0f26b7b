"""What a speaker embedding sounds like to the voice encoder: synthesise, then encode."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vclip.encoders import VoiceEncoder
from vclip.offline.recordings import mean_voice
from vclip.tts import Speech, Synthesizer

Array = npt.NDArray[np.float32]

SENTENCES = (  # our own; sounds of English in many combinations
    "Please bring the blue umbrella, because the weather looks rather uncertain this morning.",
    "Nobody thought that a small garden could feed so many hungry birds through the winter.",
    "When the last train leaves the station, you can hear the whole city breathing quietly.",
    "Our neighbour keeps a jar of ginger biscuits for every child who visits on Thursdays.",
)


def speeches(
    synthesizer: Synthesizer, speaker_embedding: Array, sentences: Sequence[str], seed: int
) -> list[Speech]:
    """The sentences, each with a seed of its own."""
    return [
        synthesizer.synthesize(sentence, speaker_embedding, seed + i)
        for i, sentence in enumerate(sentences)
    ]


def heard(
    synthesizer: Synthesizer,
    encoder: VoiceEncoder,
    speaker_embedding: Array,
    sentences: Sequence[str],
    seed: int,
) -> Array:
    """voice_features (V,) of the synthesised sentences: their mean, at unit norm."""
    spoken = speeches(synthesizer, speaker_embedding, sentences, seed)
    return mean_voice([encoder.encode(speech.wav, speech.sample_rate) for speech in spoken])
