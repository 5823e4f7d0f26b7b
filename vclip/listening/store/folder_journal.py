"""The journal as a folder of JSON lines, for machines without a database: one file a rater.

    FOLDER/study.json           which study this is, and its secret
    FOLDER/sessions/7.jsonl     events of rater 7: the plan, then answers, marks and the page's
    FOLDER/gone.jsonl           numbers of raters who withdrew; their files are deleted

Every line is on disk before it counts. One that a crash tore was never acknowledged and is cut off
at the next start. Claims of tabs are not kept: after a restart the first to answer may. With a
mirror, there is a copy in a private dataset repository, too.
"""

import contextlib
import fcntl
import json
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from vclip.errors import DataError, StudyError
from vclip.listening.store import json_lines
from vclip.listening.store.hub_mirror import HubMirror
from vclip.listening.store.journal import Event, Journal, SequenceTakenError
from vclip.listening.store.json_lines import Line
from vclip.listening.store.state import StudyState


class FolderJournal(Journal):
    """See journal.Journal for what each method promises. One process has the folder at a time."""

    shared = False

    def __init__(self, folder: Path, mirror: HubMirror | None = None) -> None:
        self._folder, self._mirror, self._end = folder, mirror, 0
        try:
            (folder / "sessions").mkdir(parents=True, exist_ok=True)
            self._held: int | None = _hold(folder / "lock")
        except OSError as error:
            reason = error.strerror or error
            raise StudyError(f"cannot keep ratings in {folder}: {reason}") from error
        try:
            if mirror:
                mirror.pull()
            self._events = list(_replay(folder, mend=True))
        except Exception:
            os.close(self._held)
            raise
        if mirror:
            mirror.start()

    def read(self, after: int) -> list[Event]:
        """As they were at the start: nobody but who appends knows more."""
        found, self._events = self._events, []
        self._end += len(found)
        return found

    def append(self, events: Sequence[Event], after: int) -> None:
        """A line each; a withdrawal is noted first, so that its file goes even after a crash."""
        if after != self._end:
            raise SequenceTakenError
        gone = {event.rater for event in events if event.kind == "withdraw"}
        files = defaultdict[Path, list[Line]](list)
        for event in events:
            if event.kind == "study":
                json_lines.replace(self._folder / "study.json", dict(event.data))
            elif event.kind == "withdraw":
                line = {"rater": event.rater, "created": event.created}
                files[self._folder / "gone.jsonl"].append(line)
            elif event.kind != "claim" and event.rater not in gone:
                files[self._session(event.rater)].append(_line(event))
        json_lines.append(files)
        self._end += len(events)
        for rater in gone:
            with contextlib.suppress(OSError):  # then the next start deletes it
                self._session(rater).unlink(missing_ok=True)
                json_lines.sync(self._folder / "sessions")
        if self._mirror:
            self._mirror.note()

    def of_rater(self, rater: int) -> list[Event]:
        """Events of one rater, read from the file."""
        found = json_lines.replay(self._session(rater), mend=False)
        return [_event(rater, line) for line in found]

    def close(self) -> None:
        """The copy is brought up to date, another process may take over."""
        if self._held is not None:
            if self._mirror:
                self._mirror.close()
            os.close(self._held)
            self._held = None

    def _session(self, rater: int | None) -> Path:
        return self._folder / "sessions" / f"{rater}.jsonl"


def load_state(folder: Path, study: str | None = None) -> StudyState:
    """State of a study in a folder, which may be in use. study: its id. Raises StudyError."""
    if not (folder / "study.json").is_file():
        raise StudyError(f"there are no ratings in {folder}; check the store's URL")
    found = StudyState().after(_replay(folder, mend=False))
    if study not in (None, found.header["study"]):
        raise StudyError(f"the ratings in {folder} are of {found.header['study']}, not of {study}")
    return found


def _replay(folder: Path, *, mend: bool) -> Iterator[Event]:
    """All events, rater after rater. mend: end what a crash left half done. Raises DataError."""
    if (folder / "study.json").exists():
        yield Event("study", None, _header(folder / "study.json"), "")
    gone = _gone(folder / "gone.jsonl", mend=mend)
    for path in sorted((folder / "sessions").glob("*.jsonl"), key=lambda p: (len(p.stem), p.stem)):
        if path.stem in map(str, gone):
            if mend:
                path.unlink()
            continue
        try:
            events = [_event(int(path.stem), line) for line in json_lines.replay(path, mend=mend)]
            StudyState().after(events)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"{path.name} is not what a rater's file looks like; restore it from a copy"
            ) from error
        yield from events
    for rater, created in gone.items():
        yield Event("withdraw", rater, {}, created)


def _line(event: Event) -> Line:
    """What an event looks like in its rater's file."""
    number = {"rater": event.rater} if event.kind == "enrol" else {}
    return {"kind": event.kind, **number, **event.data, "created": event.created}


def _event(rater: int, line: Line) -> Event:
    data = {name: value for name, value in line.items() if name not in ("kind", "rater", "created")}
    return Event(line["kind"], rater, data, line["created"])


def _header(path: Path) -> dict[str, Any]:
    """Id, version and hash of the study, and its secret. Raises StudyError if it is none."""
    with contextlib.suppress(ValueError, LookupError, TypeError):
        kept = json.loads(path.read_bytes())
        if isinstance(kept["study"], str) and isinstance(kept["secret"], str):
            return dict(kept)
    raise StudyError(f"{path} is broken; restore it from a copy")


def _gone(path: Path, *, mend: bool) -> dict[int, str]:
    """Raters who withdrew, and when. Raises DataError."""
    try:
        found = json_lines.replay(path, mend=mend)
        return {int(line["rater"]): str(line["created"]) for line in found}
    except (LookupError, TypeError, ValueError) as error:
        raise DataError("gone.jsonl is broken; restore it from a copy") from error


def _hold(path: Path) -> int:
    """A lock on the folder, gone with the process however it ends. Raises StudyError."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StudyError(f"{path.parent} is in use by another process; stop that one") from error
    return file
