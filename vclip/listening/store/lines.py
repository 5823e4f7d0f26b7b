"""Files of JSON lines that survive a crash: appended to and flushed to the disk, line by line."""

import json
import os
from pathlib import Path
from typing import Any

from vclip.errors import BusyError, DataError

Line = dict[str, Any]


def append(path: Path, *lines: Line) -> None:
    """Add lines; they are on the disk when this returns. Raises BusyError, having added nothing."""
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    is_new = not path.exists()
    try:
        with path.open("ab", buffering=0) as file:
            _append(file.fileno(), data)
        if is_new:
            sync(path.parent)
    except OSError as error:
        if is_new:
            path.unlink(missing_ok=True)
        reason = error.strerror or error
        raise BusyError(f"nothing can be saved right now ({reason}); try again later") from error


def _append(file: int, data: bytes) -> None:
    """All of it or nothing: half a line would spoil the next one."""
    size = os.fstat(file).st_size
    try:
        if os.write(file, data) != len(data):
            raise OSError("the disk is full")
        os.fsync(file)
    except OSError:
        os.ftruncate(file, size)
        raise


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
