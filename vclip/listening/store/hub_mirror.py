"""Mirror of a folder of JSON lines in a private Hugging Face dataset, for ephemeral disks.

What raters send never waits for it and never fails with it: a thread copies what is new once a
minute, and again after a failure. So a machine that vanishes with its disk takes up to a minute of
ratings along; one that is only restarted takes none.
"""

import hashlib
import logging
import tempfile
import threading
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

from vclip.errors import StudyError

log = logging.getLogger(__name__)
SECONDS = 60.0  # between copies: the hub takes some hundred commits an hour
FILES = ("study.json", "gone.jsonl", "sessions/*.jsonl")


class HubMirror:
    """Copies a folder to a repository. hub: anything like HfApi."""

    def __init__(
        self, folder: Path, repo: str, hub: HfApi | None = None, seconds: float = SECONDS
    ) -> None:
        self._folder, self._repo, self._seconds = folder, repo, seconds
        self._hub = hub or HfApi()
        self._there: dict[str, str] = {}  # SHA-256 of each file in the repository
        self._stale = False  # whether earlier versions have what is deleted
        self._lock = threading.Lock()
        self._new, self._ends = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def pull(self) -> None:
        """Fetch what the folder has not, or has less of. Raises StudyError if that is not sure.

        A start without the ratings that there are would write over them.
        """
        try:
            self._hub.create_repo(self._repo, repo_type="dataset", private=True, exist_ok=True)
            if self._hub.repo_info(self._repo, repo_type="dataset").private is not True:
                raise StudyError(f"{self._repo} is public; ratings go to private repositories only")
            for name in self._hub.list_repo_files(self._repo, repo_type="dataset"):
                if any(Path(name).match(pattern) for pattern in FILES):
                    self._fetch(name)
            self._stale = (self._folder / "gone.jsonl").exists()  # a crash may have left it so
        except StudyError:
            raise
        except Exception as error:
            raise StudyError(
                f"cannot read the ratings in {self._repo}: {_line(error)}; check name and token"
            ) from error

    def _fetch(self, name: str) -> None:
        with tempfile.TemporaryDirectory() as folder:  # not the cache: raters may withdraw
            found = self._hub.hf_hub_download(
                self._repo, name, repo_type="dataset", local_dir=folder
            )
            data, path = Path(found).read_bytes(), self._folder / name
        self._there[name] = _digest(data)
        if not path.exists() or path.stat().st_size < len(data):  # files only grow
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def start(self) -> None:
        """Start the thread that copies."""
        self._thread.start()
        self.note()

    def note(self) -> None:
        """Something is new."""
        self._new.set()

    def close(self) -> None:
        """A last copy, then no more."""
        self._ends.set()
        self._new.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ends.is_set():
            self._new.wait()
            self._new.clear()
            if not self.push():
                self._new.set()  # again, after a while
            self._ends.wait(self._seconds)
        self.push()

    def push(self) -> bool:
        """Copy what is new in one commit; whether that went well."""
        try:
            with self._lock:
                self._push()
                self._forget()
        except Exception as error:  # whatever it is, the ratings are safe in the folder
            log.warning("no copy in %s: %s; it is tried again", self._repo, _line(error))
            return False
        return True

    def _push(self) -> None:
        files = {
            str(path.relative_to(self._folder)): _whole(path)
            for pattern in FILES
            for path in self._folder.glob(pattern)
        }
        now = {name: _digest(data) for name, data in files.items()}
        new = [name for name in files if now[name] != self._there.get(name)]
        gone = [name for name in self._there if name not in files]
        if not new and not gone:
            return
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=files[name]) for name in new),
            *(CommitOperationDelete(path_in_repo=name) for name in gone),
        ]
        self._hub.create_commit(
            self._repo, operations, commit_message="Ratings", repo_type="dataset"
        )
        self._there, self._stale = now, self._stale or bool(gone)

    def _forget(self) -> None:
        """Who withdrew is to be gone from earlier versions, too."""
        if self._stale:
            self._hub.super_squash_history(self._repo, repo_type="dataset")
            self._stale = False


def _whole(path: Path) -> bytes:
    """A file's whole lines: the last one may be being written."""
    data = path.read_bytes()
    return data if path.suffix == ".json" else data[: data.rfind(b"\n") + 1]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
