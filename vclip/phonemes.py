"""Text to phoneme ids, with espeak-ng from its pip wheel (no system package needed)."""

import functools
import logging
import threading
from collections.abc import Sequence

import espeakng_loader
from phonemizer.backend import EspeakBackend
from phonemizer.backend.espeak.wrapper import EspeakWrapper
from phonemizer.separator import Separator

LANGUAGE = "en-us"
PUNCTUATION = "!'(),-.:;?"
_LOCK = threading.Lock()  # espeak-ng keeps state of its own and is not reentrant


@functools.cache
def _backend() -> EspeakBackend:
    EspeakWrapper.set_library(espeakng_loader.get_library_path())
    EspeakWrapper.set_data_path(espeakng_loader.get_data_path())
    logger = logging.getLogger("vclip.phonemizer")
    logger.setLevel(logging.ERROR)  # it warns of every word count that punctuation changes
    return EspeakBackend(
        LANGUAGE,
        punctuation_marks='!"(),.:;?-',
        preserve_punctuation=True,
        with_stress=True,
        language_switch="remove-flags",
        logger=logger,
    )


def phonemize(text: str) -> str:
    """IPA of an English text, with stress marks and punctuation kept."""
    with _LOCK:
        ipa = _backend().phonemize([text], separator=Separator(phone="", word=" "), strip=True)
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


def is_speakable(ipa: str) -> bool:
    """Whether anything but punctuation is left to say."""
    return any(symbol.isalpha() for symbol in ipa)
