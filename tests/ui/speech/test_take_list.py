"""Takes as HTML: what a browser and a screen reader find in it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from vclip.speakers.candidates import Candidate
from vclip.speech.synthesizer import Speech
from vclip.ui.speech import take_list
from vclip.ui.speech.take_list import TakeEntry
from vclip.ui.speech.takes import SpeechTake, TakeStore
from vclip.ui.texts import ENGLISH, LANGUAGES, Texts

VOID = {"br", "img", "input", "meta"}
HOSTILE = "<script>alert('1')</script>\" onload=\"x & y"
LONG = "move(blend(near(p225;0;12);gen-12345-4999;0.55);1.25,-0.50,0.00,2.75)"


class Parsed(HTMLParser):
    """Elements with their attributes and the text of the whole; complains about what is open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", list[str]()
        self.feed(page)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), tag
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def takes(tmp_path: Path) -> TakeStore:
    return TakeStore(tmp_path)


def done(takes: TakeStore, seconds: float = 0.5) -> SpeechTake:
    take = takes.start(8000)
    take.finish(Speech(np.zeros(round(8000 * seconds), np.float32), 8000), {"voice": "p225"})
    return take


def voice(speaker_id: str, source: str = "bank", rank: int = 1, score: float = 0.5) -> Candidate:
    zeros = np.zeros(2, np.float32)
    return Candidate(rank, speaker_id, source, score, zeros, zeros)  # type: ignore[arg-type]


def test_the_player_names_the_take_for_player_js(takes: TakeStore) -> None:
    take = takes.start(8000)
    live = Parsed(take_list.player(ENGLISH, take)).find("div")[0]
    assert live["data-token"] == take.token
    assert (live["data-state"], live["data-rate"], live["data-now"]) == ("live", "8000", "")
    assert "data-seconds" not in live
    take.discard()
    assert Parsed(take_list.player(ENGLISH, take)).find("div")[0]["data-state"] == "failed"


def test_only_a_finished_take_has_controls(takes: TakeStore) -> None:
    assert not Parsed(take_list.player(ENGLISH, takes.start(8000))).find("audio")
    take = done(takes, 1.26)
    player = Parsed(take_list.player(ENGLISH, take))
    (audio,) = player.find("audio")
    assert audio["src"] == f"takes/{take.token}.wav"
    assert "controls" in audio
    assert audio["aria-label"]
    assert "autoplay" not in audio
    assert player.find("div")[0]["data-seconds"] == "1.3"


def test_without_a_take_there_is_a_hint() -> None:
    player = Parsed(take_list.player(ENGLISH, None))
    assert player.text == ENGLISH.player_empty
    assert not player.find("div")


def test_history_offers_replay_and_downloads_in_the_given_order() -> None:
    entries = [TakeEntry(f"t{n}", f"p{n}", f"text {n}", n + 0.25, n) for n in (3, 2, 1)]
    page = Parsed(take_list.history(ENGLISH, entries))
    assert [button["data-play"] for button in page.find("button")] == ["t3", "t2", "t1"]
    links = [link["href"] for link in page.find("a")]
    kinds = ("wav", "mp3", "json")
    assert links == [f"takes/t{n}.{kind}?download=1" for n in (3, 2, 1) for kind in kinds]
    assert page.text.index("text 3") < page.text.index("text 2") < page.text.index("text 1")
    assert "3.2 s · seed 3" in page.text
    assert take_list.history(ENGLISH, []) == ""


def test_long_texts_are_shortened() -> None:
    page = Parsed(take_list.history(ENGLISH, [TakeEntry("t", "p1", "word " * 400, 9, 0)]))
    assert len(page.text) < 300
    assert "…" in page.text


def test_compare_has_a_row_per_voice_playable_when_ready(takes: TakeStore) -> None:
    take = done(takes)
    rows = [
        (voice("p1"), take),
        (voice("gen-0-1", "generated", 2), None),
        (voice(LONG, "shaped", 3), None),
    ]
    page = Parsed(take_list.compare(ENGLISH, rows))
    plays = [button["data-play"] for button in page.find("button") if "data-play" in button]
    picks = [button["data-voice"] for button in page.find("button") if "data-voice" in button]
    assert plays == [take.token]
    assert picks == ["p1", "gen-0-1", LONG]
    assert ENGLISH.compare_ready.format(n=1, k=3) in page.text
    badges = [span["class"] for span in page.find("span") if "badge" in (span.get("class") or "")]
    assert badges == ["badge round", "badge square", "badge diamond"]
    assert LONG in page.text


def test_compare_says_no_more_when_all_are_ready(takes: TakeStore) -> None:
    page = Parsed(take_list.compare(ENGLISH, [(voice("p1", score=float("nan")), done(takes))]))
    assert "nan" not in page.text
    assert "1 of 1" not in page.text
    assert Parsed(take_list.compare(ENGLISH, [])).text == ENGLISH.compare_empty


@pytest.mark.parametrize("texts", LANGUAGES.values(), ids=LANGUAGES.keys())
def test_everything_is_escaped_and_every_control_has_a_name(takes: TakeStore, texts: Texts) -> None:
    pages = [
        take_list.history(texts, [TakeEntry("t", HOSTILE, HOSTILE, 1, 0)]),
        take_list.compare(texts, [(voice(HOSTILE), done(takes)), (voice(HOSTILE), None)]),
        take_list.player(texts, done(takes)),
    ]
    for page in map(Parsed, pages):
        assert {tag for tag, _ in page.elements} <= {
            *("div", "p", "span", "output", "i", "b", "audio", "section", "h3", "ol", "li"),
            *("button", "a"),
        }
        assert not [name for _, names in page.elements for name in names if name.startswith("on")]
        for control in page.find("button") + page.find("a") + page.find("audio"):
            assert control["aria-label"]
        assert all(button["type"] == "button" for button in page.find("button"))
        labels = [control["aria-label"] for control in page.find("a")]
        assert len(set(labels)) == len(labels)


def test_labels_tell_voices_apart(takes: TakeStore) -> None:
    rows = [(voice("p1"), done(takes)), (voice("p2"), None)]
    labels = [
        button["aria-label"] for button in Parsed(take_list.compare(ENGLISH, rows)).find("button")
    ]
    assert len(set(labels)) == 3
    assert all(re.search(r"p[12]", label or "") for label in labels)
