"""Index of a study's stimuli, by which simulated raters recognise what they hear and see."""

import hashlib
from collections.abc import Iterator
from typing import Any

from vclip.listening.design.study import Study
from vclip.listening.simulation.raters import StimulusId


class StimulusIndex:
    """Recognises a study's sounds and faces by their SHA-256, questions by type and prompt."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.sounds: dict[str, list[StimulusId]] = {}
        for item in study.items:
            for condition, stimulus in item.stimuli.items():
                self.sounds.setdefault(stimulus.sha256, []).append((item.id, condition))

    def question(self, trial: dict[str, Any]) -> str:
        """Id of the question of a trial."""
        asked = (trial["type"], trial["prompt"])
        return next(q.id for q in self.study.questions if (q.type, q.prompt) == asked)

    def told_apart(self, question: str) -> set[str]:
        """Conditions none of whose sounds is another one's, too, as far as raters can tell.

        A shuffled voice is another face's right one: without the face, nobody knows which it is.
        """
        asked = self.study.question(question)
        names: dict[tuple[str, ...], set[str]] = {}
        for item in self.study.items:
            face = item.face or "" if asked.shows_face else ""
            for condition, stimulus in item.stimuli.items():
                names.setdefault((stimulus.sha256, item.text, face), set()).add(condition)
        shared = {name for found in names.values() if len(found) > 1 for name in found}
        return set(self.study.conditions_of(asked)) - shared

    def heard(
        self, trial: dict[str, Any], face: bytes | None, sounds: list[bytes]
    ) -> list[StimulusId]:
        """What each slot plays. One file may belong to several items: the one shown is meant."""
        shown = set(self.shown(trial, face))
        found = []
        for data in sounds:
            able = self.sounds[hashlib.sha256(data).hexdigest()]
            here = [sound for sound in able if sound[0] in shown]
            found.append((here or able)[0])
        return found

    def shown(self, trial: dict[str, Any], face: bytes | None) -> Iterator[str]:
        """Ids of the items with a trial's text and face."""
        digest = hashlib.sha256(face).hexdigest() if face else None
        for item in self.study.items:
            seen = digest is None or item.face_sha256 in (digest, None)
            if item.text == trial["text"] and seen:
                yield item.id
