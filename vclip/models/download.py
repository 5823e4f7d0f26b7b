"""Downloads: a file of the network, resumed where it was cut off, checked before it is used.

Why own code over requests, which coqui-tts needs anyway: pooch checks hashes but begins anew after
every interruption; huggingface_hub resumes, but only its hub's files; coqui's ModelManager does not
check, and takes the folder of an interrupted download for a whole model.
"""

import errno
import hashlib
import logging
import os
import shutil
import time
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm

from vclip.errors import DownloadError

log = logging.getLogger(__name__)

TIMEOUT = (10.0, 30.0)  # seconds to connect, and between two pieces
TRIES = 5  # in a row that bring nothing new, where something had come before
FIRST_TRIES = 2  # where nothing has: most likely there is no network, and somebody waits
WAIT = 1.0  # seconds before the second try, twice that before the third, and so on
PIECE = 2**18  # bytes
GONE = (401, 403, 404, 410)  # answers that trying again does not change
INSTEAD = "use --model bundled, which needs no network"


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(url: str, digest: str, path: Path) -> Path:
    """Download to path unless it is there. Raises DownloadError, OSError.

    What has come stays in path.part for the next run to go on with. A whole file of another digest
    is kept as path.rejected, and used only if $VCLIP_ACCEPT names its digest.
    """
    wanted = {digest, os.environ.get("VCLIP_ACCEPT", digest).lower()}
    part, rejected = (path.with_name(path.name + end) for end in (".part", ".rejected"))
    for found in (path, part, rejected):
        if found.is_file() and sha256(found) in wanted:
            return found.replace(path)
    _receive(url, part)
    if (came := sha256(part)) not in wanted:
        part.replace(rejected)
        raise DownloadError(
            f"{url} sent a file of SHA-256 {came}, expected was {digest}; it is kept as {rejected} "
            f"but not used; try again, or {INSTEAD}, or, if you trust it, set VCLIP_ACCEPT={came}"
        )
    return part.replace(path)


def _receive(url: str, part: Path) -> None:
    """Append to part until it is whole; gives up after some tries that brought nothing."""
    failures, tries = 0, FIRST_TRIES
    while True:
        before = _size(part)
        try:
            return _attempt(url, part)
        except requests.RequestException as error:
            if _size(part) > before:
                failures, tries = 0, TRIES
            failures += 1
            code = error.response.status_code if error.response is not None else None
            if failures >= tries or code in GONE:
                raise DownloadError(_told(url, error, _size(part))) from error
            log.info("%s; trying again at byte %d", error, _size(part))
            time.sleep(WAIT * failures)


def _attempt(url: str, part: Path) -> None:
    """Ask once for what part lacks. Raises requests.RequestException where it is cut off."""
    have = _size(part)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
        begins = response.headers.get("Content-Range", f"bytes {have}-")
        if response.status_code == 416 or not begins.startswith(f"bytes {have}-"):
            part.unlink(missing_ok=True)  # no beginning of this file, so the next try starts anew
            raise requests.ConnectionError(f"{url} cannot go on at byte {have}")
        response.raise_for_status()
        have = have if response.status_code == 206 else 0  # 200: all of it, ranges are not known
        _save(response, part, have)


def _save(response: requests.Response, part: Path, have: int) -> None:
    """Write the body to part behind its first `have` bytes, with a progress bar."""
    rest = response.headers.get("Content-Length")
    total = None if rest is None else have + int(rest)
    if total is not None and shutil.disk_usage(part.parent).free < total - have:
        raise OSError(errno.ENOSPC, "no room for the rest of the download")
    bar = tqdm(desc=part.stem, total=total, initial=have, unit="B", unit_scale=True)
    with part.open("ab" if have else "wb") as file, bar:
        for piece in response.iter_content(PIECE):
            file.write(piece)
            bar.update(len(piece))
    if total is not None and _size(part) < total:
        raise requests.ConnectionError(f"the connection ended at byte {_size(part)} of {total}")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _told(url: str, error: requests.RequestException, kept: int) -> str:
    """What a user is told of a download that failed."""
    if error.response is not None:
        return f"{url} answers {error.response.status_code}; try again later, or {INSTEAD}"
    text = f"cannot reach {urlsplit(url).netloc} ({type(error).__name__}); {INSTEAD}"
    return text + (
        f"; {kept / 1e6:.1f} MB are kept, and the next run goes on there" if kept else ""
    )
