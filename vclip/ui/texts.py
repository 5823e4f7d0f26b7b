"""Every English sentence of the app, in one place."""

import math

from vclip.pipeline import MAX_CHARS, Candidate

TITLE = "vclip"
TAGLINE = "A face goes in, voices that could go with it come out."
CAUTION = (
    "Faces and voices go together only weakly. These are plausible voices, "
    "never this person’s own voice, and nothing is guessed about the person."
)
PRIVACY = (
    "Photos are used in memory for this visit only; the uploaded file is deleted within two "
    "minutes. Nothing is kept, published or used for training. The speech is synthetic."
)

STEP_FACE, STEP_VOICE, STEP_SPEECH = "Face", "Voice", "Speech"
UPLOAD, CAMERA = "Photo", "Camera"
UPLOAD_LABEL = "A photo with a face"
UPLOAD_NOTE = "A photo with one or more faces: JPEG, PNG, WebP or HEIC, up to 16 MB."
EXAMPLES = "Or try an example"
EXAMPLE_CREDIT = (
    "Composites of 14 people each; they show nobody. From the Face Research Lab London Set "
    "(DeBruine & Jones 2017), CC BY 4.0."
)
NO_PHOTO = "No face yet. The map shows every voice; a face will colour it by fit."
WHOLE = "Use the whole picture"
FORGET = "Forget my photo"
CROP_USED = "What the model sees"
CHOOSE_FACE = "Choose a face"
FACE = "the face"

SOURCE_LABEL = "Search in"
SOURCES = [("both", "both"), ("bank", "bank"), ("generated", "generated")]
SEED = "Seed"
RESAMPLE = "Resample"
MAP_LABEL = (
    "Map of the voices. The lists of voices beside it offer the same choice to the keyboard."
)
KEY_BANK = "voice of the bank"
KEY_CLOUD = "generated voice"
FIT = "fit"
MAP_NOTE = (
    "Click any point to pick its voice. Near means similar voices; the true space has more "
    "dimensions, so colour, not distance from the star, tells the fit."
)
BEST = "Best fits"
BANK = "Any voice of the bank"

TEXT_LABEL = "What should it say?"
TEXT = "Hello! This is a voice that might go with the face in the picture."
SPEED, PAUSE, FORMAT = "Speed", "Pause (s)", "File"
SPEAK = "Speak"
AUDIO = "Speech"
SPEAKING = "Speaking"

NO_VOICE = "Pick a voice on the map or in the list first."
PHOTO_GONE = "The photo of this visit is gone; choose it again."
NOT_OFFERED = "This voice was not offered here; pick one on the map or in the list."
NO_SEED = "The seed is empty; type a whole number."
FAILED = "Something went wrong on our side; please try again."


def voice(candidate: Candidate) -> str:
    """How a voice is named in lists: rank if it has one, id, fit if a face is known."""
    parts = [f"voice {candidate.rank}"] if candidate.rank else []
    parts.append(candidate.speaker_id)
    if not math.isnan(candidate.score):
        parts.append(f"fit {candidate.score:.2f}")
    return " · ".join(parts)


def faces_found(n: int, chosen: int) -> str:
    """What is said of the faces in a photo."""
    return "" if n == 1 else f"{n} faces found; face {chosen + 1} is used."


def count(text: str) -> str:
    """How much of the limit a text takes; keys.js keeps the number up to date."""
    return f"<output>{len(text.strip())}</output> of {MAX_CHARS} characters, in English"
