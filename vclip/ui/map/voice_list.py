"""List of voices beside the map, as HTML: the same choice for keyboard and screen readers."""

import html
import math
from collections.abc import Sequence

from vclip.speakers.candidates import Candidate
from vclip.ui.map.voice_map import SHAPES
from vclip.ui.texts import Texts

LONG = 16  # characters of an id that has to be shortened in a narrow list


def draw(texts: Texts, offered: Sequence[Candidate], picked: Candidate | None) -> str:
    """HTML of a listbox with one option per voice; voices.js moves in it and picks."""
    if not offered:
        return f'<p class="hint">{texts.best_empty}</p>'
    chosen = picked.speaker_id if picked else None
    options = [_option(texts, voice, n, chosen) for n, voice in enumerate(offered)]
    active = [n for n, voice in enumerate(offered) if voice.speaker_id == chosen]
    pointer = f' aria-activedescendant="voice-{active[0]}"' if active else ""
    return (
        f'<div class="voicelist"><div role="listbox" tabindex="0" aria-label="{texts.best}" '
        f'aria-describedby="voice-keys" aria-keyshortcuts="P"{pointer}>{"".join(options)}</div>'
        f'<p class="keys" id="voice-keys">{texts.list_keys}</p>'
        '<p class="said" role="status" aria-live="polite"></p></div>'
    )


def _option(texts: Texts, voice: Candidate, n: int, chosen: str | None) -> str:
    """Nothing in an option can have the focus, so preview is the key P or a click on a sign."""
    name = html.escape(voice.speaker_id)
    selected = str(voice.speaker_id == chosen).lower()
    return (
        f'<div role="option" id="voice-{n}" class="voice" data-id="{name}" '
        f'data-rank="{voice.rank or ""}" aria-selected="{selected}" '
        f'aria-label="{html.escape(texts.voice(voice, ", "))}">'
        f'<span class="badge {SHAPES[voice.source]}"><b>{voice.rank or ""}</b></span>'
        f'<span class="id" title="{name}">{_ends(voice.speaker_id)}</span>{_fit(voice)}'
        f'<span class="play" title="{texts.hear_voice}">▶</span></div>'
    )


def _ends(speaker_id: str) -> str:
    """In two parts, of which the first may be shortened: the end tells long ids apart."""
    cut = len(speaker_id) - 6 if len(speaker_id) > LONG else len(speaker_id)
    return f"<span>{html.escape(speaker_id[:cut])}</span>{html.escape(speaker_id[cut:])}"


def _fit(voice: Candidate) -> str:
    """A bar from 0 to 1 and the number; a negative fit has no bar."""
    if math.isnan(voice.score):
        return ""
    share = round(100 * min(max(voice.score, 0.0), 1.0))
    bar = f'<span class="bar"><i style="width:{share}%"></i></span>'
    return f'{bar}<span class="fit">{voice.score:.2f}</span>'
