"""Every sentence of the app, in one place: the defaults are English, other languages replace them.

Texts that never change go to the browser through gr.I18n (`static`), which shows them in its own
language; what depends on a visit is written here, in the language that the browser asked for (`of`).
"""

import math
from dataclasses import dataclass

from vclip.pipeline import MAX_CHARS, Candidate


@dataclass(frozen=True)
class Texts:
    """One language. Names of fields are the keys of gr.I18n."""

    # head
    title: str = "vclip"
    tagline: str = "A face goes in, voices that could go with it come out."
    caution: str = (
        "Faces and voices go together only weakly. These are plausible voices, "
        "never this person’s own voice, and nothing is guessed about the person."
    )
    privacy: str = (
        "Photos are used in memory for this visit only; the uploaded file is deleted within two "
        "minutes. Nothing is kept, published or used for training. The speech is synthetic."
    )

    # face
    step_face: str = "Face"
    upload: str = "Photo"
    camera: str = "Camera"
    upload_label: str = "A photo with a face"
    upload_note: str = "A photo with one or more faces: JPEG, PNG, WebP or HEIC, up to 16 MB."
    camera_note: str = "The camera is used only when you press its button."
    examples: str = "Or try an example"
    example_credit: str = (
        "Composites of 14 people each; they show nobody. From the Face Research Lab London Set "
        "(DeBruine & Jones 2017), CC BY 4.0."
    )
    no_photo: str = "No face yet. The map shows every voice; a face will colour it by fit."
    whole: str = "Use the whole picture"
    forget: str = "Forget my photo"
    crop_used: str = "What the model sees"
    choose_face: str = "Choose a face"
    face: str = "the face"
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
    key_cloud: str = "generated voices, denser where darker"
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
    format: str = "File"
    speak: str = "Speak"
    stop: str = "Stop"
    audio: str = "Speech"
    speaking: str = "Speaking"
    count: str = "{length} of {limit} characters, in English"

    # messages
    no_voice: str = "Pick a voice on the map or in the list first."
    photo_gone: str = "The photo of this visit is gone; choose it again."
    not_offered: str = "This voice was not offered here; pick one on the map or in the list."
    no_seed: str = "The seed is empty; type a whole number."
    failed: str = "Something went wrong on our side; please try again."

    def voice(self, candidate: Candidate) -> str:
        """How a voice is named: rank if it has one, id, fit if a face is known."""
        parts = [f"{candidate.rank}"] if candidate.rank else []
        parts.append(candidate.speaker_id)
        if not math.isnan(candidate.score):
            parts.append(f"{self.fit} {candidate.score:.2f}")
        return " · ".join(parts)

    def faces(self, n: int, chosen: int) -> str:
        """What is said of the faces in a photo."""
        return "" if n == 1 else self.faces_found.format(n=n, chosen=chosen + 1)

    def counted(self, text: str) -> str:
        """How much of the limit a text takes; player.js keeps the number up to date."""
        length = f"<output>{len(text.strip())}</output>"
        return self.count.format(length=length, limit=MAX_CHARS)


ENGLISH = Texts()
