"""Files of JSON lines that survive a crash: appended to and flushed to the disk, line by line."""

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from vclip.errors import BusyError, DataError

Line = dict[str, Any]
AT_ONCE = 8


def append(files: Mapping[Path, Sequence[Line]]) -> None:
    """Add lines to each file, all or none; on the disk when this returns. Raises BusyError."""
    new = [path for path in files if not path.exists()]
    try:
        with contextlib.ExitStack() as opened, contextlib.ExitStack() as undo:
            for path in new:
                undo.callback(path.unlink, missing_ok=True)
            written = []
            for path, lines in files.items():
                file = opened.enter_context(path.open("ab", buffering=0)).fileno()
                undo.callback(os.ftruncate, file, os.fstat(file).st_size)
                data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
                if os.write(file, data.encode()) != len(data.encode()):
                    raise OSError("the disk is full")
                written.append(file)
            with ThreadPoolExecutor(AT_ONCE) as threads:  # disks flush several at once
                list(threads.map(os.fsync, written))
            for folder in {path.parent for path in new}:
                sync(folder)
            undo.pop_all()
    except OSError as error:
        reason = error.strerror or error
        raise BusyError(f"nothing can be saved right now ({reason}); try again later") from error


def replace(path: Path, line: Line) -> None:
    """A file of this line alone, whatever it held; a crash leaves the old one or the new one."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    append({part: [line]})
    part.replace(path)
    sync(path.parent)


def sync(folder: Path) -> None:
    """Flush the names in a folder: a new file is nothing without its name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replay(path: Path, *, mend: bool = True) -> list[Line]:
    """All lines; mend: cut off a last one that a crash tore, so that more may follow.

    Raises DataError if any other is broken.
    """
    data = path.read_bytes() if path.exists() else b""
    end = data.rfind(b"\n") + 1
    if mend and end < len(data):
        with path.open("r+b") as file:
            file.truncate(end)
            os.fsync(file.fileno())
    return [_line(path, n, line) for n, line in enumerate(data[:end].splitlines(), start=1)]


def _line(path: Path, n: int, data: bytes) -> Line:
    try:
        line = json.loads(data)
    except ValueError as error:
        raise DataError(
            f"line {n} of {path.name} is broken; restore the file from a copy"
        ) from error
    if not isinstance(line, dict):
        raise DataError(f"line {n} of {path.name} is no record; restore the file from a copy")
    return line
