"""Two processes see the same loss, gradients and heads as one with the same batches."""

import contextlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import REPO
from planted import write_features
from torch import Tensor, distributed, multiprocessing
from toy_pairs import toy_pairs

from vclip.association.model import load_association_metadata
from vclip.errors import DataError
from vclip.recipes.association import fitting
from vclip.recipes.association.distributed import Group
from vclip.recipes.association.objective import AssociationLoss, RandomStreams
from vclip.recipes.association.settings import FitConfig

pytestmark = pytest.mark.slow

PLAIN = FitConfig(
    image_hidden=16,
    dropout=0.0,  # which is drawn per process
    couplings=2,
    coupling_hidden=8,
    logit_scale=1.0,
    batch=12,
    steps=9,
    check_every=3,
)
LOSSES = {
    "plain": PLAIN,
    "masked": replace(PLAIN, mask_same_person=True),
    "hard": replace(PLAIN, mask_same_person=True, hard_negatives=3.0),
    "sge2e": replace(PLAIN, loss="sge2e"),
}
FITS = {
    "plain": PLAIN,
    "trust": replace(PLAIN, noise_robust=True, average=0.5),
    "stops": replace(PLAIN, steps=300, check_every=1, patience=2, learning_rate=0.1),
}
DRAWN = replace(  # everything that each process draws on its own
    PLAIN, dropout=0.2, image_noise=0.3, voice_noise=0.3, vary_image=True, vary_voice=True
)
PERSONS = [i // 2 for i in range(40)]  # two rows each: some meet in a batch
BATCH = torch.tensor([0, 1, 2, 7, 8, 9, 16, 21, 22, 23, 30, 35])
DEV = list(range(100, 130))


def loss_and_gradients(config: FitConfig, group: Group) -> dict[str, Tensor]:
    """The loss of a batch and every parameter's gradient, as this process has them."""
    pairs = toy_pairs(PERSONS)
    model = fitting.new_association(pairs, config)
    rng = torch.Generator().manual_seed(5)
    with torch.no_grad():  # an untrained flow is the identity and would hide much
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=rng))
    weights = torch.linspace(0.1, 1.0, len(PERSONS))
    loss = AssociationLoss(model, config, RandomStreams.seeded(0), group).pairs(
        pairs, BATCH, weights
    )
    loss.backward()
    group.average_gradients(model.parameters())
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"loss": loss.detach(), **found}


def fitted(config: FitConfig, group: Group) -> tuple[dict[str, Tensor], list[fitting.DevCheck]]:
    model, history = fitting.fit(toy_pairs(PERSONS), config, toy_pairs(DEV, 3), group=group)
    return model.state_dict(), history


class Stopped(Exception):
    """As if the launcher had been killed."""


def stop(check: fitting.DevCheck) -> None:
    if check.step >= 6:
        raise Stopped


def broken_off(group: Group, path: Path) -> dict[str, Tensor]:
    """Heads of a run that died at its second check and went on."""
    data = toy_pairs(PERSONS), DRAWN, toy_pairs(DEV, 3)
    with contextlib.suppress(Stopped):
        fitting.fit(*data, report=stop, resume=path, group=group)
    return fitting.fit(*data, resume=path, group=group)[0].state_dict()


