"""Text normalisation: what people type, as sentences in the words that a voice says.

Characters that nobody can say are refused by name (characters.py), numbers, abbreviations and signs
are written out as they are said (numbers.py, words.py, with the tables of lexicon.py), and what is
left is cut into sentences that the model can hold. Ordinary words pass unchanged; what espeak-ng
and coqui's cleaner say well by themselves has no rule here.
"""

import re

import pysbd

from vclip.errors import TextError
from vclip.text import numbers, words
from vclip.text.characters import plain
from vclip.text.lexicon import STARTERS

LONGEST = 250  # characters of a piece: bounds the model's memory; about 15 s of speech
_PARAGRAPH = re.compile(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+[.)])\s)")
BLOCK = 3000  # characters that pysbd is given at once: its time grows with their square
_FULL_STOP = re.compile(r"[.!?][\"')]*\s")
# pysbd takes a lone letter before a full stop for an initial
_LETTER = re.compile(rf"(?<=\b[A-Z]\.)\s+(?=(?:{STARTERS})\b)")
_CLAUSE = re.compile(r"[,;:]\s")
_TIDY = [
    numbers.rule(r"\s+[-–]+\s+|\s*--+\s*", ", "),
    numbers.rule(r"–", "-"),
    numbers.rule(r"(?<=\w)\s+-(?=\w)", "-"),
    numbers.rule(r"/+", " slash "),
    numbers.rule(r"\^+", " "),
    numbers.rule(r"\s+", " "),
    numbers.rule(r"\s+(?=[,.;:!?])", ""),
    numbers.rule(r"[,;:]+(?=[,;:.!?])", ""),
    numbers.rule(r"([.!?])[,;:]+", r"\1"),
    numbers.rule(r"^[\s,;:.!?-]+|\s+$", ""),
]


def to_sentences(text: str) -> list[str]:
    """The sentences of a text as they are said, each speakable and at most LONGEST characters.

    Raises TextError if the text is empty, has letters of another script, or nothing to say.
    """
    if not text.strip():
        raise TextError("the text is empty; type what the voice should say")
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(plain(text)):
        for block in pieces(spoken(paragraph), BLOCK, _FULL_STOP):
            for segment in pysbd.Segmenter(language="en").segment(block):
                for sentence in _LETTER.split(segment.strip()):
                    found += filter(is_speakable, pieces(sentence, LONGEST, _CLAUSE))
    if not found:
        raise TextError("nothing in the text can be spoken; type English words or numbers")
    return found


def spoken(text: str) -> str:
    """A plain text with everything written out; what is said already stays as it is."""
    for _ in range(5):  # now and then a rule makes room for another: Fig. Dr → Figure Dr → Drive
        before, text = text, _rewrite(text)
        if text == before:
            break
    return text


def _rewrite(text: str) -> str:
    capitals, small = (sum(map(test, text)) for test in (str.isupper, str.islower))
    shouted = capitals > max(2 * small, 8)  # then capitals are no sign of an acronym
    acronyms = [] if shouted else words.ACRONYMS
    rules = [*words.BEFORE_NUMBERS, *numbers.RULES, *words.AFTER_NUMBERS, *acronyms, *words.SIGNS]
    for pattern, say in (*rules, *_TIDY):
        text = pattern.sub(say, text)
    return text


def pieces(text: str, longest: int, end: re.Pattern[str]) -> list[str]:
    """A long text cut at the last end that fits, else between words, else anywhere."""
    found, start = [], 0
    while len(text) - start > longest:
        ends = [m.end() for m in end.finditer(text, start + longest // 3, start + longest + 1)]
        cut = ends[-1] if ends else text.rfind(" ", start, start + longest + 1) + 1
        cut = cut or start + longest
        found.append(text[start:cut].strip())
        start = cut
    return [*found, text[start:].strip()]


def is_speakable(text: str) -> bool:
    """Whether there is a letter, or a phoneme, to say."""
    return any(map(str.isalpha, text))
