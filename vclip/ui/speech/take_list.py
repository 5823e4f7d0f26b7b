"""Takes as HTML: the one that plays, all of this visit, the same words in many voices.

player.js gives it life: buttons with data-play sound the take of that token, [data-now] of the
player says what is heard. Addresses are relative, so that a proxy may put the app into a folder.
"""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

from vclip.speakers.candidates import Candidate
from vclip.ui.map.voice_map import SHAPES
from vclip.ui.speech.takes import SpeechTake
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


def player(texts: Texts, take: SpeechTake | None) -> str:
    """What was asked for last: what is heard of it now, then a player to hear it again."""
    if take is None:
        return f'<p class="hint take-empty">{texts.player_empty}</p>'
    token, done = html.escape(take.token), take.state == "done"
    length = f' data-seconds="{take.seconds:.1f}"' if done else ""
    return (
        f'<div class="take" data-token="{token}" data-rate="{take.sample_rate}" '
        f'data-state="{take.state}" data-now=""{length}>{_status(texts)}'
        + (_replay(texts, take) if done else "")
        + "</div>"
    )


def history(texts: Texts, entries: Sequence[TakeEntry]) -> str:
    """The takes of this visit, the newest first; nothing while there are none."""
    if not entries:
        return ""
    rows = "".join(_entry(texts, entry) for entry in entries)
    return f'<section class="takes"><h3>{texts.takes}</h3><ol>{rows}</ol></section>'


def compare(texts: Texts, rows: Sequence[tuple[Candidate, SpeechTake | None]]) -> str:
    """A row per voice, to be played once it has a take; elements with data-voice pick it."""
    if not rows:
        return f'<p class="hint">{texts.compare_empty}</p>'
    ready = sum(take is not None for _, take in rows)
    said = texts.compare_ready.format(n=ready, k=len(rows)) if ready < len(rows) else ""
    lines = "".join(_row(texts, voice, take) for voice, take in rows)
    return f'<p class="note" role="status">{said}</p><ol class="compare">{lines}</ol>'


def _status(texts: Texts) -> str:
    """All that it may say; the style sheet shows what holds."""
    return (
        '<p class="status"><span role="status">'
        f'<span class="wait">{texts.preparing}</span>'
        f'<span class="sound"><i class="bars" aria-hidden="true"></i>{texts.speaking}</span>'
        f'<span class="stopped">{texts.stopped}</span>'
        f'<span class="failed">{texts.not_spoken}</span>'
        '</span><output class="elapsed" aria-live="off"></output></p>'
    )


def _replay(texts: Texts, take: SpeechTake) -> str:
    label, token = html.escape(texts.audio), html.escape(take.token)
    return (
        f'<div class="replay"><audio controls preload="none" aria-label="{label}" '
        f'src="takes/{token}.wav"></audio></div>'
    )


def _files(texts: Texts, token: str, what: str) -> str:
    """Links to download it; `what` is told to screen readers."""
    links = []
    for kind in KINDS:
        said = texts.card_file if kind == "json" else kind.upper()
        label = html.escape(texts.download.format(kind=said, what=what))
        links.append(
            f'<a href="takes/{html.escape(token)}.{kind}?download=1" download '
            f'aria-label="{label}">{kind.upper()}</a>'
        )
    return f'<span class="files">{"".join(links)}</span>'


def _entry(texts: Texts, entry: TakeEntry) -> str:
    said = _short(entry.text)
    what = texts.take.format(voice=entry.speaker_id, text=_short(entry.text, 60))
    seconds = texts.said_seconds.format(seconds=f"{entry.seconds:.1f}")
    seed = texts.said_seed.format(seed=entry.seed)
    return (
        f'<li>{_play(texts, entry.token, what)}<span class="said">'
        f'<span class="who">{_name(entry.speaker_id)}'
        f"<span>{seconds} · {seed}</span></span>"
        f'<span class="text" title="{html.escape(said)}">{html.escape(said)}</span></span>'
        f"{_files(texts, entry.token, what)}</li>"
    )


def _row(texts: Texts, voice: Candidate, take: SpeechTake | None) -> str:
    name = html.escape(voice.speaker_id)
    fit = "" if math.isnan(voice.score) else f"<span>{texts.fit} </span>{voice.score:.2f}"
    use = html.escape(texts.use_voice.format(voice=voice.speaker_id))
    return (
        f'<li><span class="badge {SHAPES[voice.source]}"><b>{voice.rank or ""}</b></span>'
        f'{_name(voice.speaker_id)}<span class="fit">{fit}</span>'
        f"{_play(texts, take.token, voice.speaker_id) if take else _pending(texts, voice)}"
        f'<button type="button" class="use" data-voice="{name}" aria-label="{use}">'
        f"{texts.use}</button></li>"
    )


def _name(speaker_id: str) -> str:
    """In two parts, of which CSS shortens the first: the end tells long ids apart."""
    start, end = (html.escape(part) for part in (speaker_id[:-6], speaker_id[-6:]))
    return f'<b class="id" title="{html.escape(speaker_id)}">{start and f"<i>{start}</i>"}{end}</b>'


def _play(texts: Texts, token: str, what: str) -> str:
    label = html.escape(texts.play.format(what=what))
    return (
        f'<button type="button" class="play" data-play="{html.escape(token)}" '
        f'aria-pressed="false" aria-label="{label}"><i aria-hidden="true"></i></button>'
    )


def _pending(texts: Texts, voice: Candidate) -> str:
    label = html.escape(texts.compare_wait.format(voice=voice.speaker_id))
    return f'<span class="pending" role="img" aria-label="{label}"></span>'


def _short(text: str, length: int = SHOWN) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