def both(rank: int, folder: Path) -> None:
    """One of two processes: everything that the tests compare, into a file."""
    torch.set_num_threads(1)
    meet = f"file://{folder}/meet"
    distributed.init_process_group("gloo", init_method=meet, rank=rank, world_size=2)
    group = Group(rank, 2)
    losses = {name: loss_and_gradients(config, group) for name, config in LOSSES.items()}
    fits = {name: fitted(config, group) for name, config in FITS.items()}
    whole, again = fitted(DRAWN, group)[0], broken_off(group, folder / "state.pt")
    told = group.broadcast(f"from {rank}"), group.gather_objects(rank)
    models = {name: state for name, (state, _) in fits.items()}
    histories = {
        name: [[c.step, c.loss, c.dev_auc] for c in history] for name, (_, history) in fits.items()
    }
    found = {"losses": losses, "models": models, "histories": histories, "told": told}
    found |= {"whole": whole, "again": again}
    torch.save(found, folder / f"{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("two")
    multiprocessing.spawn(both, args=(folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("name", LOSSES)
def test_loss_and_gradients_are_those_of_one_process(found: list[dict], name: str) -> None:
    one = loss_and_gradients(LOSSES[name], Group())
    assert float(one["loss"]) > 0.1 and all(value.abs().sum() > 0 for value in one.values())
    for two in found:
        assert two["losses"][name].keys() == one.keys()
        for key, value in one.items():
            torch.testing.assert_close(two["losses"][name][key], value, atol=1e-6, rtol=1e-4)


def test_the_mask_and_the_losses_do_differ(found: list[dict]) -> None:
    values = [float(found[0]["losses"][name]["loss"]) for name in LOSSES]
    assert min(abs(a - b) for i, a in enumerate(values) for b in values[:i]) > 1e-3


@pytest.mark.parametrize("name", FITS)
def test_heads_are_those_of_one_process_and_all_stop_together(found: list[dict], name: str) -> None:
    state, history = fitted(FITS[name], Group())
    steps = [check.step for check in history]
    for two in found:
        assert [step for step, _, _ in two["histories"][name]] == steps
        for key, value in state.items():
            torch.testing.assert_close(two["models"][name][key], value, atol=1e-4, rtol=1e-3)
    assert found[0]["histories"][name] == found[1]["histories"][name]
    for key, value in found[0]["models"][name].items():
        assert torch.equal(value, found[1]["models"][name][key])  # never apart, not even a little
    if name == "stops":
        assert len(steps) < FITS[name].steps


def test_two_processes_that_were_stopped_go_on_to_the_same_bytes(found: list[dict]) -> None:
    alone = fitted(DRAWN, Group())[0]["image_head.0.weight"]
    assert not torch.allclose(alone, found[0]["whole"]["image_head.0.weight"], atol=1e-4)  # drawn
    for two in found:
        for key, value in found[0]["whole"].items():
            assert torch.equal(two["whole"][key], value) and torch.equal(two["again"][key], value)


def test_what_one_says_all_hear(found: list[dict]) -> None:
    assert [two["told"] for two in found] == [("from 0", [0, 1])] * 2


def test_a_batch_is_shared_out_evenly_or_not_at_all() -> None:
    rows = torch.arange(12)
    parts = [Group(rank, 3).share(rows) for rank in range(3)]
    assert torch.equal(torch.cat(parts), rows) and {len(part) for part in parts} == {4}
    with pytest.raises(DataError, match="does not fit 5 processes"):
        Group(0, 5).share(rows)


LAUNCHERS = {  # accelerate starts several processes on CPUs only through MPI; ours need no GPU
    "torchrun": "torch.distributed.run --standalone --nproc-per-node 2",
    "accelerate launch": "accelerate.commands.launch --multi_gpu --num_processes 2 "
    "--num_machines 1 --num_cpu_threads_per_process 1 --mixed_precision no --dynamo_backend no",
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_launchers_train_from_shards_and_the_first_process_writes(
    launcher: str, tmp_path: Path
) -> None:
    pairs = toy_pairs(list(range(40)))
    lines = ["person,face,voice,sex,split"]
    lines += [f"p{i},{i}.jpg,{i}.wav,,{'dev' if i % 4 == 0 else 'train'}" for i in range(40)]
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    faces, voices = pairs.image.plain().numpy(), pairs.voice.plain().numpy()
    sides = {
        "faces": {f"{i}.jpg": faces[i] for i in range(40)},
        "voices": {f"{i}.wav": voices[i] for i in range(40)},
    }
    write_features(tmp_path / "features", sides)
    command = f"{sys.executable} -m {LAUNCHERS[launcher]} "
    command += f"-m vclip.recipes.association.train --pairs {tmp_path}/pairs.csv "
    command += f"--features {tmp_path}/features --out {tmp_path}/heads.safetensors --steps 4 "
    command += f"--batch 16 --check-every 2 --resume {tmp_path}/state.pt --image-hidden 8"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command.split(), cwd=REPO, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("wrote") == 1 and done.stdout.count("step     4") == 1
    metadata = load_association_metadata(tmp_path / "heads.safetensors")
    assert metadata["processes"] == 2 and metadata["rows"] == {"train": 30, "dev": 10}
    assert (tmp_path / "state.pt").is_file() and json.dumps(metadata)
