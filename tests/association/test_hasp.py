"""H/ASP against coqui's network, in both repositories' file formats."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from tiny_encoders import coqui_hasp, save_clovaai, save_coqui

from vclip.association import hasp
from vclip.audio import resample
from vclip.errors import DataError, ModelError


def speechlike(seconds: float = 2.5, rate: int = 16000, seed: int = 0) -> np.ndarray:
    """Noise that swells and fades."""
    t = np.arange(int(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(size=len(t))
    return (0.1 * noise * (1 + np.sin(2 * np.pi * 3 * t))).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("save", [save_coqui, save_clovaai])
def test_both_formats_give_what_coqui_s_own_network_says(save, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    network, wav = coqui_hasp(), speechlike()
    with torch.no_grad():
        want = network.forward(torch.from_numpy(wav)[None, None].clone(), l2_norm=True)[0].numpy()
    path = save(tmp_path / "net.model", network)
    encoder = hasp.HaspEncoder(path, device="cpu")
    found = encoder.encode(wav, 16000)
    assert encoder.dimension == 16 and found.shape == (16,) and found.dtype == np.float32
    np.testing.assert_allclose(found, want, atol=1e-5)
    raw = hasp.load_hasp(path)(torch.from_numpy(wav)[None])[0].numpy()
    assert np.linalg.norm(raw) != pytest.approx(1, abs=0.1)  # it is the encoder that normalises


@pytest.mark.slow
def test_the_full_size_is_the_published_one() -> None:
    """ResNetSE34V2 has 8.0 million weights; coqui's default network is the same."""
    from TTS.encoder.models.resnet import ResNetSpeakerEncoder

    ours = hasp.Hasp()
    theirs = ResNetSpeakerEncoder()
    names = {name: tuple(w.shape) for name, w in theirs.state_dict().items()}
    assert {
        name: tuple(w.shape) for name, w in ours.state_dict().items() if name[:4] != "mel."
    } == names
    assert sum(w.numel() for w in ours.parameters()) == pytest.approx(8.0e6, rel=0.02)
    assert ours.dimension == 512


@pytest.mark.slow
def test_the_front_end_is_that_of_librosa() -> None:
    """Pre-emphasis, STFT and mel bands by another library, frame by frame."""
    wav = speechlike()
    emphasised = np.append(wav[0] - 0.97 * wav[1], wav[1:] - 0.97 * wav[:-1])
    window = np.pad(0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400), 56)
    power = (
        np.abs(
            librosa.stft(emphasised, n_fft=512, hop_length=160, window=window, pad_mode="reflect")
        )
        ** 2
    )
    bands = librosa.filters.mel(sr=16000, n_fft=512, n_mels=64, htk=True, norm=None)
    log = np.log(bands @ power + 1e-6)
    deviation = np.sqrt(log.var(axis=1, keepdims=True) + 1e-5)
    want = (log - log.mean(axis=1, keepdims=True)) / deviation
    found = hasp.LogMel(64)(torch.from_numpy(wav)[None])[0].numpy()
    assert found.shape == (64, 1 + len(wav) // 160)
    np.testing.assert_allclose(found, want, atol=2e-3)


def test_loudness_does_not_matter(tmp_path: Path) -> None:
    """Every band loses its mean; only the 1e-6 in the logarithm tells loud from soft."""
    encoder = hasp.HaspEncoder(save_coqui(tmp_path / "net.pth", coqui_hasp()), "cpu")
    wav = speechlike()
    np.testing.assert_allclose(
        encoder.encode(wav, 16000), encoder.encode(wav * 3, 16000), atol=1e-2
    )


def test_any_sample_rate_and_any_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = hasp.HaspEncoder(save_coqui(tmp_path / "net.pth", coqui_hasp()), "cpu")
    wav = speechlike(3.0, 8000)
    np.testing.assert_array_equal(
        encoder.encode(wav, 8000), encoder.encode(resample(wav, 8000, 16000), 16000)
    )
    wav = speechlike(4.0)
    with torch.no_grad():
        halves = [encoder.network(torch.from_numpy(half)[None])[0] for half in np.split(wav, 2)]
    mean = (halves[0] + halves[1]).numpy()
    monkeypatch.setattr(hasp, "LONGEST", 3.0)
    found = encoder.encode(wav, 16000)
    np.testing.assert_allclose(found, mean / np.linalg.norm(mean), atol=1e-6)


def test_recordings_without_enough_sound_are_data_errors(tmp_path: Path) -> None:
    encoder = hasp.HaspEncoder(save_coqui(tmp_path / "net.pth", coqui_hasp()), "cpu")
    with pytest.raises(DataError, match=r"0\.50 s"):
        encoder.encode(speechlike(0.5), 16000)
    with pytest.raises(DataError, match="silent"):
        encoder.encode(np.zeros(32000, np.float32), 16000)


def test_weights_also_come_as_safetensors_and_from_data_parallel_runs(tmp_path: Path) -> None:
    network, wav = coqui_hasp(), speechlike()
    want = hasp.HaspEncoder(save_coqui(tmp_path / "a.pth", network), "cpu").encode(wav, 16000)
    save_file(network.state_dict(), tmp_path / "b.safetensors")
    wrapped = {f"module.{name}": w for name, w in network.state_dict().items()}
    torch.save({"model": wrapped}, tmp_path / "c.pth")
    for name in ("b.safetensors", "c.pth"):
        found = hasp.HaspEncoder(tmp_path / name, "cpu").encode(wav, 16000)
        np.testing.assert_array_equal(found, want)


class Harmful:
    """What a pickle may do to whoever reads it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("harmed"),))


def test_other_files_are_model_errors_and_no_pickle_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = coqui_hasp().state_dict()
    torch.save({k: v for k, v in weights.items() if k != "fc.bias"}, tmp_path / "lacks")
    torch.save({**weights, "layer9.weight": torch.ones(1)}, tmp_path / "more")
    torch.save({**weights, "fc.bias": torch.ones(3)}, tmp_path / "shape")
    torch.save(coqui_hasp(kind="SAP").state_dict(), tmp_path / "pooling")
    torch.save([1, 2], tmp_path / "list")
    torch.save({"model": Harmful()}, tmp_path / "pickled")
    (tmp_path / "text").write_text("no weights")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    for name in ("lacks", "more", "shape", "pooling", "list", "pickled", "text", "missing"):
        with pytest.raises(ModelError, match=f"{name} is no usable H/ASP") as caught:
            hasp.load_hasp(tmp_path / name)
        assert "\n" not in str(caught.value)
    with pytest.raises(ModelError):
        hasp.load_hasp(tmp_path / "empty.safetensors")
    assert not (tmp_path / "harmed").exists()
