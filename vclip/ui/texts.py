"""Texts of the app: English as typed defaults, other languages as JSON files of the same names.

Texts that never change go to the browser through gr.I18n (`static`), which shows them in its own
language; what depends on a visit is written by the server, in a language that it can `negotiate`.
"""

import json
import math
import re
from dataclasses import dataclass, fields
from pathlib import Path

import gradio as gr
from gradio.i18n import I18nData

from vclip.limits import MAX_CHARS
from vclip.speakers.candidates import Candidate


@dataclass(frozen=True)
class Texts:
    """One language. Names of fields are the keys of gr.I18n."""

    language: str = "en"  # as in RFC 5646; the attribute `lang` of HTML

    # head
    title: str = "vclip"
    tagline: str = "A face goes in, voices that could go with it come out."
    caution: str = (
        "Faces and voices go together only weakly. These are plausible voices, "
        "never this person’s own voice, and nothing is guessed about the person."
    )
    privacy: str = (
        "Photos are used in memory for this visit only: forgotten at once with the button, else an "
        "hour after the last click; the uploaded file is deleted within two minutes. Nothing is "
        "published or used for training. The speech is synthetic."
    )

    # a model without an association
    zero_shot: str = (
        "Zero-shot fallback: nothing here was trained on faces and voices of the same people. CLIP "
        "compares the picture, or your words, with short descriptions of the bank’s speakers; "
        "expect less than of a trained model."
    )
    words: str = "Words"
    words_label: str = "A description in place of a photo, in English"
    read: str = "Find voices"
    words_used: str = "Voices are ranked for the words “{words}”."

    # a listening test beside the demo
    tab_demo: str = "Demo"
    tab_study: str = "Listening test"
    study_open: str = "Open in a window of its own"

    # face
    step_face: str = "Face"
    upload: str = "Photo"
    camera: str = "Camera"
    upload_label: str = "A photo with a face"
    upload_note: str = "A photo with one or more faces: JPEG, PNG, WebP or HEIC, up to 16 MB."
    camera_note: str = "The camera is used only when you press its button."
    camera_denied: str = (
        "The browser gives no camera to this page. Allow it in the address bar, or take a photo "
        "from a file."
    )
    examples: str = "Or try an example"
    example_credit: str = (
        "Composites of 14 people each; they show nobody. From the Face Research Lab London Set "
        "(DeBruine & Jones 2017), CC BY 4.0."
    )
    no_photo: str = "No face yet. The map shows every voice; a face will colour it by fit."
    whole: str = "Use the whole picture"
    forget: str = "Forget my photo and everything else"
    crop_used: str = "What the model sees"
    choose_face: str = "Choose a face"
    face: str = "the face"
    your_photo: str = "your photo"
    face_number: str = "face {n}"
    example_number: str = "example face {n}"
    faces_found: str = "{n} faces found; face {chosen} is used."

    # map and list of voices
    step_voice: str = "Voice"
    source_label: str = "Search in"
    source_both: str = "both"
    source_bank: str = "bank"
    source_generated: str = "generated"
    seed: str = "Seed"
    k: str = "Voices"
    resample: str = "Resample"
    map_label: str = "Map of the voices. The list beside it offers the same choice to the keyboard."
    key_bank: str = "voice of the bank"
    key_cloud: str = "density of generated voices"
    key_generated: str = "generated voice, listed"
    key_shaped: str = "changed by you"
    hear: str = "Play a preview on hover"
    hear_voice: str = "Play a preview (P)"
    list_keys: str = "Arrow keys and digits pick a voice, P plays a preview."
    fit: str = "fit"
    map_note: str = (
        "Click any point to pick its voice. Near means similar voices; the true space has more "
        "dimensions, so colour, not distance from the star, tells the fit."
    )
    best: str = "Best fits"
    best_empty: str = "Show a face, and the voices that fit it best are listed here."
    bank: str = "Any voice of the bank"

    # speech
    step_speech: str = "Speech"
    text_label: str = "What should it say?"
    text: str = "Hello! This is a voice that might go with the face in the picture."
    speed: str = "Speed"
    pause: str = "Pause (s)"
    speak: str = "Speak"
    stop: str = "Stop"
    audio: str = "Speech"
    speaking: str = "Speaking"
    count: str = "{length} of {limit} characters, in English"

    # why this voice
    why: str = "Why this voice?"
    why_empty: str = (
        "With a face and a voice, this says how well they fit, and how little that means."
    )
    why_fit: str = "The fit of {voice} is {fit} (cosine in the searched space, −1 to 1)."
    why_percentile: str = "It fits this face better than it fits {share} % of {n} other faces."
    why_worth: str = (
        "What that is worth: with {pairs} people whose faces and voices are known, it was {own} % "
        "on average for their own voices, {others} % for voices of others, and {same_sex} % for "
        "others of the same sex."
    )
    why_neighbours: str = "Nearest voices of the bank:"
    why_weak: str = (
        "Faces tell little about voices: most of what can be predicted goes with sex and age. A "
        "high fit says that this voice would be plausible, not that it is this person’s."
    )
    control: str = "Try another face"
    control_note: str = "Control: what would a random other face have got?"
    control_title: str = "Other face no. {n} of {total}"
    control_shared: str = "{n} of {k} voices are the same."
    control_fit: str = "fit there"
    control_here: str = "fit to your face"

    # shaping a voice
    shape: str = "Change it"
    shape_note: str = (
        "The sliders start from the picked voice and move it along the directions in which voices "
        "differ most, in standard deviations; its fit is measured anew each time."
    )
    direction_1: str = "Direction 1"
    direction_2: str = "Direction 2"
    direction_3: str = "Direction 3"
    direction_4: str = "Direction 4"
    partner: str = "Blend with"
    share: str = "Share of the other voice"
    near: str = "More like this"
    everywhere: str = "Back to all voices"
    around: str = "Searching near {voice}."

    # keeping a voice
    keep: str = "Keep it"
    keep_note: str = (
        "A voice card is a small file that brings this voice back, here or on the command line."
    )
    keep_empty: str = "Pick a voice, and its card can be downloaded here."
    card: str = "Download the voice card"
    card_upload: str = "Open a voice card"

    # speaking
    tab_speak: str = "Speak"
    tab_compare: str = "Compare"
    speech_seed: str = "Seed"
    compare: str = "Say it in every voice of the list"
    no_voices: str = "Show a face first: the voices that fit it are compared."

    # takes: what plays, what was spoken, the same sentence in many voices
    estimate: str = "about {seconds} s of speech, ready to play in {wait} s"
    player_empty: str = "What you have it say plays here."
    preparing: str = "Preparing"
    stopped: str = "Stopped."
    not_spoken: str = "This could not be spoken."
    takes: str = "Takes"
    take: str = "{voice}: {text}"
    said_seconds: str = "{seconds} s"
    said_seed: str = "seed {seed}"
    play: str = "Play or pause {what}"
    download: str = "Download {kind} of {what}"
    card_file: str = "the record that speaks it again (JSON)"
    compare_empty: str = "The same words in every voice of the list, equally loud, one click each."
    compare_ready: str = "{n} of {k} voices have spoken."
    compare_wait: str = "{voice} has not spoken yet"
    use: str = "Use"
    use_voice: str = "Use the voice {voice}"

    # messages
    no_voice: str = "Pick a voice on the map or in the list first."
    photo_gone: str = "The photo of this visit is gone; choose it again."
    no_number: str = "A number is missing; type a whole one for the seed and for the voices."
    k_range: str = "Ask for 1 to {most} voices."
    no_face_yet: str = "Show a face first, or take an example."
    no_partner: str = "Choose a voice to blend with."
    failed: str = "Something went wrong on our side; please try again."

    # stage mode: the keys, as HTML
    keys: str = (
        "<kbd>Space</kbd> speak or stop &nbsp; <kbd>1</kbd>–<kbd>9</kbd> pick a voice &nbsp; "
        "<kbd>R</kbd> resample &nbsp; <kbd>Esc</kbd> wipe face and voices"
    )

    def voice(self, candidate: Candidate, separator: str = " · ") -> str:
        """How a voice is named: rank if it has one, id, fit if a face is known."""
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


ENGLISH = Texts()
NAMES = frozenset(field.name for field in fields(Texts)) - {"language"}
GERMAN: dict[str, str] = json.loads(
    (Path(__file__).parent / "assets" / "german.json").read_text(encoding="utf-8")
)
LANGUAGES = {"en": ENGLISH, "de": Texts(language="de", **GERMAN)}
I18N = gr.I18n(
    **{code: {name: getattr(said, name) for name in NAMES} for code, said in LANGUAGES.items()}
)


def static(name: str) -> I18nData:
    """A text that the browser shows in its own language. Raises KeyError for unknown names."""
    if name not in NAMES:
        raise KeyError(f"vclip.ui.texts.Texts has no field {name!r}")
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
