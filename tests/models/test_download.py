"""Downloads against a local server: resumed, checked, and clear about what went wrong."""

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from file_server import Behaviour, closed_port, serving

from vclip.errors import DownloadError
from vclip.models import download

BODY = np.random.default_rng(0).bytes(1_000_003)
DIGEST = hashlib.sha256(BODY).hexdigest()
CUT = 300_000


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "WAIT", 0.0)
    monkeypatch.delenv("VCLIP_ACCEPT", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_fetches_once_and_shows_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    behaviour, path = Behaviour(BODY), tmp_path / "toy.zip"
    with serving(behaviour) as url:
        for _ in range(2):
            assert download.fetch(url, DIGEST, path).read_bytes() == BODY
    assert behaviour.asked == [""]
    assert [p.name for p in tmp_path.iterdir()] == ["toy.zip"]
    shown = capsys.readouterr()
    assert shown.out == "" and "100%" in shown.err and "1.00M" in shown.err


@pytest.mark.parametrize("ranges", [True, False])
def test_goes_on_where_it_was_cut_off(tmp_path: Path, ranges: bool) -> None:
    """Without ranges the server sends all of it again, and nothing is there twice."""
    behaviour = Behaviour(BODY, ranges=ranges, cut_at=[CUT, 2 * CUT])
    with serving(behaviour) as url:
        assert download.fetch(url, DIGEST, tmp_path / "toy").read_bytes() == BODY
    starts = [int(asked[6:-1]) if asked else 0 for asked in behaviour.asked]
    assert len(starts) == 3 and starts[0] == 0
    assert 0 < starts[1] <= CUT < starts[2] <= 2 * CUT  # what is in flight may be lost


def test_a_later_run_goes_on_too(tmp_path: Path) -> None:
    (tmp_path / "toy.part").write_bytes(BODY[:CUT])
    behaviour = Behaviour(BODY)
    with serving(behaviour) as url:
        assert download.fetch(url, DIGEST, tmp_path / "toy").read_bytes() == BODY
    assert behaviour.asked == [f"bytes={CUT}-"]


def test_a_whole_part_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "toy.part").write_bytes(BODY)
    assert download.fetch(closed_port(), DIGEST, tmp_path / "toy").read_bytes() == BODY


@pytest.mark.parametrize("behaviour", [Behaviour(BODY), Behaviour(BODY, shift=1)])
def test_a_part_that_is_no_beginning_is_begun_anew(tmp_path: Path, behaviour: Behaviour) -> None:
    longer = 1 if behaviour.shift == 0 else -1  # longer than the file: the server answers 416
    (tmp_path / "toy.part").write_bytes(b"x" * (len(BODY) + longer))
    with serving(behaviour) as url:
        assert download.fetch(url, DIGEST, tmp_path / "toy").read_bytes() == BODY
    assert behaviour.asked[-1] == ""


def test_a_body_of_unknown_length(tmp_path: Path) -> None:
    with serving(Behaviour(BODY, length=False)) as url:
        assert download.fetch(url, DIGEST, tmp_path / "toy").read_bytes() == BODY


def test_another_hash_is_refused_and_kept_until_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "toy"
    path.write_bytes(b"an old one")
    raised = pytest.raises(DownloadError, match="VCLIP_ACCEPT")
    with serving(Behaviour(BODY)) as url, raised as told:
        download.fetch(url, "0" * 64, path)
    assert DIGEST in str(told.value) and "0" * 64 in str(told.value)
    assert "--model bundled" in str(told.value)
    assert path.read_bytes() == b"an old one" and not (tmp_path / "toy.part").exists()
    assert (tmp_path / "toy.rejected").read_bytes() == BODY
    monkeypatch.setenv("VCLIP_ACCEPT", DIGEST)
    assert download.fetch(closed_port(), "0" * 64, path).read_bytes() == BODY


@pytest.mark.parametrize(("status", "asked"), [(404, 1), (403, 1), (503, download.FIRST_TRIES)])
def test_answers_that_are_errors(tmp_path: Path, status: int, asked: int) -> None:
    behaviour = Behaviour(BODY, status=status)
    with (
        serving(behaviour) as url,
        pytest.raises(DownloadError, match=f"{status}.*--model bundled"),
    ):
        download.fetch(url, DIGEST, tmp_path / "toy")
    assert len(behaviour.asked) == asked


def test_without_a_network_the_bundled_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "toy.part").write_bytes(BODY[:CUT])
    url = closed_port()
    with pytest.raises(DownloadError, match=r"cannot reach 127\.0\.0\.1.*--model bundled") as told:
        download.fetch(url, DIGEST, tmp_path / "toy")
    assert "0.3 MB are kept" in str(told.value) and "\n" not in str(told.value)
    assert (tmp_path / "toy.part").read_bytes() == BODY[:CUT]


def test_gives_up_on_a_server_that_always_hangs_up(tmp_path: Path) -> None:
    behaviour = Behaviour(BODY, cut_at=[CUT] * 9)
    with serving(behaviour) as url, pytest.raises(DownloadError, match="cannot reach"):
        download.fetch(url, DIGEST, tmp_path / "toy")
    assert len(behaviour.asked) <= download.TRIES + 2
    assert (tmp_path / "toy.part").stat().st_size > 0


@pytest.mark.parametrize("foreseen", [True, False])
def test_a_full_disk_keeps_what_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foreseen: bool
) -> None:
    (tmp_path / "toy.part").write_bytes(BODY[:CUT])

    def pieces(*_: object) -> Iterator[bytes]:
        yield BODY[CUT : 2 * CUT]
        raise OSError(errno.ENOSPC, "No space left on device")  # as a write would

    if foreseen:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    else:
        monkeypatch.setattr("requests.Response.iter_content", pieces)
    with serving(Behaviour(BODY)) as url, pytest.raises(OSError) as told:
        download.fetch(url, DIGEST, tmp_path / "toy")
    assert told.value.errno == errno.ENOSPC
    assert (tmp_path / "toy.part").read_bytes() == BODY[: CUT if foreseen else 2 * CUT]
