"""Takes as HTML: the one that plays, all of this visit, the same words in many voices."""

from collections.abc import Sequence
from dataclasses import dataclass

from vclip.speakers.candidates import Candidate
from vclip.ui.map.voice_map import SHAPES
from vclip.ui.speech.takes import SpeechTake
from vclip.ui.templates import render
from vclip.ui.texts import Texts

SHOWN = 160  # characters of a text
KINDS = ("wav", "mp3", "json")  # offered for download


@dataclass(frozen=True)
class TakeEntry:
    """One take of a visit."""

    token: str
    speaker_id: str
    text: str
    seconds: float
    seed: int

    def excerpt(self, length: int = SHOWN) -> str:
        """The text, or its beginning, in at most so many characters."""
        text = self.text
        return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def player(texts: Texts, take: SpeechTake | None) -> str:
    """Player of the latest take: live while it is spoken, then to replay it."""
    return render("takes.player", texts, take, take and take.state)


def history(texts: Texts, entries: Sequence[TakeEntry]) -> str:
    """The takes of this visit, the newest first; nothing while there are none."""
    return render("takes.history", texts, entries, KINDS)


def compare(texts: Texts, rows: Sequence[tuple[Candidate, SpeechTake | None]]) -> str:
    """A row per voice, to be played once it has a take; elements with data-voice pick it."""
    ready = sum(take is not None for _, take in rows)
    return render("takes.compare", texts, rows, ready, SHAPES)
