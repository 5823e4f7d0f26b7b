"""The app's texts: whole in both languages, the right one for each browser."""

import ast
import asyncio
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import cast

import numpy as np
import pytest
from conftest import REPO
from fake_model import FakeModel, picture

from vclip.errors import InputError
from vclip.pipeline import FaceToVoice
from vclip.speakers.candidates import Candidate
from vclip.ui import texts
from vclip.ui.page import events
from vclip.ui.page.speech_events import SpeechController, SpeechRequest
from vclip.ui.session import VisitorSession
from vclip.ui.speech.takes import TakeStore
from vclip.ui.texts import ENGLISH, LANGUAGES, NAMES, Texts
from vclip.ui.visit import Visit, VisitController

GERMAN = LANGUAGES["de"]
HELLO = SpeechRequest("Hello.", 0, 1.0, 0.0)
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


def test_no_text_is_left_out() -> None:
    assert {code: list(said) for code, said in texts.CATALOGUES.items()} == {
        code: list(NAMES) for code in ("en", "de")
    }
    assert NAMES.isdisjoint({*dir(Texts), "language", "catalogue"})  # which would hide it
    assert {code: said.language for code, said in LANGUAGES.items()} == {"en": "en", "de": "de"}
    assert {code: set(said) for code, said in texts.I18N.translations.items()} == {
        "en": set(NAMES),
        "de": set(NAMES),
    }


def asked_for(path: Path) -> Iterator[str]:
    """Names of texts in a template or module: attributes of Texts, arguments of `static`."""
    if path.suffix == ".html":
        yield from re.findall(r"\btexts\.(\w+)", path.read_text())
        return
    owners = {"texts", "ENGLISH", "self" if path.name == "texts.py" else ""}
    for node in ast.walk(ast.parse(path.read_text())):
        owner = ast.unparse(node.value) if isinstance(node, ast.Attribute) else ""
        if isinstance(node, ast.Attribute) and owner.rpartition(".")[2] in owners:
            yield node.attr
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("static", "note", "_heading"):
            for said in node.args:
                if isinstance(said, ast.Constant) and isinstance(said.value, str):
                    yield said.value


def test_every_text_that_is_asked_for_exists() -> None:
    """What a type checker cannot see, as the names are data."""
    own = {name for name in dir(Texts) if name[0] != "_"} | {"language", "catalogue"}
    page, showcase = REPO / "vclip" / "ui", REPO / "vclip" / "recipes" / "showcase"
    sources = [*page.rglob("*.py"), *page.rglob("*.html"), *showcase.glob("*.py")]
    asked = {name for path in sources for name in asked_for(path)}
    assert asked - own <= NAMES
    assert len(asked & NAMES) > 0.9 * len(NAMES)  # the rest is named by tables
    with pytest.raises(AttributeError, match="no text 'speek'"):
        _ = ENGLISH.speek


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
    assert texts.negotiate(header).language == language


class Recording(dict[str, str]):
    """A catalogue that notes which of its texts are read."""

    def __init__(self, catalogue: Mapping[str, str]) -> None:
        super().__init__(catalogue)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)


def unread(catalogue: Mapping[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of texts that no state of the page reads, whether here or in the browser (`static`)."""
    recording = Recording(catalogue)
    english, i18n = Texts("en", recording), texts.I18N
    monkeypatch.setattr(texts, "I18N", lambda name: (recording.read.add(name), i18n(name))[1])
    monkeypatch.setitem(LANGUAGES, "en", english)
    for module in [module for name, module in sys.modules.items() if name.startswith("vclip.ui")]:
        if hasattr(module, "ENGLISH"):
            monkeypatch.setattr(module, "ENGLISH", english)
    model = FakeModel()
    model.zero_shot = True
    model.percentile_means = {"pairs": 138, "own": 0.79, "others": 0.55, "same_sex": 0.744}
    controller, takes = VisitController(cast(FaceToVoice, model)), TakeStore(folder)
    asyncio.run(built(controller, takes))
    show_every_state(controller)
    show_every_message(controller)
    session = VisitorSession()
    session.visit = controller.search(controller.open_photo(Visit(), picture(90)), "both", 0, 3)
    speaker = SpeechController(controller, takes)
    for steps in (speaker.speak, speaker.compare):
        list(steps(session, HELLO))
    return set(catalogue) - recording.read


async def built(controller: VisitController, takes: TakeStore) -> None:
    """In a running loop: without one Gradio opens some, for ever."""
    events.build_page(controller, takes, stage=True, study=True)


def show_every_state(controller: VisitController) -> None:
    face = controller.open_photo(Visit(), picture(90))
    for visit in (
        Visit(),
        face,
        controller.move(face, 1, 0, 0, 0),
        controller.search_near(face),
        controller.shuffle(face),
        controller.open_description(Visit(), "an old man"),
    ):
        events.show(controller, visit)


def show_every_message(controller: VisitController) -> None:
    face = controller.open_photo(Visit(), picture(90))
    for step, visit, *inputs in [
        (controller.use_whole, face),
        (controller.search, face, "both", None, 3),
        (controller.search, face, "both", 0, 0),
        (controller.search_near, Visit()),
        (controller.search_near, controller.pick(Visit(), "p3")),
        (controller.blend, face, None, 0.5),
        (None, face),  # a mistake of ours
    ]:
        session = VisitorSession()
        session.visit = visit
        run = events.guarded(controller, step, events.MESSAGES, "face_message")
        _, told, *_ = run(session, *inputs)
        assert told
    speaker = SpeechController(controller, cast(TakeStore, None))
    for steps in (speaker.speak, speaker.compare):
        with pytest.raises(InputError):
            next(steps(VisitorSession(), HELLO))


PLANTED = {"nobody_shows_this": "A text that was left behind."}


@pytest.mark.slow
@pytest.mark.parametrize("planted", [{}, PLANTED])
def test_every_text_is_shown_somewhere(
    planted: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue = {**ENGLISH.catalogue, **planted}
    assert unread(catalogue, tmp_path, monkeypatch) == set(planted)


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
