"""What a folder of JSON lines has besides its raters' files: a lock, its header, who is gone."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any

from vclip.errors import DataError, StudyError
from vclip.listening.design.study import Study
from vclip.listening.store import lines
from vclip.listening.store.store import changed


def header(path: Path) -> dict[str, Any]:
    """Id, version and hash of the study, and its secret. Raises StudyError if it is none."""
    try:
        kept = json.loads(path.read_bytes())
        if isinstance(kept["study"], str) and isinstance(kept["secret"], str):
            return dict(kept)
    except (ValueError, LookupError, TypeError):
        pass
    raise StudyError(f"{path} is broken; restore it from a copy")


def gone(folder: Path, *, mend: bool = True) -> set[int]:
    """Numbers of raters who withdrew. Raises DataError."""
    found = lines.replay(folder / "gone.jsonl", mend=mend)
    try:
        return {int(line["rater"]) for line in found}
    except (LookupError, TypeError, ValueError) as error:
        raise DataError("gone.jsonl is broken; restore it from a copy") from error


def hold(path: Path) -> int:
    """A lock on the folder, gone with the process however it ends. Raises StudyError."""
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(file)
        raise StudyError(f"{path.parent} is in use by another process; stop that one") from error
    return file


def secret(path: Path, study: Study, *, enrolled: bool) -> bytes:
    """From the file of the study, made if there is none. Raises StudyError if it is of another."""
    now_is = {"study": study.study, "version": study.version, "sha256": study.sha256}
    kept = header(path) if path.exists() else {}
    if enrolled and {name: kept.get(name) for name in now_is} != now_is:
        raise changed(study)
    if not enrolled or not kept:
        kept = {**now_is, "secret": kept.get("secret") or secrets.token_hex(32)}
        part = path.with_suffix(".part")
        part.unlink(missing_ok=True)
        lines.append(part, kept)
        part.replace(path)
        lines.sync(path.parent)
    return bytes.fromhex(kept["secret"])
