"""Lexicon of the text front end: the tables of lexicon.toml, as the rules read them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

_FILE = Path(__file__).with_suffix(".toml")
_READ = tomllib.loads(_FILE.read_text(encoding="utf-8"))


def _words(name: str) -> frozenset[str]:
    return frozenset(_READ[name].split())


def _either(name: str) -> str:
    """The words of an entry as the alternatives of a pattern."""
    return "|".join(_READ[name].split())


Words = Mapping[str, str]  # what is written, and what is said for it
Forms = Mapping[str, list[str]]  # the same in singular and plural

CURRENCIES: Forms = _READ["currencies"]
UNITS: Forms = _READ["units"]
MAGNITUDES: Words = _READ["magnitudes"]
TITLES: Words = _READ["titles"]
INNER: Words = _READ["inner"]
FINAL: Words = _READ["final"]
ADDRESS_SIGNS: Words = _READ["address_signs"]
GREEK: Words = {letter: s for a, s in _READ["greek"].items() for letter in (a, a.upper())}
SIGNS: Words = _READ["signs"]
PLAIN: Words = {sign: by for by, signs in _READ["plain"].items() for sign in signs}

ROMAN = {"X": 10, "IX": 9, "V": 5, "IV": 4, "I": 1}
REGNAL, COUNTED = _words("regnal"), _words("counted")
SHORT_WORDS, SPELLED = _words("short_words"), _words("spelled")
PER, BIG = _either("per"), _either("big")
STARTERS, DOMAINS = _either("starters"), _either("domains")
