"""Visit: the state of one visitor, and the steps from one state to the next, without Gradio.

Steps raise VclipError and then change nothing, so that the page can keep what it shows.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, cast

from vclip import card
from vclip.arrays import Float32
from vclip.association.explain import Explanation, ShuffledControl
from vclip.errors import InputError, NoFaceError, SpeakerError
from vclip.face.photo import Photo, load_photo
from vclip.limits import Source, check_length, check_request
from vclip.pipeline import PAUSE, FaceResult, FaceToVoice
from vclip.speakers import voice_id
from vclip.speakers.candidates import Candidate, sample_id
from vclip.speech.synthesizer import MAX_SEED, Speech
from vclip.ui.map.voice_map import VoiceMap
from vclip.ui.texts import LANGUAGES, Texts

K, MOST_K = 10, 20  # candidates shown
EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "examples").glob("*.jpg"))


@dataclass(frozen=True)
class Visit:
    """All that is remembered of one visitor, in memory only."""

    language: str = "en"
    photo: Photo | None = None
    seen: FaceResult | None = None
    words: str = ""  # what was read in the place of a face
    faceless: Photo | None = None  # the last photo in which no face was found
    source: Source = "both"
    seed: int = 0
    k: int = K
    around: str | None = None  # the voice near which is searched; None: everywhere
    candidates: tuple[Candidate, ...] = ()
    picked: Candidate | None = None
    base: Candidate | None = None  # what is being shaped into the picked voice
    shaping: Literal["", "move", "blend"] = ""
    other: int | None = None  # the reference face that serves as control
    message: str = ""  # about the last photo

    @property
    def texts(self) -> Texts:
        """Texts in this visitor's language."""
        return LANGUAGES[self.language]


