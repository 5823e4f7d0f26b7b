"""Text to phoneme ids, with espeak-ng from its pip wheel (no system package needed)."""

import functools
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import espeakng_loader
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper
from phonemizer.separator import Separator

from vclip.errors import TextError
from vclip.runtime import fork_safe_lock
from vclip.text.sentences import is_speakable

LANGUAGE = "en-us"
MARKS = '!"(),.:;?-'  # kept in their places; espeak-ng sees the words between them
_LOCK = fork_safe_lock()  # espeak-ng keeps state of its own and is not reentrant


@functools.cache
def _backend(language: str, marks: str) -> EspeakBackend:
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    logger = logging.getLogger("vclip.phonemizer")
    logger.setLevel(logging.ERROR)  # it warns of every word count that punctuation changes
    return EspeakBackend(
        language,
        punctuation_marks=marks,
        preserve_punctuation=True,
        with_stress=True,
        language_switch="remove-flags",
        logger=logger,
    )


def phonemize(text: str, language: str = LANGUAGE, marks: str = MARKS) -> str:
    """IPA of an English text, with stress marks and punctuation kept."""
    with _LOCK:
        ipa = _backend(language, marks).phonemize(
            [text], separator=Separator(phone="", word=" "), strip=True
        )
    return str(ipa[0]) if ipa else ""  # nothing comes back for an empty line


def to_ids(ipa: str, vocabulary: Sequence[str], blank: int | None) -> list[int]:
    """Ids of the symbols that the vocabulary holds; others are dropped.

    With `blank`, its id stands before, between and after the symbols (2n + 1 ids), as VITS expects
    when it is trained with blanks.
    """
    index = {symbol: i for i, symbol in enumerate(vocabulary)}
    ids = [index[symbol] for symbol in ipa if symbol in index]
    if blank is None:
        return ids
    spaced = [blank] * (2 * len(ids) + 1)
    spaced[1::2] = ids
    return spaced


@dataclass(frozen=True)
class TextFrontEnd:
    """Text front end of one model: the cleaner, phonemizer and symbols it was trained with."""

    vocabulary: Sequence[str]
    blank: int | None
    clean: Callable[[str], str]
    language: str | None = LANGUAGE  # None: the model reads letters, not phonemes
    marks: str = MARKS
    ends: tuple[int, int] | None = None  # ids before and after every sentence

    def to_ids(self, text: str) -> list[int]:
        """Phoneme ids of a text. Raises TextError if nothing in it can be spoken."""
        spoken = self.clean(text)
        if self.language is not None:
            spoken = phonemize(spoken, self.language, self.marks)
        if not is_speakable("".join(symbol for symbol in spoken if symbol in self.vocabulary)):
            raise TextError("nothing in the text can be spoken; type English words or numbers")
        ids = to_ids(spoken, self.vocabulary, self.blank)
        return ids if self.ends is None else [self.ends[0], *ids, self.ends[1]]
