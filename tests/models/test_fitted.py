"""What is fitted on first use: cached by its inputs, never in the way of a directory's own."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from vclip.models import fitted
from vclip.models.directory import ModelDirectory
from vclip.models.download import sha256
from vclip.recipes.generation import fit_gmm
from vclip.speakers import bank, signature
from vclip.speakers.bank import ExactIndex, FaissIndex
from vclip.speakers.gmm import SpeakerGMM
from vclip.speakers.signature import SignatureNet


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VCLIP_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def pairs(n: int = 40, s: int = 6, v: int = 5, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    table = (rng.normal(size=(n, s)) * 3 + 1).astype(np.float32)
    heard = table @ rng.normal(size=(s, v)) + 9 + noise * rng.normal(size=(n, v))
    return table, (heard / np.linalg.norm(heard, axis=1, keepdims=True)).astype(np.float32)


def directory(folder: Path, *files: Path) -> ModelDirectory:
    entries = {path.stem: {"file": path.name, "sha256": sha256(path)} for path in files}
    description = {"name": "toy", "version": 1, "components": entries}
    folder.mkdir(exist_ok=True)
    (folder / "vclip.json").write_text(json.dumps(description))
    return ModelDirectory.open(str(folder))


def test_fitted_once_for_the_same_inputs(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, heard = pairs()
    empty = directory(tmp_path / "m")
    gmm, net = fitted.speaker_gmm(empty, table), fitted.signature_net(empty, table, heard)
    assert len(list((cache / "fitted").iterdir())) == 2
    with monkeypatch.context() as patch:  # nothing is fitted again
        patch.setattr(SpeakerGMM, "fit", None)
        patch.setattr(SignatureNet, "ridge", None)
        again, net_again = (
            fitted.speaker_gmm(empty, table),
            fitted.signature_net(empty, table, heard),
        )
    np.testing.assert_array_equal(again.log_prob(table), gmm.log_prob(table))
    torch.testing.assert_close(net_again(torch.from_numpy(table)), net(torch.from_numpy(table)))
    fitted.speaker_gmm(empty, table + 1)
    fitted.signature_net(empty, table, heard[:, ::-1])
    assert len(list((cache / "fitted").iterdir())) == 4


def test_the_directory_s_own_come_first(tmp_path: Path, cache: Path) -> None:
    table, heard = pairs()
    folder = tmp_path / "m"
    folder.mkdir()
    own = SpeakerGMM.fit(table * 2, 1, seed=5)
    own.save(folder / "generation.npz")
    distilled = SignatureNet(6, 5, 16).eval()
    distilled.save(folder / "signature.safetensors")
    full = directory(folder, folder / "generation.npz", folder / "signature.safetensors")
    np.testing.assert_array_equal(fitted.speaker_gmm(full, table).mean, own.mean)
    x = torch.from_numpy(table)
    torch.testing.assert_close(fitted.signature_net(full, table, heard)(x), distilled(x))
    assert not cache.exists()


def test_a_cache_that_cannot_be_written_is_no_error(
    tmp_path: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.write_text("a file stands where the folder should be")
    assert fitted.speaker_gmm(directory(tmp_path / "m"), pairs()[0]).weights.sum() == 1
    assert "cannot be kept" in caplog.text


def test_ridge_is_the_closed_form_of_the_best_left_out_error(tmp_path: Path) -> None:
    table, heard = pairs()
    z = ((table - table.mean(0)) / table.std(0, ddof=1)).astype(np.float64)

    def left_out(penalty: float) -> float:
        errors = []
        for i in range(len(z)):
            rest = np.arange(len(z)) != i
            one = Ridge(penalty).fit(z[rest], heard[rest])
            errors.append(np.mean((one.predict(z[i : i + 1]) - heard[i]) ** 2))
        return float(np.mean(errors))

    best = Ridge(min(signature.RIDGES, key=left_out)).fit(z, heard).predict(z)
    expected = best / np.linalg.norm(best, axis=1, keepdims=True)
    net = SignatureNet.ridge(table, heard)
    np.testing.assert_allclose(net(torch.from_numpy(table)).detach().numpy(), expected, atol=1e-5)
    net.save(tmp_path / "s.safetensors")
    loaded = SignatureNet.load(tmp_path / "s.safetensors")
    torch.testing.assert_close(loaded(torch.from_numpy(table)), net(torch.from_numpy(table)))


def test_ridge_tells_unseen_speakers_better_than_the_mean_voice() -> None:
    table, heard = pairs(n=120, s=60, v=30)
    predicted = SignatureNet.ridge(table[:100], heard[:100])(torch.from_numpy(table[100:]))
    mean = heard[:100].mean(0) / np.linalg.norm(heard[:100].mean(0))
    found = np.sum(predicted.detach().numpy() * heard[100:], axis=1).mean()
    assert found > np.mean(heard[100:] @ mean)


@pytest.mark.slow
def test_vctk_s_own_speaker_table(tmp_path: Path, shared: Path) -> None:
    """108 rows of 256 columns, fewer speakers than columns: samples keep scale and spread."""
    path = shared / "speaker_tables/vctk_vits_emb_g.csv"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    table = np.loadtxt(path, delimiter=",", skiprows=1, dtype=np.float32)
    gmm = fitted.speaker_gmm(directory(tmp_path / "m"), table)
    assert len(gmm.weights) == fitted.N_COMPONENTS
    drawn = gmm.sample(2000, np.random.default_rng(0))
    norms = [np.linalg.norm(x - table.mean(0), axis=1).mean() for x in (table, drawn)]
    assert drawn.shape == (2000, 256) and norms[1] == pytest.approx(norms[0], rel=0.05)
    np.testing.assert_allclose(drawn.mean(0), table.mean(0), atol=5 * table.std() / 2000**0.5)
    assert fit_gmm.choose(table, seed=0) == fitted.N_COMPONENTS


def test_a_large_bank_s_index_is_built_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert isinstance(fitted.search_index(rows), ExactIndex) and not (cache / "fitted").exists()
    monkeypatch.setattr(bank, "EXACT_UP_TO", 100)
    built = fitted.search_index(rows)
    with monkeypatch.context() as patch:
        patch.setattr(FaissIndex, "build", None)
        again = fitted.search_index(rows)
        with pytest.raises(TypeError):  # other rows are indexed anew
            fitted.search_index(rows[::-1])
    for row in rows:
        assert built.search(row, 3)[0].tolist() == again.search(row, 3)[0].tolist()
