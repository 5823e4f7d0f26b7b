"""The copy in a private dataset repository, with a hub that is a dictionary."""

import logging
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete
from stores import answer, enrol, toy

from vclip.errors import StudyError
from vclip.listening.store.folder_journal import FolderJournal
from vclip.listening.store.hub_mirror import HubMirror
from vclip.listening.store.store import Store, open_store

REPO = "lab/ratings"


class FakeHub:
    """Repositories of one account."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.private: bool | None = None
        self.commits, self.squashed, self.fails = 0, 0, False
        self.stubborn = False  # does not squash at once
        self.pushed = threading.Event()

    def create_repo(self, repo_id: str, **options: Any) -> None:
        self._check(repo_id, options)
        if self.private is None:
            self.private = options["private"]

    def repo_info(self, repo_id: str, **options: Any) -> Any:
        self._check(repo_id, options)
        return SimpleNamespace(private=self.private)

    def list_repo_files(self, repo_id: str, **options: Any) -> list[str]:
        self._check(repo_id, options)
        return [".gitattributes", *self.files]

    def hf_hub_download(self, repo_id: str, filename: str, **options: Any) -> str:
        self._check(repo_id, options)
        path = Path(options["local_dir"]) / "download"
        path.write_bytes(self.files[filename])
        return str(path)

    def create_commit(self, repo_id: str, operations: Any, **options: Any) -> None:
        self._check(repo_id, options)
        for one in operations:
            if isinstance(one, CommitOperationDelete):
                del self.files[one.path_in_repo]
            else:
                assert isinstance(one, CommitOperationAdd)
                assert isinstance(one.path_or_fileobj, bytes)
                self.files[one.path_in_repo] = one.path_or_fileobj
        self.commits += 1
        self.pushed.set()

    def super_squash_history(self, repo_id: str, **options: Any) -> None:
        self._check(repo_id, options)
        if self.stubborn:
            self.stubborn = False
            raise ConnectionError("not now")
        self.squashed += 1

    def _check(self, repo: str, options: dict[str, Any]) -> None:
        assert (repo, options["repo_type"]) == (REPO, "dataset")
        if self.fails:
            raise ConnectionError("no network\nat all")


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


def opened(folder: Path, hub: FakeHub) -> Store:
    return mirrored(folder, mirror_of(folder, hub))


def mirror_of(folder: Path, hub: FakeHub) -> HubMirror:
    return HubMirror(folder, REPO, hub, seconds=0.01)


def mirrored(folder: Path, mirror: HubMirror) -> Store:
    return Store(FolderJournal(folder, mirror), toy())


def test_what_is_rated_is_there_after_the_disk_is_gone(tmp_path: Path, hub: FakeHub) -> None:
    kept = opened(tmp_path / "one", hub)
    one = enrol(kept)
    kept.record(one.rater, answer(0), "tab")
    kept.close()
    assert hub.private is True
    assert sorted(hub.files) == ["sessions/1.jsonl", "study.json"]
    again = opened(tmp_path / "other", hub)
    assert again.secret == kept.secret and again.ratings() == kept.ratings() != []
    assert again.rater(one.token) == one.rater
    again.close()


def test_it_is_copied_while_raters_rate(tmp_path: Path, hub: FakeHub) -> None:
    kept = opened(tmp_path / "one", hub)
    rater = enrol(kept).rater
    for position in range(3):
        hub.pushed.clear()
        kept.record(rater, answer(position), "tab")
        assert hub.pushed.wait(10)
    kept.close()
    assert hub.files["sessions/1.jsonl"].count(b'"answer"') == 3


def test_nothing_new_is_no_commit(tmp_path: Path, hub: FakeHub) -> None:
    kept = opened(tmp_path / "one", hub)
    enrol(kept)
    kept.close()
    commits = hub.commits
    opened(tmp_path / "one", hub).close()
    assert hub.commits == commits


def test_a_hub_that_fails_loses_and_blocks_nothing(
    tmp_path: Path, hub: FakeHub, caplog: pytest.LogCaptureFixture
) -> None:
    mirror = mirror_of(tmp_path / "one", hub)
    kept = mirrored(tmp_path / "one", mirror)
    hub.fails = True
    rater = enrol(kept).rater
    with caplog.at_level(logging.WARNING):
        for position in range(3):
            kept.record(rater, answer(position), "tab")
        assert not mirror.push()
    assert "no network; it is tried again" in caplog.text
    assert len(kept.ratings()) == 3
    hub.fails, hub.pushed = False, threading.Event()
    assert hub.pushed.wait(10)  # by itself
    kept.close()
    assert hub.files["sessions/1.jsonl"].count(b'"answer"') == 3


def test_a_public_repository_gets_nothing(tmp_path: Path, hub: FakeHub) -> None:
    hub.private = False
    with pytest.raises(StudyError, match="is public"):
        opened(tmp_path / "one", hub)
    assert not hub.files


def test_no_start_without_knowing_what_there_is(tmp_path: Path, hub: FakeHub) -> None:
    """It would begin anew, and write over the ratings."""
    hub.fails = True
    with pytest.raises(StudyError, match="cannot read the ratings in lab/ratings: no network"):
        opened(tmp_path / "one", hub)
    hub.fails = False
    opened(tmp_path / "one", hub).close()  # the folder was let go


def test_what_the_folder_has_more_of_stays(tmp_path: Path, hub: FakeHub) -> None:
    kept = opened(tmp_path / "one", hub)
    rater = enrol(kept).rater
    kept.close()
    alone = open_store(f"jsonl:{tmp_path / 'one'}", toy())
    alone.record(rater, answer(0), "tab")
    alone.close()
    again = opened(tmp_path / "one", hub)
    assert sorted(again.answers(rater)) == [0]
    again.close()
    assert b'"answer"' in hub.files["sessions/1.jsonl"]


def test_who_withdraws_is_gone_from_the_copy_and_its_history(tmp_path: Path, hub: FakeHub) -> None:
    mirror = mirror_of(tmp_path / "one", hub)
    kept = mirrored(tmp_path / "one", mirror)
    one = enrol(kept)
    enrol(kept)
    assert mirror.push()
    hub.stubborn = True
    kept.withdraw(one.withdrawal)
    mirror.push()
    kept.close()
    assert sorted(hub.files) == ["gone.jsonl", "sessions/2.jsonl", "study.json"]
    assert hub.squashed == 1


def test_a_server_that_dies_before_history_is_cleared_clears_it_at_its_next_start(
    tmp_path: Path, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror = mirror_of(tmp_path / "one", hub)
    kept = mirrored(tmp_path / "one", mirror)
    one = enrol(kept)
    assert mirror.push()
    monkeypatch.setattr(hub, "super_squash_history", lambda *_, **__: 1 / 0)
    kept.withdraw(one.withdrawal)
    kept.close()
    monkeypatch.undo()
    assert sorted(hub.files) == ["gone.jsonl", "study.json"] and hub.squashed == 0
    opened(tmp_path / "one", hub).close()
    assert hub.squashed == 1


def test_half_a_line_is_not_copied(tmp_path: Path, hub: FakeHub) -> None:
    kept = opened(tmp_path / "one", hub)
    enrol(kept)
    with (tmp_path / "one" / "sessions" / "1.jsonl").open("ab") as file:
        file.write(b'{"kind": "ans')
    kept.close()
    assert hub.files["sessions/1.jsonl"].endswith(b"}\n")
