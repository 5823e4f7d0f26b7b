"""Words and signs that are said otherwise than written: addresses, abbreviations, capitals.

espeak-ng knows many acronyms by itself (BBC, NASA, HTML); short ones that look like words (US, UN,
IT) are spelled here, unless the whole text is in capitals.
"""

import re
from collections.abc import Callable

from num2words import num2words

from vclip.text import lexicon
from vclip.text.numbers import Match, Rule, letters, ordinal, rule, stop


def _address(match: Match) -> str:
    """An e-mail address or URL sign by sign, without its scheme."""
    said = re.sub(r"^(?:(?:https?|ftp)://|mailto:)", "", match[0]).rstrip("/")
    said = re.sub(r"^www\.", "w w w.", said)
    for sign, name in lexicon.ADDRESS_SIGNS.items():
        said = said.replace(sign, f" {name} ")
    return said


def _roman(match: Match) -> str:
    """`Henry VIII` the eighth, `Chapter IV` four; a lone I or V only where it must be a number."""
    name, roman = match["name"], match["roman"]
    king = name in lexicon.REGNAL
    if len(roman) == 1 and name not in lexicon.COUNTED and (not king or roman == "I"):
        return match[0]
    value = sum(lexicon.ROMAN[part] for part in re.findall("IX|IV|[XVI]", roman))
    return f"{name} the {ordinal(str(value))}" if king else f"{name} {num2words(value)}"


def _street(match: Match) -> str:
    """`Elm St.`; before a name it is a saint."""
    following = match.string[match.end() :]
    if re.match(r"\s+[A-Z]", following) and not stop(match):
        return match[0]
    return match[1] + ("Street" if match[2] == "St" else "Drive") + stop(match)


def _acronym(match: Match) -> str:
    """Spelled, unless it is a word or espeak spells it anyway: with a vowel it may read it."""
    word = match["word"]
    if word in lexicon.SHORT_WORDS or word in lexicon.SPELLED or not set(word) & set("AEIOUY"):
        return match[0]
    return letters(word) + (match["ending"] or "")


def _initials(match: Match) -> str:
    """`J. R. R. Tolkien`; before a word that starts sentences the last dot is a full stop."""
    return letters(re.sub(r"[.\s]", "", match[0])) + " "


def _final(spoken: str) -> Callable[[Match], str]:
    return lambda match: spoken + stop(match)


def _abbreviations() -> list[Rule]:
    """Of the lexicon's tables, each at the beginning of a word."""
    found = [
        rule(rf"(?<![\w.]){short}\b\.?(?=\s+(?:[A-Z]|and\b))", full)
        for short, full in lexicon.TITLES.items()
    ]
    for short, full in lexicon.INNER.items():
        found.append(rule(rf"(?<![\w.]){re.escape(short)}(?:,(?=\s))?(?!\w)", full))
    for short, full in lexicon.FINAL.items():
        found.append(rule(rf"(?<![\w.]){re.escape(short)}(?!\w)", _final(full)))
    return found  # fmt: skip


_TAIL = r"[^\s\"<>()]*[^\s\"<>().,;:!?']"

BEFORE_NUMBERS: list[Rule] = [
    rule(r"\bmailto:\S+\w|[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[A-Za-z]{2,}\b", _address),
    rule(rf"\b(?:https?|ftp)://{_TAIL}|\bwww\.{_TAIL}", _address),
    rule(
        rf"(?<![\w.@-])[\w-]+(?:\.[\w-]+)*\.(?:{lexicon.DOMAINS})\b(?!\.\w)(?:/{_TAIL})?", _address
    ),
    rule(r"(?<!\w)#\s?(?=\d)|\bNo\.\s?(?=\d)", "number "),
    rule(r"\bNos\.\s?(?=\d)", "numbers "),
    rule(r"\bpp?\.\s?(?=\d)", lambda m: "pages " if m[0].startswith("pp") else "page "),
    rule(r"(?<!\w)#(?=[^\W\d])", "hashtag "),
    rule(r"\b([CF])#", r"\1 sharp"),
    rule(r"\b([A-Za-z])\+\+", r"\1 plus plus"),
    rule(r"(?<!\w)~(?=\d)", "about "),
    rule(r"(?<=\d)\s?'\s?(\d{1,2})\s?\"", r" feet \1 inches"),
    rule(rf"(?<=\w)/(?=(?:{lexicon.PER})\b)", " per "),
    rule(r"(?<=[a-z])\.(?=[A-Z][a-z])", ". "),
    rule(r"(?<=[A-Za-z]),(?=[A-Za-z])", ", "),
    rule(r"(?<=\d)\s?\*\s?(?=\d)", " times "),
    rule(r"(?<=[\d\s])<(?=[\s\d])", " less than "),
    rule(r"(?<=[\d\s])>(?=[\s\d])", " greater than "),
    rule(r"[*<>\[\]{}~_|]+", " "),
    rule(r"\^2(?!\d)(?<![A-Za-z]{2}\^2)(?<![mM]\^2)", " squared "),
]
AFTER_NUMBERS: list[Rule] = [
    rule(r"([A-Z][\w']*\s+)(St|Dr)\b\.?(?!\s*'s)(?!\w)", _street),
    *_abbreviations(),
    rule(r"\b(?P<name>[A-Z][a-z]+)\s(?P<roman>X{0,3}(?:IX|IV|V?I{0,3}))\b(?<=[IVX])(?!')", _roman),
    rule(r"\b(?:[A-Z]\.){2,}(?!\w)", lambda m: letters(m[0].replace(".", "")) + stop(m)),
    rule(rf"\b(?:[A-HJ-Z]\.\s+)+(?=[A-Z][a-z])(?!(?:{lexicon.STARTERS})\b)", _initials),
    rule(r"\b[Aa]nd/or\b", "and or"),
]
ACRONYMS: list[Rule] = [
    rule(r"(?<![\w'])(?P<word>[A-Z]{2,3})(?P<ending>'?s)?(?![\w'])", _acronym),
    rule(r"(?<=[a-z] )A(?= (?:and|or|is|was|to|of|in|for|has|will|can)\b)", letters("A")),
]
SIGNS: list[Rule] = [
    rule(re.escape(sign), f" {name} ") for sign, name in {**lexicon.SIGNS, **lexicon.GREEK}.items()
]
