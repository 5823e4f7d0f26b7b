"""Voice ids: an id encodes how its voice is made, so that no voice is stored in a session.

    p225                      a speaker of the bank: any name without ( ) , ;
    gen-SEED-INDEX            draw INDEX of the SEED's N_GENERATED draws of the mixture
    near(ID;SEED;INDEX)       draw INDEX of the SEED's N_NEAR draws around a voice
    blend(ID;ID;SHARE)        the straight line between two voices, 0 to 1, SHARE of the second
    move(ID;A,B,C,D)          A, B, C, D standard deviations along the principal directions, -3 to 3

Ids nest. The canonical id has no spaces, two decimals and no zeros that say nothing; a step that
changes nothing (no move, a share of 0 or 1) is the voice itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vclip.errors import SpeakerError
from vclip.speech.synthesizer import MAX_SEED

N_GENERATED = 5000  # Vclip §4.1
N_NEAR = 1000
DIRECTIONS = 4
MAX_MOVE = 3.0  # standard deviations of a move
MAX_LENGTH = 200  # characters: bounds what one id can cost
ID_FORMS = "NAME, gen-SEED-INDEX, near(ID;SEED;INDEX), blend(ID;ID;SHARE) or move(ID;A,B,C,D)"


@dataclass(frozen=True)
class BankVoice:
    """A speaker of the bank."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class GeneratedVoice:
    """Draw `index` of the mixture's draws with this seed."""

    seed: int
    index: int

    def __str__(self) -> str:
        return f"gen-{self.seed}-{self.index}"


@dataclass(frozen=True)
class NearbyVoice:
    """Draw `index` of this seed's draws around another voice."""

    base: "Voice"
    seed: int
    index: int

    def __str__(self) -> str:
        return f"near({self.base};{self.seed};{self.index})"


@dataclass(frozen=True)
class BlendedVoice:
    """Between two voices; share of the second."""

    base: "Voice"
    other: "Voice"
    share: float

    def __str__(self) -> str:
        return f"blend({self.base};{self.other};{_text(self.share)})"


@dataclass(frozen=True)
class MovedVoice:
    """A voice moved along the DIRECTIONS."""

    base: "Voice"
    moves: tuple[float, ...]  # without trailing zeros

    def __str__(self) -> str:
        return f"move({self.base};{','.join(map(_text, self.moves))})"


Voice = BankVoice | GeneratedVoice | NearbyVoice | BlendedVoice | MovedVoice


def parse(speaker_id: str) -> Voice:
    """Parse an id; str() of the result is the canonical id. Raises SpeakerError."""
    if len(speaker_id) > MAX_LENGTH:
        raise SpeakerError(
            f"the id of this voice has {len(speaker_id)} characters, the limit is {MAX_LENGTH}; "
            "start again from a voice of the map"
        )
    try:
        return _parse(speaker_id.strip())
    except ValueError as error:
        wrong = str(error) or f"an id is {ID_FORMS}"
        raise SpeakerError(f"there is no voice {speaker_id!r}; {wrong}") from error


def _parse(text: str) -> Voice:
    """Raises ValueError for what is no id, with a reason where it has the form of one."""
    if text.startswith("gen-"):
        return _generated(text)
    made = re.fullmatch(r"(near|blend|move)\((.*)\)", text)
    match [made[1], *_split(made[2])] if made else [text]:
        case ["near", base, seed, index]:
            near = NearbyVoice(parse(base), _whole(seed), _whole(index))
            if near.seed > MAX_SEED or near.index >= N_NEAR:
                raise ValueError(f"a seed is at most {MAX_SEED}, an index below {N_NEAR}")
            return near
        case ["blend", base, other, share]:
            first, second, part = parse(base), parse(other), _number(share)
            if not 0 <= part <= 1:
                raise ValueError("a share is from 0 to 1")
            return {0.0: first, 1.0: second}.get(part) or BlendedVoice(first, second, part)
        case ["move", base, moves]:
            return _move(parse(base), [_number(by) for by in moves.split(",")])
        case [name] if name and name.isprintable() and not re.search("[(),;]", name):
            return BankVoice(name)
    raise ValueError


def near(speaker_id: str, seed: int, index: int) -> str:
    """The canonical id of a draw around a voice. Raises SpeakerError."""
    return str(parse(f"near({speaker_id};{seed};{index})"))


def blend(speaker_id: str, other: str, share: float) -> str:
    """The canonical id of a voice between two. Raises SpeakerError."""
    return str(parse(f"blend({speaker_id};{other};{share:.2f})"))


def move(speaker_id: str, moves: Sequence[float]) -> str:
    """The canonical id of a moved voice. Raises SpeakerError."""
    return str(parse(f"move({speaker_id};{','.join(f'{by:.2f}' for by in moves)})"))


def _generated(text: str) -> GeneratedVoice:
    if found := re.fullmatch(r"gen-(\d{1,10})-(\d{1,4})", text, re.ASCII):
        seed, index = int(found[1]), int(found[2])
        if seed <= MAX_SEED and index < N_GENERATED:
            return GeneratedVoice(seed, index)
    raise SpeakerError(
        f"there is no generated speaker {text!r}; "
        f"ids are gen-SEED-INDEX with an index below {N_GENERATED}"
    )


def _move(base: Voice, moves: list[float]) -> Voice:
    if len(moves) > DIRECTIONS or any(abs(by) > MAX_MOVE for by in moves):
        raise ValueError(
            f"a move has up to {DIRECTIONS} numbers from {-MAX_MOVE:g} to {MAX_MOVE:g}"
        )
    while moves and not moves[-1]:
        moves.pop()
    return MovedVoice(base, tuple(moves)) if moves else base


def _split(inner: str) -> list[str]:
    """Its parts between the semicolons that no inner parentheses hold."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character == "(") - (character == ")")
        if depth < 0:
            raise ValueError
        if character == ";" and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return parts


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,10}", text.strip(), re.ASCII):
        raise ValueError
    return int(text)


def _number(text: str) -> float:
    """To two decimals; what is written is never shorter than its canonical text."""
    if not re.fullmatch(r"[+-]?\d{1,2}(\.\d{1,6})?", text.strip(), re.ASCII):
        raise ValueError
    return round(float(text), 2) + 0.0  # no negative zero


def _text(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
