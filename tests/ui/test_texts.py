"""The app's texts: whole in both languages, the right one for each browser."""

import re
from dataclasses import fields
from pathlib import Path
from string import Formatter

import numpy as np
import pytest

from vclip.speakers.candidates import Candidate
from vclip.ui import german, texts
from vclip.ui.texts import ENGLISH, LANGUAGES, NAMES

GERMAN = LANGUAGES["de"]
# a name; what is said, since the voices speak English; what both languages write alike
SAME = {"title", "text", "pause", "take", "said_seconds"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_text_has_a_german_one(name: str) -> None:
    english, translated = getattr(ENGLISH, name), getattr(GERMAN, name)
    assert (translated == english) == (name in SAME)
    for pattern in (r"</?\w+", r"&\w+;"):  # the same elements, closed alike
        assert sorted(re.findall(pattern, translated)) == sorted(re.findall(pattern, english))
    holes = [
        {hole for _, hole, _, _ in Formatter().parse(t) if hole} for t in (english, translated)
    ]
    assert holes[0] == holes[1]


def test_no_field_is_left_out() -> None:
    assert {f.name for f in fields(ENGLISH)} == NAMES | {"language"}
    assert set(german.GERMAN) == NAMES
    assert {code: said.language for code, said in LANGUAGES.items()} == {"en": "en", "de": "de"}
    assert {code: set(said) for code, said in texts.I18N.translations.items()} == {
        "en": set(NAMES),
        "de": set(NAMES),
    }


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("DE-at", "de"),
        ("de-DE,de;q=0.9,en;q=0.8", "de"),
        ("en-US,en;q=0.9,de;q=0.8", "en"),
        ("fr, de;q=0.2", "de"),
        ("fr-FR, fr;q=0.9", "en"),
        ("en;q=0.5, de;q=0.50, fr", "en"),
        ("de;q=0", "en"),
        ("de;q=0, en;q=0", "en"),
        ("de; q=0.7 , en;q=0.3", "de"),
        ("de;q=2, en;q=0.1", "en"),
        ("de;level=1;;;,,;q=x", "en"),
        ("deutsch", "en"),
        ("x" * 10_000, "en"),
    ],
)
def test_the_language_that_a_browser_asks_for(header: str | None, language: str) -> None:
    assert texts.of(header).language == language


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_text_is_shown_somewhere(name: str) -> None:
    folder = Path(texts.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py") if path.stem != "german")
    numbered = rf'f"{name.rpartition("_")[0]}_\{{'  # as direction_{n}
    assert re.search(rf'\.{name}\b(?!\()|"{name}"|{numbered}', code)


def test_static_texts_are_keys_that_exist() -> None:
    assert texts.static("speak").to_dict()["key"] == "speak"
    for unknown in ("language", "voice", "nonsense"):
        with pytest.raises(KeyError):
            texts.static(unknown)


def test_texts_name_voices_without_guesses() -> None:
    voice = Candidate(3, "p225", "bank", 0.6234, np.zeros(2), np.zeros(2))
    assert "p225" in ENGLISH.voice(voice) and "0.62" in ENGLISH.voice(voice)
    unranked = Candidate(0, "gen-0-7", "generated", float("nan"), np.zeros(2), np.zeros(2))
    assert ENGLISH.voice(unranked) == "gen-0-7"
    everything = " ".join(getattr(t, n) for t in LANGUAGES.values() for n in NAMES).lower()
    for guess in ("female", "weiblich", "männlich", "ethnic", "ethnie", "young", "gender"):
        assert guess not in everything
