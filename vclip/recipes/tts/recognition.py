"""Speech recognition with PocketSphinx: one of a set of sentences, or any words at all."""

import re

import jiwer
import numpy as np
import numpy.typing as npt
import pocketsphinx

from vclip import audio
from vclip.arrays import Wav
from vclip.speech.vits import clean_text

SAMPLE_RATE = 16000  # of its acoustic model


class Recogniser:
    """Hears one of the sentences given, or with none given whatever its language model allows."""

    def __init__(self, sentences: list[str] | None = None) -> None:
        if sentences is None:
            self._decoder = pocketsphinx.Decoder(loglevel="FATAL")
            return
        self._decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
        rules = " | ".join(sentences)
        self._decoder.add_jsgf_string("set", f"#JSGF V1.0; grammar set; public <s> = {rules};")
        self._decoder.activate_search("set")

    def recognise(self, wav: Wav, sample_rate: int) -> str:
        """The most likely words of wav (T,), or an empty string."""
        samples = audio.to_int16(audio.resample(wav, sample_rate, SAMPLE_RATE))
        self._decoder.start_utt()
        self._decoder.process_raw(samples.tobytes(), full_utt=True)  # levels of one utterance only
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return str(hypothesis.hypstr) if hypothesis else ""


def of_known_words(texts: list[str]) -> list[str]:
    """The texts of which every word is in the recogniser's dictionary."""
    decoder = pocketsphinx.Decoder(lm=None, loglevel="FATAL")
    return [t for t in texts if all(map(decoder.lookup_word, spoken_words(t).split()))]


def spoken_words(text: str) -> str:
    """Lower-case words only, as the recogniser's dictionary has them."""
    return " ".join(re.findall(r"[a-z']+", clean_text(text)))


def word_errors(said: list[str], heard: list[str]) -> tuple[int, int]:
    """Substitutions, deletions and insertions together, and the number of words said."""
    found = jiwer.process_words(said, heard)
    errors = found.substitutions + found.deletions + found.insertions
    return errors, found.hits + found.substitutions + found.deletions


def word_error_rate(counts: npt.ArrayLike, weight: npt.ArrayLike) -> float:
    """Errors over words of rows (N, 2) of both, where row i counts weight[i] times."""
    errors, words = np.asarray(weight, dtype=np.float64) @ np.asarray(counts, dtype=np.float64)
    return float(errors / words)
