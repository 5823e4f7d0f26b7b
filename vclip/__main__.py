"""The command line: `python -m vclip candidates FACE` and `python -m vclip speak FACE TEXT -o OUT`.

`python -m vclip candidates --describe "an old man" --model zero-shot` takes words for the face.
`python -m vclip speak --voice CARD.json -o OUT` says again what the card of a speech says, to the
same bytes; with a TEXT, that text in the card's voice. `python -m vclip bench` says how fast they
are on this machine.
Exit code 0, or 2 with one line on stderr when something the user gave cannot be used.
"""

import argparse
import hashlib
import json
import runpy
import sys
import time
from pathlib import Path
from typing import Any, NoReturn, get_args

from vclip import audio, card, runtime
from vclip.errors import (
    DataError,
    ImageError,
    InputError,
    OutputError,
    SpeakerError,
    TextError,
    reported,
)
from vclip.limits import Source
from vclip.models.directory import CHOICES
from vclip.pipeline import LUFS, PAUSE, FaceResult, FaceToVoice
from vclip.speakers import voice_id
from vclip.speakers.candidates import Candidate
from vclip.speech import narrator
from vclip.speech.synthesizer import check_rate
from vclip.text.sentences import to_sentences

PHOTO = "a JPEG, PNG, WebP or HEIC photo"


class Clock:
    """Seconds of the named stretches of a run."""

    def __init__(self) -> None:
        self.timings: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        """End the stretch that began at the last mark."""
        now = time.perf_counter()
        self.timings[name], self._last = round(now - self._last, 4), now


