"""Texts of the app: a JSON file of names and texts for each language.

Texts that never change go to the browser through gr.I18n (`static`), which shows them in its own
language; what depends on a visit is written by the server, in a language that it can `negotiate`.
"""

import json
import logging
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from vclip.errors import VclipError
from vclip.limits import MAX_CHARS
from vclip.speakers.candidates import Candidate

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Texts:
    """The texts of one language as attributes, `texts.speak`."""

    language: str  # as in RFC 5646; the attribute `lang` of HTML
    catalogue: Mapping[str, str]

    def __getattr__(self, name: str) -> str:
        """A text by its name. Raises AttributeError if there is none."""
        try:
            return self.catalogue[name]
        except KeyError:
            raise AttributeError(f"there is no text {name!r} in {self.language}") from None

    def voice(self, candidate: Candidate, separator: str = " · ") -> str:
        """Name of a voice: rank if it has one, id, fit if a face is known."""
        parts = [f"{candidate.rank}"] if candidate.rank else []
        parts.append(candidate.speaker_id)
        if not math.isnan(candidate.score):
            parts.append(f"{self.fit} {candidate.score:.2f}")
        return separator.join(parts)

    def counted(self, text: str) -> str:
        """How much of the limit a text takes, and how long; estimate.js keeps the numbers right."""
        length, seconds, wait = (
            f'<output data-of="{name}" aria-live="off">{value}</output>'
            for name, value in (("length", len(text.strip())), ("seconds", "–"), ("wait", "–"))
        )
        count = self.count.format(length=length, limit=MAX_CHARS)
        return f"{count} · {self.estimate.format(seconds=seconds, wait=wait)}"

    def failure(self, error: Exception) -> str:
        """Our own messages as they are; of others, which are logged, only that it failed."""
        if isinstance(error, VclipError):
            return str(error)
        log.error("an event failed", exc_info=error)
        return self.failed


CATALOGUES: dict[str, dict[str, str]] = {
    code: json.loads((Path(__file__).parent / "assets" / f"{name}.json").read_text("utf-8"))
    for code, name in (("en", "english"), ("de", "german"))
}
LANGUAGES = {code: Texts(code, catalogue) for code, catalogue in CATALOGUES.items()}
ENGLISH, NAMES = LANGUAGES["en"], CATALOGUES["en"].keys()
I18N = gr.I18n(**CATALOGUES)


def static(name: str) -> I18nData:
    """A text that the browser shows in its own language. Raises KeyError for unknown names."""
    if name not in NAMES:
        raise KeyError(f"there is no text {name!r}")
    return I18N(name)


def negotiate(accept_language: str | None) -> Texts:
    """The language that a browser likes best of ours (RFC 9110, 12.5.4); English if it has none."""
    wanted = [_weighed(wish) for wish in (accept_language or "").split(",")]
    ours = [(weight, code) for code, weight in wanted if weight > 0 and code in LANGUAGES]
    best = max(ours, key=lambda wish: wish[0], default=(0.0, "en"))  # of equals the first
    return LANGUAGES[best[1]]


def _weighed(wish: str) -> tuple[str, float]:
    """`de-AT;q=0.8` to (de, 0.8); what is not a weight counts as refused."""
    tag, _, parameters = wish.partition(";")
    found = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameters.lower() or "q=1")
    return tag.strip().lower().split("-")[0], float(found[1]) if found else 0.0
