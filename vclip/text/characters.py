"""Characters: any Unicode text to Latin letters and plain signs; the rest is refused by name."""

import html
import re
import unicodedata

import emoji
from anyascii import anyascii

from vclip.errors import TextError
from vclip.text import lexicon

SHOWN = 10  # characters that an error names
_PLAIN = str.maketrans(dict(lexicon.PLAIN))
_SPACED = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")  # 1 234 567, as ISO groups it
_FRACTION = re.compile(r"(\d?)([¼-¾⅐-⅞])")
_DROPPED = re.compile(r"[^\w\s!\"#$%&'()*+,\-./:;<=>?@\[\\\]^{}~–" + "".join(lexicon.SIGNS) + "]")
# an attribute needs its value: x <y and y> z is no tag
_TAG = re.compile(
    r"</?([A-Za-z][\w:-]*)(?:\s+[\w:-]+\s*=\s*(?:\"[^\"]*\"|'[^']*'|[^\s\"'<>]+))*\s*/?>", re.ASCII
)
_BLOCK = re.compile("br|div|h[1-6r]|li|ol|p|table|tr|ul", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});", re.ASCII)
_GREEK = re.compile(r"[Ͱ-Ͽἀ-῾]")


def plain(text: str) -> str:
    """Latin and Greek letters, ASCII digits and signs, `–` and the signs of the lexicon.

    Emoji become their names between commas, HTML tags are left out. Raises TextError for letters
    of other scripts.
    """
    text = _ENTITY.sub(lambda m: html.unescape(m[0]), text)
    refuse_foreign(text)
    text = _TAG.sub(_break, text)
    text = emoji.replace_emoji(_SPACED.sub("", text.translate(_PLAIN)), _named)
    text = re.sub(r"(, [^,]+,)(?:\s*\1)+", r"\1", text)  # a row of the same emoji is said once
    text = _FRACTION.sub(lambda m: f"{m[1]} {unicodedata.normalize('NFKC', m[2])}", text)
    text = unicodedata.normalize("NFKC", text).translate(_PLAIN)
    return _DROPPED.sub("", "".join(map(_simple, text)))


def refuse_foreign(text: str) -> None:
    """Raise TextError if there are letters that an English voice cannot say."""
    masked = emoji.replace_emoji(text, lambda found, _: " " * len(found))
    places: dict[str, int] = {}
    for i, character in enumerate(masked):
        beside = masked[max(i - 1, 0) : i] + masked[i + 1 : i + 2]
        if _is_foreign(character) or (_GREEK.match(character) and _GREEK.search(beside)):
            places.setdefault(character, i + 1)
    if not places:
        return
    named = ", ".join(f"{_shown(c)} (character {i})" for c, i in list(places.items())[:SHOWN])
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    raise TextError(
        f"the voices speak English and cannot say {named}{more}; write that in Latin letters"
    )


def _is_foreign(character: str) -> bool:
    """A letter that is neither Latin nor Greek, or a code point that has no meaning."""
    for part in unicodedata.normalize("NFKC", character):
        category, name = unicodedata.category(part), unicodedata.name(part, "")
        if category in ("Co", "Cn", "Cs"):
            return True
        if category[0] == "L" and not re.match("LATIN|GREEK|MODIFIER|FEMININE|MASCULINE", name):
            return True
    return False


def _break(tag: re.Match[str]) -> str:
    """Paragraphs of pasted HTML stay apart; bold letters stay in their word."""
    return "\n\n" if _BLOCK.fullmatch(tag[1]) else ""


def _named(found: str, data: dict[str, str]) -> str:
    """`👍🏽` → thumbs up; keycaps are their digit again."""
    name = re.sub(r"_(?:medium-?_?)?(?:light|dark)?_?skin_tone", "", data["en"].strip(":"))
    if name.startswith("keycap_"):
        return f" {name.removeprefix('keycap_')} "
    return f", {name.replace('_', ' ').replace(',', '')}, "


def _simple(character: str) -> str:
    """Letters as espeak-ng reads them, digits of any script as ASCII."""
    if character < "Ā" or not character.isalnum():
        return character
    if _GREEK.match(character):
        return unicodedata.normalize("NFD", character)[0]
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return anyascii(character)


def _shown(character: str) -> str:
    return character if character.isprintable() else f"U+{ord(character):04X}"
