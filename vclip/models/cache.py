"""The cache of fetched weights: archives unpacked once, snapshots of a hub, what is fitted to them.

It lies in $VCLIP_CACHE, by default ~/.cache/vclip. Everything appears in it whole or not at all.
"""

import contextlib
import errno
import functools
import json
import os
import shutil
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from filelock import FileLock

from vclip.errors import DownloadError, first_line
from vclip.models.download import INSTEAD, fetch, sha256

CONTENTS = "contents.json"  # of an unpacked archive: SHA-256 by file
SAFE = ("*.json", "*.safetensors", "*.npz")  # of a hub's snapshot: nothing that could hold a pickle


def cache_folder() -> Path:
    """The folder of the cache, which may not exist yet."""
    return Path(os.environ.get("VCLIP_CACHE") or Path.home() / ".cache" / "vclip").resolve()


def fetch_archive(url: str, digest: str) -> Path:
    """The folder of a zip that is fetched and unpacked once; its files are checked every time.

    Raises DownloadError. Where several processes ask at once, one fetches and the others wait.
    """
    name = PurePosixPath(urlsplit(url).path).stem
    folder = cache_folder() / f"{name}-{digest[:12]}"
    with explained(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not folder.is_dir():
                archive = fetch(url, digest, folder.with_name(f"{folder.name}.zip"))
                unpack(archive, folder)
                archive.unlink()
        check(folder)
    return folder


def fetch_snapshot(repository: str, commit: str, instead: str = INSTEAD) -> Path:
    """The folder of a Hugging Face repository at a commit, SAFE files only. Raises DownloadError.

    `instead`: what the error tells people to do where there is no network.

    huggingface_hub resumes, shows progress, and keeps it in its own cache, where it is found
    without a network ever after.
    """
    import httpx2  # slow to import, as huggingface_hub is
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    name = f"{repository}@{commit}"
    fetch_files = functools.partial(
        snapshot_download, repository, revision=commit, allow_patterns=list(SAFE)
    )
    try:
        with contextlib.suppress(LocalEntryNotFoundError):
            return Path(fetch_files(local_files_only=True))  # a commit never changes
        return Path(fetch_files())
    except LocalEntryNotFoundError as error:
        raise DownloadError(f"cannot reach the hub for {name}; {instead}") from error
    except (HfHubHTTPError, httpx2.HTTPError, OSError) as error:
        raise DownloadError(
            f"cannot fetch {name} from the hub ({first_line(error)}); {instead}"
        ) from error


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip and note the hashes of its files. Raises DownloadError, leaving no folder."""
    fresh = folder.with_name(f"{folder.name}.unpacking")
    shutil.rmtree(fresh, ignore_errors=True)  # of a run that was killed
    try:
        with zipfile.ZipFile(archive) as file:
            for member in file.infolist():
                check_member(archive, member)
            file.extractall(fresh)
        files = sorted(path for path in fresh.rglob("*") if path.is_file())
        hashes = {path.relative_to(fresh).as_posix(): sha256(path) for path in files}
        (fresh / CONTENTS).write_text(json.dumps(hashes, indent=1))
        fresh.rename(folder)
    except (zipfile.BadZipFile, EOFError) as error:
        raise DownloadError(
            f"{archive} is no whole zip: {error}; delete it, or {INSTEAD}"
        ) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def check_member(archive: Path, member: zipfile.ZipInfo) -> None:
    """Raise DownloadError if a member of a zip is a link or would land outside of its folder."""
    path = PurePosixPath(member.filename.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or ":" in member.filename
    if outside or stat.S_ISLNK(member.external_attr >> 16):
        raise DownloadError(
            f"{archive} holds {member.filename!r}, which leads out of its folder; "
            f"nothing was unpacked; delete it, or {INSTEAD}"
        )


def check(folder: Path) -> None:
    """Raise DownloadError if a file of an unpacked archive is not what it was."""
    try:
        hashes = json.loads((folder / CONTENTS).read_text())
        wrong = [name for name, digest in hashes.items() if sha256(folder / name) != digest]
    except (FileNotFoundError, ValueError) as error:
        raise DownloadError(f"{folder} is not whole ({error}); delete it and run again") from error
    if wrong:
        raise DownloadError(f"{folder / wrong[0]} has been altered; delete {folder} and run again")


@contextlib.contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn an OSError of writing to the cache into a DownloadError that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DownloadError(
                f"the disk of {folder} is full; make room there or set VCLIP_CACHE to a folder "
                "elsewhere; what has come is kept and the next run goes on there"
            ) from error
        raise DownloadError(
            f"cannot use {folder}: {error.strerror or error}; "
            "set VCLIP_CACHE to a folder that can be written"
        ) from error