def parse(argv: list[str]) -> argparse.Namespace:
    """The options; argparse itself exits with 2 on unknown ones."""
    parser = argparse.ArgumentParser(prog="python -m vclip", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--model", default="bundled", help=CHOICES)
    shared.add_argument("--source", default="both", choices=get_args(Source))
    shared.add_argument("--seed", type=int, default=0)
    shared.add_argument("--box", type=int, default=0, help="which face, 0 is the largest")
    shared.add_argument("--whole", action="store_true", help="use the picture without looking")
    shared.add_argument("--json", action="store_true")
    listing = commands.add_parser("candidates", parents=[shared], help="list fitting voices")
    listing.add_argument("face", metavar="FACE", nargs="?", help=PHOTO)
    listing.add_argument("--describe", metavar="WORDS", help="instead of FACE, of zero-shot models")
    listing.add_argument("-k", type=int, default=10, help="how many voices")
    listing.set_defaults(voice=None)
    speaking = commands.add_parser("speak", parents=[shared], help="let one of them speak")
    by_card = any(word.split("=")[0] == "--voice" for word in argv)
    if not by_card:
        speaking.add_argument("face", metavar="FACE", help=PHOTO)
    speaking.add_argument("text", metavar="TEXT", nargs="?" if by_card else None)
    add_speech(speaking)
    speaking.set_defaults(describe=None, face=None)
    commands.add_parser("bench", add_help=False, help="how fast all of it is on this machine")
    return parser.parse_args(argv)


def add_speech(parser: argparse.ArgumentParser) -> None:
    """Options of `speak`: which voice, how it speaks, where to."""
    parser.add_argument("-o", "--out", required=True, metavar="OUT.wav", help="or .flac, .mp3")
    parser.add_argument("--rate", type=float, default=1.0, help="2 is twice as fast")
    parser.add_argument("--pause", type=float, default=PAUSE, help="seconds between sentences")
    parser.add_argument("--lufs", type=float, default=LUFS, help="loudness; -23 for tests")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--rank", type=int, default=1, help="of the candidates, 1 is the best")
    which.add_argument("--speaker", help=f"an id: {voice_id.ID_FORMS}")
    which.add_argument(
        "--voice",
        metavar="CARD.json",
        help="instead of FACE: a saved voice, or a speech, which without TEXT is said again as "
        "the card says",
    )


def read_file(path: str, what: str, error: type[InputError], longest: int = -1) -> bytes:
    """The bytes of a file, or the first so many. Raises the error."""
    try:
        with Path(path).open("rb") as file:
            return file.read(longest)
    except OSError as failure:
        raise error(f"cannot read the {what} {path}: {failure.strerror}") from failure


def read_face(options: argparse.Namespace) -> bytes | None:
    """The photo, or None where words or a card take its place. Raises InputError."""
    if options.voice is None and (options.face is None) == (options.describe is None):
        raise InputError("give either a photo, FACE, or --describe WORDS")
    return None if options.face is None else read_file(options.face, "photo", ImageError)


def read_saved(options: argparse.Namespace) -> card.Card | None:
    """The card of --voice, if one is given. Raises DataError, TextError."""
    if options.voice is None:
        return None
    saved = card.read_card(read_file(options.voice, "card", DataError, card.MAX_SIZE + 1))
    if options.text is None and saved.said is None:
        raise TextError(f"{options.voice} is the card of a voice and says no text; add TEXT")
    return saved


def check_output(path: str) -> None:
    """Raise OutputError before any work if the file cannot be written later."""
    folder = Path(path).resolve().parent
    if not folder.is_dir():
        raise OutputError(f"cannot write {path}: the folder {folder} does not exist; create it")
    if Path(path).is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file")
    audio.check_format(path)


def check_speech(options: argparse.Namespace) -> None:
    """Complain about what is to be said, and how, before the models load."""
    if options.text is not None:
        to_sentences(options.text)
        check_rate(options.rate)
        narrator.check_pause(options.pause)
        narrator.check_lufs(options.lufs)
    check_output(options.out)


def pick(model: FaceToVoice, seen: FaceResult, options: argparse.Namespace) -> list[Candidate]:
    """The candidates of the request; for `speak`, only the one that is to speak."""
    if options.command == "candidates":
        return model.candidates(seen, options.k, options.source, options.seed)
    if options.speaker:
        return [model.candidate(options.speaker, seen)]
    if options.rank < 1:
        raise SpeakerError(f"the rank is {options.rank}; ranks begin at 1")
    found = model.candidates(seen, options.rank, options.source, options.seed)
    if len(found) < options.rank:
        raise SpeakerError(f"there is no rank {options.rank}; there are {len(found)} voices")
    return [found[-1]]


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Carry out a command; returns what --json prints."""
    clock = Clock()
    saved, photo = read_saved(options), read_face(options)
    if options.command == "speak":
        check_speech(options)
    model = FaceToVoice.from_pretrained(options.model)
    clock.mark("load")
    answer: dict[str, Any] = {"model": model.model}
    if saved is not None:
        saved.check(model)
        found = [model.candidate(saved.voice)]
        answer |= {"voice": found[0].speaker_id}
    else:
        if photo is None:
            seen = model.read(options.describe)
        else:
            seen = model.look(photo, box=options.box, whole=options.whole)
        clock.mark("face")
        found = pick(model, seen, options)
        clock.mark("candidates")
        answer |= {
            "zero_shot": model.zero_shot,
            "face": seen.as_dict(),
            "seed": options.seed,
            "candidates": [candidate.as_dict() for candidate in found],
        }
    if options.command == "speak":
        answer |= say(model, found[0], saved, options)
        clock.mark("speak")
    return answer | {"timings": clock.timings}


def say(
    model: FaceToVoice, voice: Candidate, saved: card.Card | None, options: argparse.Namespace
) -> dict[str, Any]:
    """Write the text in a voice, or without one what the card says; returns what is told of it."""
    if saved is not None and options.text is None:
        speech = saved.speak(model)
    else:
        manner = {"rate": options.rate, "pause": options.pause, "lufs": options.lufs}
        speech = model.speak(options.text, voice, options.seed, **manner)
    audio.save(options.out, speech.wav, speech.sample_rate)
    told = {
        "wav": options.out,
        "sample_rate": speech.sample_rate,
        "seconds": round(speech.seconds, 3),
        "lufs": round(audio.loudness(speech.wav, speech.sample_rate), 1),
    }
    if options.text is None:
        told["identical"] = is_identical(saved, Path(options.out))
    return told


def is_identical(saved: card.Card | None, path: Path) -> bool | None:
    """Whether the file is the one that the card was saved with; None if of another format."""
    if saved is None or saved.said is None or audio.check_format(path) != saved.said.kind:
        return None
    return hashlib.sha256(path.read_bytes()).hexdigest() == saved.said.sha256


def show(answer: dict[str, Any]) -> None:
    """Print an answer for people, not programs."""
    if answer.get("zero_shot"):
        print(f"{answer['model']} is zero-shot: nothing in it was trained on faces with voices")
    for candidate in answer.get("candidates", []):
        print("{rank:3d}  {score:6.3f}  {source:9s}  {speaker_id}".format(**candidate))
    if "wav" in answer:
        print("{wav}: {seconds:.2f} s at {sample_rate} Hz, {lufs} LUFS".format(**answer))
    if answer.get("identical") is False:
        print(
            "it sounds the same but is not the card's file byte for byte: another processor, "
            "other libraries or another OMP_NUM_THREADS"
        )


def run_bench(argv: list[str]) -> NoReturn:
    """Hand over to the recipe, which nothing but a command line may know; exits with its code."""
    sys.argv[1:] = argv
    runpy.run_module("vclip.recipes.bench.run", run_name="__main__", alter_sys=True)
    raise SystemExit(0)


@reported
def main(argv: list[str] | None = None) -> int:
    """Command line."""
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["bench"]:
        run_bench(argv[1:])
    options = parse(argv)
    runtime.limit_threads()
    answer = run(options)
    if options.json:
        print(json.dumps(answer))
    else:
        show(answer)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