class VisitController:
    """The steps, over one model and its map; holds nothing of any visitor."""

    def __init__(self, model: FaceToVoice) -> None:
        self.model = model
        self.map = VoiceMap(
            model.bank.speaker_ids, model.bank.voice_emb, model.sampled_voice_emb(0)
        )
        self._look_at_example = functools.cache(self._read_example)  # composites: nobody's photo

    def warm_up(self) -> None:
        """Run every step once, so that no visitor waits for lazy initialisation."""
        visit = self.open_example(Visit(), 0)
        self.draw_map(visit)
        assert visit.picked is not None
        for _ in self.model.normalize_stream(
            self.speak(visit.picked, visit.texts.text, 0), visit.picked
        ):
            pass

    def open_photo(self, visit: Visit, data: bytes) -> Visit:
        """A new photo. Without a face in it the visit goes on with the old one, and says so."""
        photo = load_photo(data)
        try:
            return self._face(visit, photo, self.model.look(photo))
        except NoFaceError as error:
            return replace(visit, faceless=photo, message=str(error))

    def open_example(self, visit: Visit, index: object) -> Visit:
        """One of the bundled faces."""
        if not isinstance(index, int) or not 0 <= index < len(EXAMPLES):
            raise InputError(visit.texts.photo_gone)
        return self._face(visit, *self._look_at_example(index))

    def open_description(self, visit: Visit, words: str) -> Visit:
        """Words in the place of a face, for a zero-shot model."""
        seen = self.model.read(words)
        fresh = replace(visit, photo=None, seen=seen, words=words.strip(), faceless=None)
        return self._search(replace(fresh, around=None, other=None))

    def use_whole(self, visit: Visit) -> Visit:
        """Take the whole of the photo in which no face was found."""
        if visit.faceless is None:
            raise InputError(visit.texts.photo_gone)
        return self._face(visit, visit.faceless, self.model.look(visit.faceless, whole=True))

    def choose_face(self, visit: Visit, index: object) -> Visit:
        """Another of the faces in the photo."""
        boxes = visit.seen.boxes if visit.seen else []
        if visit.photo is None or not isinstance(index, int) or not 0 <= index < len(boxes):
            raise InputError(visit.texts.photo_gone)
        seen = self.model.look(visit.photo, box=boxes[index])
        return self._face(visit, visit.photo, replace(seen, boxes=boxes))

    def search(self, visit: Visit, source: str, seed: int | None, k: int | None) -> Visit:
        """The same face with another source, seed or number of voices."""
        if seed is None or k is None:
            raise InputError(visit.texts.no_number)
        if not 1 <= k <= MOST_K:
            raise InputError(visit.texts.k_range.format(most=MOST_K))
        check_request(k, source, seed)
        around = visit.around if source == visit.source else None
        asked = replace(visit, source=cast(Source, source), seed=int(seed), k=k, around=around)
        return self._search(asked)

    def resample(self, visit: Visit) -> Visit:
        """The next seed; of generated voices too if only the bank was searched."""
        if visit.source == "bank" and visit.around is None:
            visit = replace(visit, source="generated")
        return self._search(replace(visit, seed=next_seed(visit.seed)))

    def search_near(self, visit: Visit) -> Visit:
        """Voices like the picked one, ranked by their fit to the face."""
        if visit.picked is None:
            raise SpeakerError(visit.texts.no_voice)
        if visit.seen is None:
            raise InputError(visit.texts.no_face_yet)
        return self._search(replace(visit, around=visit.picked.speaker_id))

    def search_everywhere(self, visit: Visit) -> Visit:
        """Search all voices again instead of those near one."""
        return self._search(replace(visit, around=None))

    def pick(self, visit: Visit, speaker_id: object) -> Visit:
        """A voice by its id, whatever way it was made. Raises SpeakerError."""
        offered = {c.speaker_id: c for c in self.listed(visit)}
        if not isinstance(speaker_id, str):
            raise SpeakerError(visit.texts.no_voice)
        voice = offered.get(speaker_id) or self.model.candidate(speaker_id, visit.seen)
        return replace(visit, picked=voice, base=None, shaping="")

    def pick_at(self, visit: Visit, x: object, y: object) -> Visit:
        """The generated voice at a place of the map, if there is one."""
        if visit.source == "bank" and visit.around is None:
            return visit
        if not (isinstance(x, int | float) and isinstance(y, int | float)):
            return visit
        index = self.map.nearest(self.generated_emb(visit), x, y)
        if index is None:
            return visit
        return self.pick(visit, sample_id(visit.seed, index, visit.around))

    def open_card(self, visit: Visit, data: bytes) -> Visit:
        """The voice of a saved card or of the JSON beside a speech. Raises DataError."""
        saved = card.read_card(data)
        saved.check(self.model)
        return self.pick(visit, saved.voice)

    def move(self, visit: Visit, *moves: float) -> Visit:
        """The voice that was picked, moved along the principal directions."""
        base = self._base(visit, "move")
        moved = voice_id.move(base.speaker_id, moves)
        return self._shaped(visit, base, "move", moved)

    def blend(self, visit: Visit, other: object, share: float) -> Visit:
        """Between the voice that was picked and another one."""
        if not isinstance(other, str):
            raise SpeakerError(visit.texts.no_partner)
        base = self._base(visit, "blend")
        return self._shaped(visit, base, "blend", voice_id.blend(base.speaker_id, other, share))

    def shuffle(self, visit: Visit) -> Visit:
        """Another reference face for the control."""
        if visit.seen is None or not self.model.n_faces:
            raise InputError(visit.texts.no_face_yet)
        index = 0 if visit.other is None else (visit.other + 1) % self.model.n_faces
        return replace(visit, other=index)

    def listed(self, visit: Visit) -> list[Candidate]:
        """The best fits, and the picked voice after them if it is none of them."""
        ids = {c.speaker_id for c in visit.candidates}
        extra = [visit.picked] if visit.picked and visit.picked.speaker_id not in ids else []
        return [*visit.candidates, *extra]

    def ranked_bank(self, visit: Visit) -> list[Candidate]:
        """The whole bank, best fit first if there is a face."""
        bank = [self.model.candidate(s, visit.seen) for s in self.model.bank.speaker_ids]
        return sorted(bank, key=lambda c: -c.score) if visit.seen else bank

    def generated_emb(self, visit: Visit) -> Float32:
        """voice_emb of the generated voices among which this visitor searches."""
        return self.model.sampled_voice_emb(visit.seed, visit.around)

    def draw_map(self, visit: Visit) -> str:
        """The map as this visitor sees it."""
        image_emb = visit.seen.image_emb if visit.seen else None
        source = visit.source if visit.around is None else "generated"
        return self.map.draw(
            visit.texts,
            self.generated_emb(visit),
            image_emb,
            visit.candidates,
            visit.picked,
            source,
        )

    def explain(self, visit: Visit) -> Explanation | None:
        """Explanation of the picked voice for the face; None without either."""
        if visit.picked is None or visit.seen is None:
            return None
        return self.model.explain(visit.picked, visit.seen)

    def control(self, visit: Visit) -> ShuffledControl | None:
        """The control with another face; None until asked for."""
        if visit.seen is None or visit.other is None:
            return None
        seen, k, source = visit.seen, visit.k, visit.source
        return self.model.shuffled(seen, k, source, visit.seed, visit.other, visit.around)

    def speak(
        self, voice: Candidate, text: str, seed: int, rate: float = 1.0, pause: float = PAUSE
    ) -> Iterator[tuple[float, Speech]]:
        """Raw pieces, each with the share that is done; see `FaceToVoice.recite`."""
        check_length(text)
        return self.model.recite(text, voice, seed, rate, pause)

    def _face(self, visit: Visit, photo: Photo, seen: FaceResult) -> Visit:
        fresh = replace(visit, photo=photo, seen=seen, words="", faceless=None)
        return self._search(replace(fresh, around=None, other=None))

    def _search(self, visit: Visit) -> Visit:
        if visit.seen is None:
            return visit
        found = self.model.candidates(visit.seen, visit.k, visit.source, visit.seed, visit.around)
        return replace(visit, candidates=tuple(found), picked=found[0], base=None, shaping="")

    def _read_example(self, index: int) -> tuple[Photo, FaceResult]:
        photo = load_photo(EXAMPLES[index].read_bytes())
        return photo, self.model.look(photo)

    def _base(self, visit: Visit, how: str) -> Candidate:
        """The voice that one way of shaping starts from; another way goes on from its result."""
        base = visit.base if visit.shaping == how else visit.picked
        if base is None:
            raise SpeakerError(visit.texts.no_voice)
        return base

    def _shaped(
        self, visit: Visit, base: Candidate, how: Literal["move", "blend"], speaker_id: str
    ) -> Visit:
        picked = self.model.candidate(speaker_id, visit.seen)
        return replace(visit, picked=picked, base=base, shaping=how)


def next_seed(seed: int) -> int:
    """The seed after this one: resampling can be repeated by anybody."""
    return (seed + 1) % (MAX_SEED + 1)
