"""The app in German: what replaces the English defaults of `texts.Texts`, by the same names."""

GERMAN: dict[str, str] = {
    "title": "vclip",
    "tagline": "Ein Gesicht geht hinein, Stimmen, die dazu passen könnten, kommen heraus.",
    "step_face": "Gesicht",
    "step_voice": "Stimme",
    "step_speech": "Sprache",
}
