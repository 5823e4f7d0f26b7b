"""Explanation of a voice as HTML: its fit, how special that is, what is near, and a control."""

import math
from collections.abc import Mapping

from vclip.association.explain import Explanation, ShuffledControl
from vclip.speakers.candidates import Candidate
from vclip.ui.templates import render
from vclip.ui.texts import Texts


def draw(
    texts: Texts, picked: Candidate | None, why: Explanation | None, worth: Mapping[str, float]
) -> str:
    """The explanation of the picked voice; elements with data-voice pick another one.

    worth: what such percentiles were for voices of known people, see
    `FaceToVoice.percentile_means`.
    """
    if picked is None or why is None:
        return render("explanation.why", texts, None, None, None, {})
    part = why.percentile
    share = None if part is None or math.isnan(part) else round(100 * part)
    shares = {name: n if name == "pairs" else round(100 * n) for name, n in worth.items()}
    return render("explanation.why", texts, picked, why, share, shares if why.n_faces else {})


def control(texts: Texts, shuffled: ShuffledControl | None, index: int | None, total: int) -> str:
    """HTML of the control: candidates of another face, with the scores of both faces."""
    return render("explanation.control", texts, shuffled, index, total)
