"""The TTS recipe in miniature: losses against naive copies, stages, resuming, warm start."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from toy_model import MODEL_ARGS

from vclip.errors import DataError
from vclip.recipes.tts import discriminators, losses, objective, train, warm_start
from vclip.recipes.tts.dataset import HOP, TtsDataset, batches
from vclip.recipes.tts.prepare import find_pause, split_sentences
from vclip.speech.vits import VOCABULARY, CoquiVits

pytestmark = pytest.mark.slow

SPEAKERS = ["c1", "fslt", "p1"]
DECODER = {"sample_rate": 22050, "width": 8, "hidden": 16, "blocks": 1}


@pytest.fixture
def corpus_file(tmp_path: Path) -> Path:
    """Eighteen noisy tones of 0.8-1.4 s with random phonemes."""
    rng = np.random.default_rng(0)
    wavs = [rng.normal(0, 3000, rng.integers(17000, 31000)).astype(np.int16) for _ in range(18)]
    ids = [rng.integers(3, 40, rng.integers(8, 20)).astype(np.int16) for _ in range(18)]
    f0 = [np.where(np.arange(len(w) // HOP) % 7 < 5, 140.0, 0.0) for w in wavs]
    tensors = {
        "wav": torch.from_numpy(np.concatenate(wavs)),
        "wav_offsets": torch.tensor(np.cumsum([0] + [len(w) for w in wavs])),
        "ids": torch.from_numpy(np.concatenate(ids)),
        "id_offsets": torch.tensor(np.cumsum([0] + [len(i) for i in ids])),
        "speaker": torch.tensor([i % 3 for i in range(18)]),
        "f0": torch.from_numpy(np.concatenate(f0).astype(np.float16)),
        "f0_offsets": torch.tensor(np.cumsum([0] + [len(f) for f in f0])),
        # fslt sounds most like c1
        "voice_features": torch.nn.functional.pad(
            torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), (0, 254)
        ),
    }
    metadata = {"speakers": SPEAKERS, "vocabulary": VOCABULARY, "config": {"sample_rate": 22050}}
    save_file(tensors, tmp_path / "tts.st", {k: json.dumps(v) for k, v in metadata.items()})
    return tmp_path / "tts.st"


@pytest.fixture
def config(corpus_file: Path, monkeypatch: pytest.MonkeyPatch) -> train.TrainTtsSettings:
    monkeypatch.setattr(train, "MODEL_ARGS", MODEL_ARGS)
    monkeypatch.setattr(train, "DECODER", DECODER)
    monkeypatch.setattr(train, "write_samples", lambda directory: None)
    return train.TrainTtsSettings(
        data=corpus_file,
        out=corpus_file.parent / "out",
        init="",
        stages="joint:2,text:1,joint:1",
        batch=4,
        segment=24,
        text_segment=64,
        adversarial_from=0,
        save_every=2,
        text_every=2,
    )


def test_batches_have_their_share_of_engines_and_true_lengths(corpus_file: Path) -> None:
    corpus = TtsDataset(corpus_file)
    for share, count in ((0.5, 3), (1 / 3, 2)):
        rng = np.random.default_rng(0)
        batch = next(batches(corpus, 6, rng, max_seconds=14, engines=share))
        assert sum(SPEAKERS[s] == "fslt" for s in batch.speaker.tolist()) == count
    assert batch.f0.shape == (6, int(batch.frames.max()))
    assert torch.equal(batch.voice, corpus.voice_features[batch.speaker])
    assert batch.wav.shape[1] == int(batch.frames.max()) * HOP
    for row, frames in zip(batch.wav, batch.frames.tolist(), strict=True):
        assert row[: frames * HOP].abs().max() > 0 and (row[frames * HOP :] == 0).all()
    window = batch.windows(20, torch.Generator().manual_seed(0))
    assert window.wav.shape == (6, 20 * HOP) and window.frames.tolist() == [20] * 6
    assert window.f0.shape == (6, 20)


def test_spectrogram_has_a_frame_per_hop_and_finds_a_tone() -> None:
    wav = torch.sin(2 * math.pi * 2153.3203125 * torch.arange(10 * HOP) / 22050)  # bin 100
    spec = losses.spectrogram(wav[None])
    assert spec.shape == (1, 513, 10)
    assert (spec[0, :, 3:7].argmax(0) == 100).all()


def test_distances_are_zero_for_the_same_sound_and_see_the_buzz() -> None:
    """The mel distance hardly tells 86 Hz lines from noise; the long windows do."""
    generator = torch.Generator().manual_seed(0)
    noise = 0.1 * torch.randn(1, 48 * HOP, generator=generator)
    buzz = noise[:, :HOP].repeat(1, 48)  # the same frame again and again
    mel, spectral = losses.MelDistance(22050), losses.SpectralDistance((4096,), (0.2,))
    assert mel(noise, noise) == 0 and spectral(noise, noise) == 0
    assert spectral(buzz, noise) > 1.5 * mel(buzz, noise)


def test_alignment_is_monotonic_and_finds_a_planted_path() -> None:
    durations = [3, 1, 4, 2]
    path = torch.repeat_interleave(torch.arange(4), torch.tensor(durations))
    means = 4 * torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(0))
    z_p = means[:, :, path]  # (1, 5, 10)
    x_mask, y_mask = torch.ones(1, 1, 4), torch.ones(1, 1, 10)
    found = losses.align(z_p, means, torch.zeros_like(means), x_mask, y_mask, prior=0.0)
    assert found.shape == (1, 10, 4) and found[0].argmax(1).tolist() == path.tolist()
    assert found.sum(1)[0].tolist() == durations


def test_the_prior_makes_an_undecided_alignment_diagonal() -> None:
    flat = torch.zeros(1, 5, 4)
    masks = torch.ones(1, 1, 4), torch.ones(1, 1, 12)
    found = losses.align(torch.zeros(1, 5, 12), flat, flat, *masks, prior=8.0)
    assert found.sum(1)[0].tolist() == [3, 3, 3, 3]


def test_adversarial_losses_reward_the_right_side() -> None:
    ones, zeros = [(torch.ones(2, 3), [])], [(torch.zeros(2, 3), [])]
    assert discriminators.discriminator_loss(ones, zeros) == 0
    assert discriminators.discriminator_loss(zeros, ones) == 2
    assert discriminators.generator_loss(ones) == 0 and discriminators.generator_loss(zeros) == 1


def test_stages_run_save_and_export_a_model_that_speaks(config: train.TrainTtsSettings) -> None:
    export = train.train(config)
    rows = [json.loads(x) for x in (config.out / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert "kl" in rows[0] and "mel" in rows[0] and "kl" not in rows[1]
    assert "mel" not in rows[2] and "kl" in rows[2]
    vits = CoquiVits.load(export)
    assert vits.speaker_ids == ["c1", "p1"]
    assert not any("posterior" in key for key in load_file(export / "vits.safetensors"))
    assert any("posterior" in key for key in load_file(export / "vits_training.safetensors"))


def test_text_stage_leaves_the_waveform_side_alone(config: train.TrainTtsSettings) -> None:
    trainer = train.Trainer(
        train.TrainTtsSettings(**{**vars(config), "stages": "text:1"}),
        TtsDataset(config.data),
    )
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.update(next(train.stream(config, trainer.corpus, 0)))
    after = trainer.model.state_dict()
    moved = {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])}
    assert {"text_encoder", "flow", "duration_predictor"} <= moved
    assert not moved & {"posterior_encoder", "waveform_decoder"}


def test_an_interrupted_run_goes_on_where_it_was(config: train.TrainTtsSettings) -> None:
    corpus = TtsDataset(config.data)
    trainer = train.Trainer(config, corpus)
    data = train.stream(config, corpus, 0)
    first, second = next(data), next(data)
    trainer.update(first)
    path = config.data.parent / "c.pt"
    trainer.save(path)
    state = torch.get_rng_state()
    expected = trainer.update(second)
    other = train.Trainer(config, corpus)
    other.resume(path)
    torch.set_rng_state(state)  # dropout
    assert other.step == 1
    assert other.update(second) == pytest.approx(expected, rel=1e-4)


def test_warm_start_matches_speakers_by_name(
    config: train.TrainTtsSettings, tmp_path: Path
) -> None:
    corpus = TtsDataset(config.data)
    trainer = train.Trainer(config, corpus)
    train.export(trainer, tmp_path / "export")
    renamed = json.loads((tmp_path / "export/vits.json").read_text())
    renamed["speakers"] = ["p1", "zz", "c1"]
    (tmp_path / "export/vits.json").write_text(json.dumps(renamed))
    warm = train.TrainTtsSettings(**{**vars(config), "init": str(tmp_path / "export/vits")})
    table = train.Trainer(warm, corpus).model.emb_g.weight
    old = trainer.average["emb_g.weight"].half().float()
    torch.testing.assert_close(table[0], old[2])  # c1
    torch.testing.assert_close(table[2], old[0])  # p1
    torch.testing.assert_close(table[1], table[0])  # fslt is new to it and sounds like c1


def test_the_speaker_space_keeps_the_geometry_of_the_voices() -> None:
    voices = torch.nn.functional.normalize(torch.rand(9, 256), dim=1)
    table = warm_start.speaker_space(voices, 128)
    ratio = torch.pdist(table) / torch.pdist(voices)
    assert table.shape == (9, 128) and table.norm(dim=1).mean() == pytest.approx(128**0.5)
    assert ratio.max() / ratio.min() == pytest.approx(1.0, abs=1e-3)


def test_the_decoder_stage_moves_the_decoder_only(config: train.TrainTtsSettings) -> None:
    trainer = train.Trainer(
        train.TrainTtsSettings(**{**vars(config), "stages": "decoder:1"}),
        TtsDataset(config.data),
    )
    before = {k: v.clone() for k, v in trainer.model.state_dict().items()}
    trainer.update(next(train.stream(config, trainer.corpus, 0)))
    after = trainer.model.state_dict()
    assert {k.split(".")[0] for k in before if not torch.equal(before[k], after[k])} == {
        "waveform_decoder"
    }


def test_a_window_is_encoded_as_in_the_whole_utterance(config: train.TrainTtsSettings) -> None:
    """The posterior's reach covers what a window needs; only its noise is drawn anew."""
    corpus = TtsDataset(config.data)
    model = train.Trainer(config, corpus).model.eval()
    long = next(batches(corpus, 6, np.random.default_rng(0), max_seconds=14))
    g = model.emb_g(long.speaker).unsqueeze(-1)
    mean = objective.encode(model, long, g)[1]
    generator, again = (torch.Generator().manual_seed(3) for _ in range(2))
    starts = long.starts(20 + 2 * objective.REACH, again)
    part = long.windows(20 + 2 * objective.REACH, generator)
    inner = objective.encode(model, part, g)[1][:, :, objective.REACH :][:, :, :20]
    for i in (long.frames >= 20 + 2 * objective.REACH).nonzero().flatten().tolist():
        first = int(starts[i]) + objective.REACH
        torch.testing.assert_close(inner[i], mean[i, :, first : first + 20], atol=1e-4, rtol=1e-3)


