"""The list of voices: a listbox as ARIA wants it, names escaped, every id whole somewhere."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from vclip.speakers.candidates import Candidate
from vclip.ui.page import fragments
from vclip.ui.texts import ENGLISH

LONG = "blend(move(gen-4294967295-4999;2,-1.5,0.25,1);near(p339;99;873);0.55)"
EVIL = "<img src=x onerror=alert(1)>\"'"
SOURCES = {"p225": "bank", "gen-0-7": "generated", LONG: "shaped", EVIL: "bank"}


class Elements(HTMLParser):
    """Attributes of all elements, and that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.found.append({"tag": tag, **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def role(self, name: str) -> list[dict[str, str | None]]:
        return [e for e in self.found if e.get("role") == name]

    def kind(self, name: str) -> list[dict[str, str | None]]:
        return [e for e in self.found if name in (e.get("class") or "").split()]


def voice(rank: int, name: str, score: float = 0.5) -> Candidate:
    return Candidate(rank, name, SOURCES[name], score, np.zeros(2), np.zeros(2))


OFFERED = [voice(1, "gen-0-7", 0.62), voice(2, "p225", 0.61), voice(3, EVIL, -0.2), voice(0, LONG)]


def test_it_is_a_listbox() -> None:
    page = Elements(fragments.voice_list(ENGLISH, OFFERED, OFFERED[1]))
    (listbox,), options = page.role("listbox"), page.role("option")
    assert listbox["tabindex"] == "0" and listbox["aria-label"] == ENGLISH.best
    assert [o["aria-selected"] for o in options] == ["false", "true", "false", "false"]
    assert listbox["aria-activedescendant"] == options[1]["id"]
    assert len({o["id"] for o in options}) == 4
    assert [o["data-id"] for o in options] == [v.speaker_id for v in OFFERED]
    assert [o["data-rank"] for o in options] == ["1", "2", "3", ""]
    described = [e for e in page.found if e.get("id") == listbox["aria-describedby"]]
    assert len(described) == 1
    inside = [e for e in page.found if e.get("tabindex") or e["tag"] in ("button", "input", "a")]
    assert inside == [listbox]  # an option may hold nothing that takes the focus


def test_what_is_said_of_a_voice() -> None:
    labels = [o["aria-label"] for o in Elements(_drawn()).role("option")]
    assert labels[:2] == ["1, gen-0-7, fit 0.62", "2, p225, fit 0.61"]
    assert labels[3] == f"{LONG}, fit 0.50"
    assert ENGLISH.voice(voice(0, "p225", float("nan")), ", ") == "p225"


def _drawn() -> str:
    return fragments.voice_list(ENGLISH, OFFERED, None)


def test_nothing_is_picked() -> None:
    page = Elements(_drawn())
    assert "aria-activedescendant" not in page.role("listbox")[0]
    assert {o["aria-selected"] for o in page.role("option")} == {"false"}


def test_badges_have_the_shapes_of_the_marks() -> None:
    badges = Elements(_drawn()).kind("badge")
    assert [b["class"] for b in badges] == [
        f"badge {shape}" for shape in ("square", "round", "round", "diamond")
    ]


def test_every_id_is_whole_and_escaped() -> None:
    html = _drawn()
    assert "<img" not in html
    page = Elements(html)
    assert [e["title"] for e in page.kind("id")] == [v.speaker_id for v in OFFERED]
    assert LONG in page.text and EVIL in page.text  # its two parts follow each other


@pytest.mark.parametrize(
    ("score", "width"), [(0.62, "62%"), (-0.3, "0%"), (1.0, "100%"), (1.2, "100%")]
)
def test_bars_are_as_long_as_the_fit(score: float, width: str) -> None:
    html = fragments.voice_list(ENGLISH, [voice(1, "p225", score)], None)
    assert re.search(r'class="bar"><i style="width:([^"]*)"', html)[1] == width
    assert f'class="fit">{score:.2f}</span>' in html


def test_without_a_face_there_is_no_fit() -> None:
    page = Elements(fragments.voice_list(ENGLISH, [voice(0, "p225", float("nan"))], None))
    assert not page.kind("bar") and "nan" not in page.text


def test_empty() -> None:
    page = Elements(fragments.voice_list(ENGLISH, [], None))
    assert not page.role("listbox") and page.text == ENGLISH.best_empty
