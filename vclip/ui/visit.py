"""What one visitor does, step by step, without Gradio: each step maps a Visit to the next one.

Steps raise VclipError and then change nothing, so that the page can keep what it shows.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from vclip import face
from vclip.errors import InputError, NoFaceError, SpeakerError
from vclip.narration import MAX_SEED
from vclip.pipeline import (
    PAUSE,
    Candidate,
    FaceResult,
    FaceToVoice,
    Source,
    check_length,
    check_request,
)
from vclip.speech import Speech
from vclip.ui import texts
from vclip.ui.voicemap import VoiceMap

K = 10  # candidates shown


@dataclass(frozen=True)
class Visit:
    """All that is remembered of one visitor, in memory only."""

    photo: face.Photo | None = None
    seen: FaceResult | None = None
    faceless: face.Photo | None = None  # the last photo in which no face was found
    source: Source = "both"
    seed: int = 0
    candidates: tuple[Candidate, ...] = ()
    picked: Candidate | None = None
    message: str = ""


class Desk:
    """Serves visitors with one model; holds nothing about any of them."""

    def __init__(self, model: FaceToVoice) -> None:
        self.model = model
        self.map = VoiceMap(model.bank.speaker_ids, model.bank.voice_emb, model.cloud(0))

    def bring(self, visit: Visit, data: bytes) -> Visit:
        """A new photo. Without a face in it the visit goes on with the old one, and says so."""
        photo = face.load(data)
        try:
            return self._face(visit, photo)
        except NoFaceError as error:
            return replace(visit, faceless=photo, message=str(error))

    def use_whole(self, visit: Visit) -> Visit:
        """Take the whole of the photo in which no face was found."""
        if visit.faceless is None:
            raise InputError(texts.PHOTO_GONE)
        return self._face(visit, visit.faceless, whole=True)

    def choose_face(self, visit: Visit, index: object) -> Visit:
        """Another of the faces in the photo."""
        if visit.photo is None or visit.seen is None:
            raise InputError(texts.PHOTO_GONE)
        if not isinstance(index, int) or not 0 <= index < len(visit.seen.boxes):
            raise InputError(texts.PHOTO_GONE)
        boxes = visit.seen.boxes
        seen = self.model.look(visit.photo, box=boxes[index])
        return self._search(replace(visit, seen=replace(seen, boxes=boxes)))

    def search(self, visit: Visit, source: str, seed: int | None) -> Visit:
        """The same face with another source or seed."""
        if seed is None:
            raise InputError(texts.NO_SEED)
        check_request(K, source, seed)
        return self._search(replace(visit, source=cast(Source, source), seed=int(seed)))

    def resample(self, visit: Visit) -> Visit:
        """The next seed; of generated voices too if only the bank was searched."""
        source: Source = "generated" if visit.source == "bank" else visit.source
        return self.search(visit, source, next_seed(visit.seed))

    def pick(self, visit: Visit, speaker_id: object) -> Visit:
        """A voice of the bank, or a generated one that is offered now. Raises SpeakerError."""
        offered = {c.speaker_id: c for c in self.offered(visit)}
        if isinstance(speaker_id, str) and speaker_id in offered:
            return replace(visit, picked=offered[speaker_id], message="")
        if not isinstance(speaker_id, str) or speaker_id not in self.model.bank.speaker_ids:
            raise SpeakerError(texts.NOT_OFFERED)
        return replace(visit, picked=self.model.candidate(speaker_id, visit.seen), message="")

    def pick_at(self, visit: Visit, x: object, y: object) -> Visit:
        """The generated voice at a place of the map, if there is one."""
        if visit.source == "bank" or not (_is_number(x) and _is_number(y)):
            return visit
        index = self.map.nearest(self.model.cloud(visit.seed), cast(float, x), cast(float, y))
        if index is None:
            return visit
        picked = self.model.candidate(f"gen-{visit.seed}-{index}", visit.seen)
        return replace(visit, picked=picked, message="")

    def offered(self, visit: Visit) -> list[Candidate]:
        """The best fits, and the generated voice that was picked on the map beside them."""
        ids = {c.speaker_id for c in visit.candidates}
        extra = visit.picked if visit.picked and visit.picked.source == "generated" else None
        return [*visit.candidates, *([extra] if extra and extra.speaker_id not in ids else [])]

    def everyone(self, visit: Visit) -> list[Candidate]:
        """The whole bank, best fit first if there is a face."""
        bank = [self.model.candidate(s, visit.seen) for s in self.model.bank.speaker_ids]
        return sorted(bank, key=lambda c: -c.score) if visit.seen else bank

    def draw(self, visit: Visit) -> str:
        """The map as this visitor sees it."""
        image_emb = visit.seen.image_emb if visit.seen else None
        cloud = self.model.cloud(visit.seed)
        return self.map.draw(cloud, image_emb, visit.candidates, visit.picked, visit.source)

    def speak(
        self, visit: Visit, text: str, rate: float = 1.0, pause: float = PAUSE
    ) -> Iterator[tuple[float, Speech]]:
        """Piece by piece, each with the share that is done; `master` the whole of them."""
        if visit.picked is None:
            raise SpeakerError(texts.NO_VOICE)
        check_length(text)
        return self.model.recite(text, visit.picked, visit.seed, rate, pause)

    def _face(self, visit: Visit, photo: face.Photo, whole: bool = False) -> Visit:
        seen = self.model.look(photo, whole=whole)
        return self._search(replace(visit, photo=photo, seen=seen, faceless=None))

    def _search(self, visit: Visit) -> Visit:
        if visit.seen is None:
            return replace(visit, message="")
        found = self.model.candidates(visit.seen, K, visit.source, visit.seed)
        return replace(visit, candidates=tuple(found), picked=found[0], message="")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def next_seed(seed: int) -> int:
    """The seed after this one: resampling can be repeated by anybody."""
    return (seed + 1) % (MAX_SEED + 1)
