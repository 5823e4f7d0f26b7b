"""Voice features of synthesised speech: a speaker embedding is spoken, then encoded."""

from collections.abc import Sequence
from pathlib import Path

from vclip.arrays import Float32
from vclip.association.voice_encoder import VoiceEncoder
from vclip.models.directory import DESCRIPTION, ModelDirectory
from vclip.recipes.data.recordings import mean_voice
from vclip.recipes.generation.npz import read_npz
from vclip.speech.synthesizer import Speech, Synthesizer
from vclip.speech.vits import CoquiVits

SENTENCES = (  # our own; sounds of English in many combinations
    "Please bring the blue umbrella, because the weather looks rather uncertain this morning.",
    "Nobody thought that a small garden could feed so many hungry birds through the winter.",
    "When the last train leaves the station, you can hear the whole city breathing quietly.",
    "Our neighbour keeps a jar of ginger biscuits for every child who visits on Thursdays.",
)


def synthesizer_folder(directory: Path) -> Path:
    """The folder of a directory's synthesizer: itself, or fetched as its description says.

    A directory in the making has no description yet, or one of older weights.
    """
    own = (directory / "vits.json").is_file() or not (directory / DESCRIPTION).is_file()
    return directory if own else ModelDirectory.open(str(directory)).folder("synthesizer")


def bank_rows(directory: Path) -> tuple[Float32, Float32]:
    """Speaker embeddings (N, S) and voice features (N, V) of a directory's bank. DataError."""
    bank, _ = read_npz(directory / "bank.npz", "build_bank")
    synthesizer = CoquiVits.load(synthesizer_folder(directory))
    rows = [synthesizer.speaker_ids.index(s) for s in bank["speaker_ids"].tolist()]
    return synthesizer.speaker_embeddings[rows], bank["voice_features"]


def speeches(
    synthesizer: Synthesizer, speaker_embedding: Float32, sentences: Sequence[str], seed: int
) -> list[Speech]:
    """The sentences, each with a seed of its own."""
    return [
        synthesizer.synthesize(sentence, speaker_embedding, seed + i)
        for i, sentence in enumerate(sentences)
    ]


def heard(
    synthesizer: Synthesizer,
    encoder: VoiceEncoder,
    speaker_embedding: Float32,
    sentences: Sequence[str],
    seed: int,
) -> Float32:
    """voice_features (V,) of the synthesised sentences: their mean, at unit norm."""
    spoken = speeches(synthesizer, speaker_embedding, sentences, seed)
    return mean_voice([encoder.encode(speech.wav, speech.sample_rate) for speech in spoken])
