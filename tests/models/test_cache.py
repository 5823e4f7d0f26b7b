"""The cache of weights: whole or not at all, never outside of its folder, checked every time."""

import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import REPO
from file_server import Behaviour, closed_port, serving

from vclip.errors import DownloadError
from vclip.models import cache as archives
from vclip.models import download


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCLIP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "WAIT", 0.0)
    return tmp_path / "cache"


def zipped(path: Path, members: dict[str, bytes], link: str = "") -> tuple[bytes, str]:
    """The bytes of a zip and their digest."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = (stat.S_IFLNK if name == link else stat.S_IFREG | 0o644) << 16
            file.writestr(info, content)
    body = path.read_bytes()
    return body, hashlib.sha256(body).hexdigest()


def test_the_cache_is_where_it_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert archives.cache_folder() == cache
    monkeypatch.delenv("VCLIP_CACHE")
    assert archives.cache_folder() == Path.home() / ".cache" / "vclip"


def test_fetched_and_unpacked_once(cache: Path, tmp_path: Path) -> None:
    body, digest = zipped(tmp_path / "z", {"in/a.txt": b"one", "in/deep/b.txt": b"two"})
    behaviour = Behaviour(body)
    with serving(behaviour) as url:
        folders = {archives.fetch_archive(url, digest) for _ in range(2)}
    (folder,) = folders
    assert len(behaviour.asked) == 1
    assert folder == cache / f"toy-{digest[:12]}"
    assert (folder / "in/a.txt").read_bytes() == b"one"
    assert (folder / "in/deep/b.txt").read_bytes() == b"two"
    assert {path.suffix for path in cache.iterdir()} <= {"", ".lock"}  # no archive is left


def test_many_at_once_fetch_once(tmp_path: Path) -> None:
    body, digest = zipped(tmp_path / "z", {"in/a.txt": b"one" * 100_000})
    behaviour = Behaviour(body)
    found: list[Path] = []
    with serving(behaviour) as url:
        threads = [
            threading.Thread(target=lambda: found.append(archives.fetch_archive(url, digest)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 4 and len(set(found)) == 1 and len(behaviour.asked) == 1


def test_altered_and_missing_files_are_noticed(tmp_path: Path) -> None:
    body, digest = zipped(tmp_path / "z", {"in/a.txt": b"one"})
    with serving(Behaviour(body)) as url:
        folder = archives.fetch_archive(url, digest)
    (folder / "in/a.txt").write_bytes(b"two")
    with pytest.raises(DownloadError, match=r"a\.txt has been altered; delete"):
        archives.fetch_archive(url, digest)
    (folder / "in/a.txt").unlink()
    with pytest.raises(DownloadError, match="not whole"):
        archives.fetch_archive(url, digest)


@pytest.mark.parametrize(
    "name", ["../evil", "in/../../evil", "/tmp/evil", "..\\evil", "C:\\evil", "link"]
)
def test_members_that_lead_outside_are_refused(cache: Path, tmp_path: Path, name: str) -> None:
    members = {"in/a.txt": b"one", name: b"../../evil"}
    body, digest = zipped(tmp_path / "z", members, link="link")
    before = set(tmp_path.rglob("*evil*"))
    with serving(Behaviour(body)) as url, pytest.raises(DownloadError, match="leads out"):
        archives.fetch_archive(url, digest)
    assert set(tmp_path.rglob("*evil*")) == before == set()
    assert not any(path.is_dir() for path in cache.iterdir())


def test_no_zip(tmp_path: Path) -> None:
    body = b"<html>sign in to the hotel's network</html>"
    with serving(Behaviour(body)) as url, pytest.raises(DownloadError, match="no whole zip"):
        archives.fetch_archive(url, hashlib.sha256(body).hexdigest())


def test_what_a_killed_run_left_is_no_model(cache: Path, tmp_path: Path) -> None:
    body, digest = zipped(tmp_path / "z", {"in/a.txt": b"one"})
    left = cache / f"toy-{digest[:12]}.unpacking" / "in"
    left.mkdir(parents=True)
    (left / "half.txt").write_bytes(b"o")
    with serving(Behaviour(body)) as url:
        folder = archives.fetch_archive(url, digest)
    assert sorted(path.name for path in folder.rglob("*.txt")) == ["a.txt"]
    assert not left.exists()


def test_a_full_disk_while_unpacking_keeps_the_archive(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body, digest = zipped(tmp_path / "z", {"in/a.txt": b"one"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(Behaviour(body)) as url, monkeypatch.context() as patch:
        patch.setattr(zipfile.ZipFile, "extractall", full)
        with pytest.raises(DownloadError, match="is full; make room"):
            archives.fetch_archive(url, digest)
    assert (cache / f"toy-{digest[:12]}.zip").read_bytes() == body
    assert archives.fetch_archive(closed_port(), digest) == cache / f"toy-{digest[:12]}"


def test_a_cache_that_cannot_be_made(cache: Path) -> None:
    cache.write_text("a file stands where the folder should be")
    with pytest.raises(DownloadError, match="set VCLIP_CACHE"):
        archives.fetch_archive(closed_port(), "0" * 64)


COMMIT = "0123456789abcdef0123456789abcdef01234567"
HUB_FILES = {"vclip.json": b"{}", "a.safetensors": b"weights", "evil.pkl": b"pickle"}


class Hub(BaseHTTPRequestHandler):
    """What huggingface_hub asks for a snapshot: the list of a revision, then every file."""

    def do_GET(self) -> None:
        if self.path.startswith(f"/api/models/some/voice/revision/{COMMIT}"):
            siblings = [{"rfilename": name} for name in HUB_FILES]
            answer = {"id": "some/voice", "sha": COMMIT, "siblings": siblings}
            self._send(json.dumps(answer).encode(), "application/json")
        elif self.path.startswith(f"/api/models/some/voice/tree/{COMMIT}"):
            tree = [
                {"type": "file", "path": name, "size": len(body), "oid": name}
                for name, body in HUB_FILES.items()
            ]
            self._send(json.dumps(tree).encode(), "application/json")
        elif self.path.startswith(f"/some/voice/resolve/{COMMIT}/"):
            self._send(HUB_FILES[self.path.rsplit("/", 1)[1].split("?")[0]], "application/x")
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", f'"{hashlib.sha1(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        pass


ASK = """
import sys
from vclip.models.cache import fetch_snapshot
from vclip.errors import DownloadError
try:
    print(*sorted(p.name for p in fetch_snapshot(*sys.argv[1:]).iterdir()))
except DownloadError as error:
    print("refused:", error)
"""


def ask_hub(folder: Path, url: str, repository: str) -> str:
    """What a fresh process prints; huggingface_hub reads its settings when it is imported."""
    settings = {"HF_ENDPOINT": url, "HF_HOME": str(folder), "NO_PROXY": "127.0.0.1"}
    settings |= {} if url else {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", ASK, repository, COMMIT]
    done = subprocess.run(
        command, cwd=REPO, env=os.environ | settings, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.mark.slow
def test_snapshots_of_a_hub(tmp_path: Path) -> None:
    """Fetched once without pickles, found offline afterwards; what is not there is refused."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    assert ask_hub(tmp_path, url, "some/voice") == "a.safetensors vclip.json"
    missing = ask_hub(tmp_path, url, "no/voice")
    server.shutdown()
    server.server_close()
    thread.join()
    assert missing.startswith("refused: cannot fetch no/voice@") and "--model bundled" in missing
    assert ask_hub(tmp_path, "", "some/voice") == "a.safetensors vclip.json"
    offline = ask_hub(tmp_path, "", "other/voice")
    assert offline.startswith("refused: cannot reach the hub for other/voice@")
    assert "--model bundled" in offline and "\n" not in offline
