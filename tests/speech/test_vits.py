"""The coqui adapter: coqui's own sound, the speaker's scale kept, requests that do not leak."""

import itertools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from toy_archive import Archive, make_archive
from toy_model import MODEL_ARGS, N_CHANNELS, SPEAKERS, make_vits

from vclip.errors import InputError, ModelError, TextError
from vclip.speech.hifigan import Hifigan
from vclip.speech.synthesizer import Speech, join
from vclip.speech.vits import CoquiVits, build_vits

TEXT = "Good morning."
LONG = "Nobody thought that a small garden could feed so many hungry birds through the winter."
OTHERS = {"x_lengths": None, "d_vectors": None, "language_ids": None, "durations": None}


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_vits(tmp_path_factory.mktemp("vits"))


@pytest.fixture(scope="module")
def vits(directory: Path) -> CoquiVits:
    return CoquiVits.load(directory, "float32")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return make_archive(tmp_path_factory.mktemp("archive"))


@torch.inference_mode()
def coqui(model: Any, ids: list[int], row: int, seed: int) -> np.ndarray:
    """What coqui's own inference says for a row of the speaker table."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inputs = OTHERS | {"speaker_ids": torch.tensor([row])}
        wav = model.inference(torch.tensor([ids]), inputs)["model_outputs"][0, 0]
    return np.asarray(wav.clamp(-1, 1).numpy())


def test_a_row_through_the_adapter_is_that_speaker_id(vits: CoquiVits, directory: Path) -> None:
    """Coqui L2-normalises d_vectors; the adapter must not (style.md §3)."""
    model = build_vits(MODEL_ARGS, len(SPEAKERS), N_CHANNELS).eval()
    state = {k: v.float() for k, v in load_file(directory / "vits.safetensors").items()}
    model.load_state_dict(state, strict=False)
    for speaker_id in ("c2", "p3"):
        row = vits.speaker_embeddings[vits.speaker_ids.index(speaker_id)]
        ours = vits.synthesize(LONG, row, seed=5).wav
        wanted = coqui(model, vits.to_ids(LONG), SPEAKERS.index(speaker_id), 5)
        np.testing.assert_allclose(ours, wanted, atol=1e-5)


def test_an_archive_of_coquis_sounds_as_coqui_lets_it(archive: Archive) -> None:
    vits = CoquiVits.load(archive.directory, "float32")
    assert vits.speaker_ids == ["ED", "p225", "p226", "p227"]
    for row, speaker_embedding in enumerate(vits.speaker_embeddings):
        ours = vits.synthesize(LONG, speaker_embedding, seed=row).wav
        wanted = coqui(archive.model, vits.to_ids(LONG), row, row)
        assert wanted.std() > 0.01 and len(wanted) > 22050
        np.testing.assert_allclose(ours, wanted, atol=1e-5)


@pytest.mark.slow
def test_an_archive_reads_text_as_its_config_says(archive: Archive) -> None:
    vits, characters = CoquiVits.load(archive.directory), archive.model.tokenizer.characters
    ids = vits.to_ids("Dr. Hill — 5 “birds”…")
    assert set(ids[::2]) == {characters.blank_id}
    spoken = "".join(characters.id_to_char(i) for i in ids[1::2])
    assert spoken == "dˈɑːktɚ hˈɪl — fˈaɪv “bˈɜːdz”…"
    with pytest.raises(TextError, match="nothing"):
        vits.to_ids("…!")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"add_blank": False, "enable_eos_bos_chars": True}, "<hˈe>"),
        ({"use_phonemes": False, "phoneme_language": None}, "_h_e_y_"),
        ({"text_cleaner": None, "use_phonemes": False}, "_H_e_y_"),
    ],
)
def test_other_front_ends(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    characters = {"characters_class": "TTS.tts.utils.text.characters.Graphemes", "pad": "0"}
    characters |= {"eos": ">", "bos": "<", "blank": "_", "characters": "Hheyɛˈ", "punctuations": ""}
    config = changes | {"characters": characters | {"is_unique": False}}
    made = make_archive(tmp_path, **config)
    with torch.no_grad():  # the text encoder has as many symbols as the config lists
        state = torch.load(made.directory / "model_file.pth", weights_only=True)
        state["model"]["text_encoder.emb.weight"] = torch.zeros(10, 16)
        torch.save(state, made.directory / "model_file.pth")
    vits = CoquiVits.load(tmp_path)
    assert "".join(vits._front_end.vocabulary[i] for i in vits.to_ids("Hey")) == expected


def test_scale_matters(vits: CoquiVits) -> None:
    row = vits.speaker_embeddings[0]
    long, unit = (vits.synthesize(TEXT, x, 0).wav for x in (row, row / np.linalg.norm(row)))
    assert len(long) != len(unit) or not np.allclose(long, unit)


def test_same_seed_same_samples_and_the_global_generator_is_left_alone(vits: CoquiVits) -> None:
    state, row = torch.get_rng_state(), vits.speaker_embeddings[0]
    first, again, other = (vits.synthesize(TEXT, row, seed).wav for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert len(first) != len(other) or not np.array_equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_nothing_of_a_request_stays_in_the_model(vits: CoquiVits) -> None:
    before = {key: value.clone() for key, value in vits._model.state_dict().items()}
    vits.synthesize(TEXT, np.full(N_CHANNELS, 3.0, dtype=np.float32), seed=0)
    after = vits._model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_requests_at_once_equal_requests_in_turn(archive: Archive, precision: Any) -> None:
    """Voices, texts, seeds and rates mixed; stochastic durations; to the bit."""
    vits = CoquiVits.load(archive.directory, precision)
    jobs = list(
        itertools.product((TEXT, LONG), vits.speaker_embeddings, (1, 2**32 - 1), (1.0, 1.5))
    )[::4]
    serial = [(vits.synthesize(*job).wav, join(list(vits.stream(*job))).wav) for job in jobs]
    parallel: dict[int, np.ndarray] = {}
    streamed: dict[int, np.ndarray] = {}
    begin = threading.Barrier(len(jobs))

    def work(i: int) -> None:
        begin.wait()
        parallel[i] = vits.synthesize(*jobs[i]).wav
        streamed[i] = join(list(vits.stream(*jobs[i]))).wav

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, (whole, pieces) in enumerate(serial):
        np.testing.assert_array_equal(parallel[i], whole)
        np.testing.assert_array_equal(streamed[i], pieces)


def test_a_stream_comes_in_pieces_and_stops_when_it_is_closed(vits: CoquiVits) -> None:
    calls, render = 0, Hifigan.render

    def counting(self: Hifigan, *inputs: torch.Tensor) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return render(self, *inputs)

    row = vits.speaker_embeddings[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Hifigan, "render", counting)
        whole = list(vits.stream(LONG, row, 3))
        assert len(whole) == calls > 2
        calls, pieces = 0, vits.stream(LONG, row, 3)
        assert isinstance(next(pieces), Speech)
        pieces.close()  # type: ignore[attr-defined]
        assert calls == 1 and list(pieces) == []
    np.testing.assert_allclose(join(whole).wav, vits.synthesize(LONG, row, 3).wav, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.5, 0.8, 1.25, 2.0])
def test_a_rate_divides_the_length(archive: Archive, rate: float) -> None:
    vits = CoquiVits.load(archive.directory)
    frames, found = (
        len(vits.synthesize(LONG, vits.speaker_embeddings[1], 0, r).wav) / 256 for r in (1.0, rate)
    )
    assert abs(found - frames / rate) <= 0.5


@pytest.mark.parametrize("rate", [0.0, 0.49, 2.01, float("nan"), -1.0])
def test_rates_that_nobody_understands(vits: CoquiVits, rate: float) -> None:
    with pytest.raises(InputError, match=r"use 0\.5"):
        vits.stream(TEXT, vits.speaker_embeddings[0], 0, rate)


def test_hidden_speakers_are_not_offered(vits: CoquiVits) -> None:
    assert vits.speaker_ids == ["c1", "c2", "p1", "p2", "p3"]
    assert vits.speaker_embeddings.shape == (5, N_CHANNELS)


def test_sound_is_float32_within_bounds(vits: CoquiVits) -> None:
    speech = vits.synthesize(TEXT, vits.speaker_embeddings[0], 0)
    assert speech.wav.dtype == np.float32 and np.abs(speech.wav).max() <= 1
    assert len(speech.wav) % 256 == 0 and speech.seconds == len(speech.wav) / 22050


def test_unspeakable_text_and_broken_directories(vits: CoquiVits, tmp_path: Path) -> None:
    with pytest.raises(TextError, match="nothing"):
        vits.synthesize("?!", vits.speaker_embeddings[0], 0)
    with pytest.raises(ModelError, match=r"vits\.json"):
        CoquiVits.load(tmp_path)
    make_vits(tmp_path)
    text = (tmp_path / "vits.json").read_text()
    (tmp_path / "vits.json").write_text(
        text.replace('"num_layers_flow": 1', '"num_layers_flow": 2')
    )
    with pytest.raises(ModelError):
        CoquiVits.load(tmp_path)


def _change(**changes: Any) -> Callable[[Path], object]:
    """A fault: other entries in config.json."""

    def spoil(folder: Path) -> object:
        config = json.loads((folder / "config.json").read_text())
        return (folder / "config.json").write_text(json.dumps(config | changes))

    return spoil


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda d: (d / "model_file.pth").unlink(), r"no model_file\.pth"),
        (lambda d: (d / "model_file.pth").write_bytes(b"PK\x03\x04 cut"), r"model_file\.pth"),
        (lambda d: torch.save({"step": 3}, d / "model_file.pth"), "no entry 'model'"),
        (lambda d: torch.save({"model": {}}, d / "model_file.pth"), "no speaker table"),
        (lambda d: torch.save({"model": Path()}, d / "model_file.pth"), r"model_file\.pth"),
        (lambda d: (d / "speaker_ids.json").unlink(), r"no speaker_ids\.json"),
        (lambda d: (d / "speaker_ids.json").write_text('{"p1": 0}'), "names 1 speakers"),
        (lambda d: (d / "speaker_ids.json").write_text('{"a": {"b": 0}}'), "map names to rows"),
        (lambda d: (d / "config.json").write_text("{"), r"cannot read .*config\.json"),
        (lambda d: (d / "config.json").write_text("[]"), "not a JSON object"),
        (_change(model="glow_tts"), "glow_tts"),
        (_change(model_args=None), "model_args"),
        (_change(use_d_vector_file=True), "use_d_vector_file"),
        (_change(phoneme_language="fr-fr"), "'fr-fr'"),
        (_change(phonemizer="gruut"), "'gruut'"),
        (_change(text_cleaner="no_such_cleaners"), "no_such_cleaners"),
        (_change(characters={"characters_class": "os.path"}), "'os.path'"),
        (_change(model_args={"hidden_channels": 8}), "does not fit"),
    ],
)
def test_faults_of_an_archive_are_named(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    directory = make_archive(tmp_path).directory
    spoil(directory)
    with pytest.raises(ModelError, match=message):
        CoquiVits.load(directory)


def test_older_names_and_comments_of_archives(archive: Archive, tmp_path: Path) -> None:
    """As earlier coqui releases wrote them; speakers as a .pth, weights under another name."""
    old = make_archive(tmp_path).directory
    (old / "model_file.pth").rename(old / "best_model_4.pth")
    rows = json.loads((old / "speaker_ids.json").read_text())
    (old / "speaker_ids.json").unlink()
    torch.save(rows, old / "speakers.pth")
    config = (old / "config.json").read_text()
    (old / "config.json").write_text('{ // "a comment"\n' + config[1:])
    one, other = CoquiVits.load(old), CoquiVits.load(archive.directory)
    assert one.speaker_ids == other.speaker_ids
    row = one.speaker_embeddings[0]
    np.testing.assert_array_equal(
        one.synthesize(TEXT, row, 0).wav, other.synthesize(TEXT, row, 0).wav
    )
