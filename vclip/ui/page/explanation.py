"""Explanation of a voice as HTML: its fit, how special that is, what is near, and a control."""

import html
import math
from collections.abc import Mapping

from vclip.association.explain import Explanation, ShuffledControl
from vclip.speakers.candidates import Candidate
from vclip.ui.texts import Texts


def draw(
    texts: Texts, picked: Candidate | None, why: Explanation | None, worth: Mapping[str, float]
) -> str:
    """The explanation of the picked voice; elements with data-voice pick another one.

    worth: what such percentiles were for voices of known people, see
    `FaceToVoice.percentile_means`.
    """
    if picked is None or why is None:
        return f'<p class="hint">{texts.why_empty}</p>'
    lines = [_fit(texts, picked, why), _percentile(texts, why), _neighbours(texts, why)]
    weak = f'<p class="note">{texts.why_weak}</p>'
    return "".join(lines) + weak + (_worth(texts, worth) if worth and why.n_faces else "")


def control(texts: Texts, shuffled: ShuffledControl | None, index: int | None, total: int) -> str:
    """What another face would have got, with the scores of both faces."""
    if shuffled is None or index is None:
        return f'<p class="note">{texts.control_note}</p>'
    rows = "".join(
        f"<tr><td>{voice.rank}</td><td>{_pick(voice.speaker_id)}</td>"
        f"<td>{voice.score:.2f}</td><td>{here:.2f}</td></tr>"
        for voice, here in zip(shuffled.candidates, shuffled.scores_here, strict=True)
    )
    shared = texts.control_shared.format(n=shuffled.n_shared, k=len(shuffled.candidates))
    title = texts.control_title.format(n=index + 1, total=total)
    columns = ("#", texts.step_voice, texts.control_fit, texts.control_here)
    heads = "".join(f'<th scope="col">{name}</th>' for name in columns)
    return (
        f'<p class="note" role="status"><b>{title}.</b> {shared}</p>'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _fit(texts: Texts, picked: Candidate, why: Explanation) -> str:
    name = f"<b>{html.escape(picked.speaker_id)}</b>"
    fit = f"<b>{why.score:.2f}</b>"
    return f"<p>{texts.why_fit.format(voice=name, fit=fit)}</p>"


def _percentile(texts: Texts, why: Explanation) -> str:
    if why.percentile is None or math.isnan(why.percentile):
        return ""
    share = round(100 * why.percentile)
    said = texts.why_percentile.format(share=f"<b>{share}</b>", n=why.n_faces)
    bar = f'<div class="share" aria-hidden="true"><i style="width:{share}%"></i></div>'
    return f"{bar}<p>{said}</p>"


def _worth(texts: Texts, worth: Mapping[str, float]) -> str:
    shares = {name: round(100 * worth[name]) for name in ("own", "others", "same_sex")}
    return f'<p class="note">{texts.why_worth.format(pairs=worth["pairs"], **shares)}</p>'


def _neighbours(texts: Texts, why: Explanation) -> str:
    voices = ", ".join(f"{_pick(name)} ({cosine:.2f})" for name, cosine in why.neighbours)
    return f"<p>{texts.why_neighbours} {voices}</p>"


def _pick(speaker_id: str) -> str:
    name = html.escape(speaker_id)
    return f'<button type="button" class="link" data-voice="{name}">{name}</button>'
