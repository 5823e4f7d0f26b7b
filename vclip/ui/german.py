"""The app in German: what replaces the English defaults of `texts.Texts`, by the same names."""

GERMAN: dict[str, str] = {
    # head
    "title": "vclip",
    "tagline": "Ein Gesicht hinein, und heraus kommen Stimmen, die dazu passen könnten.",
    "caution": (
        "Gesicht und Stimme hängen nur schwach zusammen. Dies sind denkbare Stimmen, nie die "
        "eigene Stimme der Person, und über die Person wird nichts gemutmaßt."
    ),
    "privacy": (
        "Fotos werden nur für diesen Besuch im Arbeitsspeicher verwendet: mit dem Knopf sofort "
        "vergessen, sonst eine Stunde nach dem letzten Klick; die hochgeladene Datei wird binnen "
        "zwei Minuten gelöscht. Nichts wird veröffentlicht oder zum Training benutzt. Die Sprache "
        "ist synthetisch."
    ),
    # a model without an association
    "zero_shot": (
        "Notbehelf ohne Training (zero-shot): Nichts hier hat aus Gesichtern und Stimmen derselben "
        "Menschen gelernt. CLIP vergleicht das Bild oder Ihre Worte mit kurzen Beschreibungen der "
        "Sprecher des Bestands; erwarten Sie weniger als von einem trainierten Modell."
    ),
    "words": "Worte",
    "words_label": "Eine Beschreibung statt eines Fotos, auf Englisch",
    "read": "Stimmen finden",
    "words_used": "Die Stimmen sind nach den Worten „{words}“ geordnet.",
    # a listening test beside the demo
    "tab_demo": "Vorführung",
    "tab_study": "Hörtest",
    "study_open": "In einem eigenen Fenster öffnen",
    # face
    "step_face": "Gesicht",
    "upload": "Foto",
    "camera": "Kamera",
    "upload_label": "Ein Foto mit einem Gesicht",
    "upload_note": (
        "Ein Foto mit einem oder mehreren Gesichtern: JPEG, PNG, WebP oder HEIC, bis 16 MB."
    ),
    "camera_note": "Die Kamera wird erst benutzt, wenn Sie auf ihren Knopf drücken.",
    "camera_denied": (
        "Der Browser gibt dieser Seite keine Kamera. Erlauben Sie sie in der Adresszeile, oder "
        "nehmen Sie ein Foto aus einer Datei."
    ),
    "examples": "Oder ein Beispiel nehmen",
    "example_credit": (
        "Aus je 14 Personen zusammengesetzt; sie zeigen niemanden. Aus dem Face Research Lab "
        "London Set (DeBruine & Jones 2017), CC BY 4.0."
    ),
    "no_photo": (
        "Noch kein Gesicht. Die Karte zeigt alle Stimmen; ein Gesicht färbt sie danach, wie gut "
        "sie passen."
    ),
    "whole": "Das ganze Bild nehmen",
    "forget": "Mein Foto und alles andere vergessen",
    "crop_used": "Was das Modell sieht",
    "choose_face": "Ein Gesicht wählen",
    "face": "das Gesicht",
    "your_photo": "Ihr Foto",
    "face_number": "Gesicht {n}",
    "example_number": "Beispielgesicht {n}",
    "faces_found": "{n} Gesichter gefunden; Gesicht {chosen} wird verwendet.",
    # map and list of voices
    "step_voice": "Stimme",
    "source_label": "Suchen in",
    "source_both": "beiden",
    "source_bank": "Bestand",
    "source_generated": "erzeugten",
    "seed": "Startwert",
    "k": "Stimmen",
    "resample": "Neu ziehen",
    "map_label": "Karte der Stimmen. Die Liste daneben bietet der Tastatur dieselbe Auswahl.",
    "key_bank": "Stimme des Bestands",
    "key_cloud": "Dichte der erzeugten Stimmen",
    "key_generated": "erzeugte Stimme der Liste",
    "key_shaped": "von Ihnen verändert",
    "hear": "Hörprobe, wenn der Zeiger ruht",
    "hear_voice": "Hörprobe (P)",
    "list_keys": "Pfeiltasten und Ziffern wählen eine Stimme, P spielt eine Hörprobe.",
    "fit": "Passung",
    "map_note": (
        "Ein Klick auf einen Punkt wählt seine Stimme. Was nah beieinander liegt, klingt ähnlich; "
        "der wahre Raum hat mehr Dimensionen, deshalb sagt die Farbe und nicht der Abstand zum "
        "Stern, wie gut eine Stimme passt."
    ),
    "best": "Was am besten passt",
    "best_empty": "Zeigen Sie ein Gesicht, dann stehen hier die Stimmen, die am besten passen.",
    "bank": "Jede Stimme des Bestands",
    # speech
    "step_speech": "Sprache",
    "text_label": "Was soll gesagt werden?",
    "text": "Hello! This is a voice that might go with the face in the picture.",
    "speed": "Tempo",
    "pause": "Pause (s)",
    "speak": "Sprechen",
    "stop": "Stopp",
    "audio": "Gesprochenes",
    "speaking": "Spricht",
    "count": "{length} von {limit} Zeichen, auf Englisch",
    # why this voice
    "why": "Warum diese Stimme?",
    "why_empty": (
        "Mit Gesicht und Stimme steht hier, wie gut beide passen und wie wenig das bedeutet."
    ),
    "why_fit": "Die Passung von {voice} ist {fit} (Kosinus im durchsuchten Raum, −1 bis 1).",
    "why_percentile": (
        "Sie passt zu diesem Gesicht besser als zu {share} % von {n} anderen Gesichtern."
    ),
    "why_worth": (
        "Was das wert ist: Bei {pairs} Personen, deren Gesicht und Stimme bekannt sind, waren es "
        "für die eigene Stimme im Mittel {own} %, für Stimmen anderer {others} % und für andere "
        "desselben Geschlechts {same_sex} %."
    ),
    "why_neighbours": "Nächste Stimmen des Bestands:",
    "why_weak": (
        "Gesichter verraten wenig über Stimmen: Das meiste, was sich vorhersagen lässt, geht mit "
        "Geschlecht und Alter einher. Eine hohe Passung sagt, dass diese Stimme denkbar wäre, "
        "nicht, dass sie die der Person ist."
    ),
    "control": "Ein anderes Gesicht probieren",
    "control_note": "Gegenprobe: Was hätte ein zufälliges anderes Gesicht bekommen?",
    "control_title": "Anderes Gesicht Nr. {n} von {total}",
    "control_shared": "{n} von {k} Stimmen sind dieselben.",
    "control_fit": "Passung dort",
    "control_here": "Passung zu Ihrem Gesicht",
    # shaping a voice
    "shape": "Verändern",
    "shape_note": (
        "Die Regler gehen von der gewählten Stimme aus und bewegen sie entlang der Richtungen, in "
        "denen sich Stimmen am meisten unterscheiden, in Standardabweichungen; die Passung wird "
        "jedes Mal neu gemessen."
    ),
    "direction_1": "Richtung 1",
    "direction_2": "Richtung 2",
    "direction_3": "Richtung 3",
    "direction_4": "Richtung 4",
    "partner": "Mischen mit",
    "share": "Anteil der anderen Stimme",
    "near": "Mehr von dieser Art",
    "everywhere": "Zurück zu allen Stimmen",
    "around": "Gesucht wird in der Nähe von {voice}.",
    # keeping a voice
    "keep": "Behalten",
    "keep_note": (
        "Eine Stimmkarte ist eine kleine Datei, die diese Stimme zurückbringt, hier oder auf der "
        "Kommandozeile."
    ),
    "keep_empty": "Wählen Sie eine Stimme, dann lässt sich ihre Karte hier herunterladen.",
    "card": "Stimmkarte herunterladen",
    "card_upload": "Stimmkarte öffnen",
    # speaking
    "tab_speak": "Sprechen",
    "tab_compare": "Vergleichen",
    "speech_seed": "Startwert",
    "compare": "Von jeder Stimme der Liste sprechen lassen",
    "no_voices": "Zeigen Sie zuerst ein Gesicht: Verglichen werden die Stimmen, die dazu passen.",
    # takes
    "estimate": "etwa {seconds} s Sprache, abspielbereit in {wait} s",
    "player_empty": "Was Sie sprechen lassen, erklingt hier.",
    "preparing": "Wird vorbereitet",
    "stopped": "Angehalten.",
    "not_spoken": "Das ließ sich nicht sprechen.",
    "takes": "Aufnahmen",
    "take": "{voice}: {text}",
    "said_seconds": "{seconds} s",
    "said_seed": "Startwert {seed}",
    "play": "{what} abspielen oder anhalten",
    "download": "{what} als {kind} herunterladen",
    "card_file": "der Datensatz, der dasselbe noch einmal spricht (JSON)",
    "compare_empty": (
        "Dieselben Worte in jeder Stimme der Liste, gleich laut, je einen Klick entfernt."
    ),
    "compare_ready": "{n} von {k} Stimmen haben gesprochen.",
    "compare_wait": "{voice} hat noch nicht gesprochen",
    "use": "Nehmen",
    "use_voice": "Die Stimme {voice} nehmen",
    # messages
    "no_voice": "Wählen Sie zuerst eine Stimme auf der Karte oder in der Liste.",
    "photo_gone": "Das Foto dieses Besuchs ist nicht mehr da; wählen Sie es noch einmal.",
    "no_number": "Eine Zahl fehlt; Startwert und Anzahl der Stimmen brauchen eine ganze.",
    "k_range": "Möglich sind 1 bis {most} Stimmen.",
    "no_face_yet": "Zeigen Sie zuerst ein Gesicht oder nehmen Sie ein Beispiel.",
    "no_partner": "Wählen Sie eine Stimme zum Mischen.",
    "failed": "Bei uns ist etwas schiefgegangen; bitte versuchen Sie es noch einmal.",
    # stage mode
    "keys": (
        "<kbd>Leertaste</kbd> sprechen oder anhalten &nbsp; <kbd>1</kbd>–<kbd>9</kbd> Stimme "
        "wählen &nbsp; <kbd>R</kbd> neu ziehen &nbsp; <kbd>Esc</kbd> Gesicht und Stimmen löschen"
    ),
}
