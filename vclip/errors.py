"""Errors that vclip raises on purpose, in one tree.

VclipError
├── InputError           what the user gave cannot be used (exit code 2 on the command line)
│   ├── ImageError       not an image, truncated, too large
│   │   └── NoFaceError  a readable image without a detectable face
│   ├── TextError        empty, too long, nothing speakable
│   ├── SpeakerError     a speaker or rank that does not exist
│   ├── OutputError      a place that cannot be written
│   ├── DataError        a manifest, media file or recipe input that cannot be used
│   └── StudyError       a study file that is wrong, or names files that are
├── BusyError            too many are being served; the same request will work later
├── ConflictError        an answer or a rater that cannot be taken: answered, out of order, full
└── ModelError           a model directory that is missing, broken or of another version
    └── DownloadError    weights that cannot be fetched: no network, a full disk, a wrong hash

Messages are one line: what was wrong, then what to do.
"""

import functools
import sys
from collections.abc import Callable


class VclipError(Exception):
    """Base of all errors raised on purpose; its text may be shown to a user as it is."""


class InputError(VclipError):
    """What the user gave cannot be used."""


class ImageError(InputError):
    """The picture cannot be read, or is larger than allowed."""


class NoFaceError(ImageError):
    """The picture is fine but no face was found in it; the whole picture may be used instead."""


class TextError(InputError):
    """The text is empty, too long, or holds nothing that can be spoken."""


class SpeakerError(InputError):
    """There is no such speaker or rank."""


class OutputError(InputError):
    """The output cannot be written where it was asked for."""


class DataError(InputError):
    """A manifest, media file or recipe input cannot be used."""


class StudyError(InputError):
    """A study file is wrong, or names files that are."""


class ConflictError(VclipError):
    """What a rater sends cannot be taken now: answered before, out of order, a full study."""


class BusyError(VclipError):
    """Too many are being served; the same request will work later."""


class ModelError(VclipError):
    """A model directory is missing, broken, or made for another version."""


class DownloadError(ModelError):
    """Weights cannot be fetched, or are not what was expected."""


def first_line(error: BaseException, longest: int = 160) -> str:
    """The beginning of what a library's error says, for messages of ours; its name if nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0][:longest]


def reported(main: Callable[[list[str] | None], int]) -> Callable[..., int]:
    """Let a command line answer these errors with one line on stderr and exit code 2."""

    @functools.wraps(main)
    def command(argv: list[str] | None = None) -> int:
        try:
            return main(argv)
        except VclipError as error:
            print(f"vclip: {error}", file=sys.stderr)
            return 2

    return command