def test_pitch_loss_is_in_semitones_and_looks_at_voiced_frames_only() -> None:
    f0 = torch.tensor([[100.0, 200.0, 0.0, 0.0]])
    log_f0 = torch.log(torch.tensor([[100.0, 200.0, 9.0, 300.0]])) + math.log(2) / 12
    sure = torch.tensor([[50.0, 50.0, -50.0, -50.0]])
    assert losses.pitch_loss(log_f0, sure, f0).item() == pytest.approx(1.0, abs=1e-4)
    undecided = losses.pitch_loss(log_f0, 0 * sure, f0).item()
    assert undecided == pytest.approx(1.0 + math.log(2), abs=1e-4)


def test_pitch_is_carried_through_unvoiced_frames() -> None:
    log_f0, voiced = losses.filled(torch.tensor([[0.0, 100.0, 0.0, 200.0], [0.0] * 4]))
    assert voiced[0].tolist() == [0, 1, 0, 1] and not voiced[1].any()
    torch.testing.assert_close(log_f0.exp()[0], torch.tensor([100.0, 100.0, 150.0, 200.0]))
    torch.testing.assert_close(log_f0.exp()[1], torch.full((4,), 150.0))


def test_plans_that_cannot_be_read_are_refused(
    config: train.TrainTtsSettings, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="stages"):
        train.TrainTtsSettings(stages="warp:3").plan()
    with pytest.raises(DataError, match=r"recipes\.tts\.prepare"):
        TtsDataset(tmp_path / "none")


def test_recordings_are_cut_in_their_pauses() -> None:
    rng, rate = np.random.default_rng(0), 22050
    speech = rng.normal(0, 0.2, 2 * rate).astype(np.float32)
    pause = np.zeros(rate // 4, dtype=np.float32)
    wav = np.concatenate([speech, pause, speech])
    middle = find_pause(wav, rate, share=0.5)
    assert middle is not None and abs(middle - len(wav) / 2) < 0.02 * rate
    assert find_pause(wav, rate, share=0.2) is None
    text = "One two three four. Five six seven eight."
    parts = split_sentences(text, wav, rate)
    assert [part for part, _ in parts] == ["One two three four.", "Five six seven eight."]
    assert sum(len(part) for _, part in parts) == len(wav)
    assert len(split_sentences(text, np.concatenate([speech, speech]), rate)) == 1
