"""The signature network: norm, round trip, and that it can learn."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from vclip.errors import ModelError
from vclip.recipes.generation.distill import DistillSettings, agreement, fit, top1
from vclip.speakers.signature import SignatureNet


def test_output_has_unit_norm_and_ignores_the_table_s_units() -> None:
    x = torch.randn(20, 8, generator=torch.Generator().manual_seed(0))
    net = SignatureNet(8, 5, 16).eval()
    net.standardise(x)
    out = net(x)
    torch.testing.assert_close(out.norm(dim=1), torch.ones(20))
    net.standardise(100 * x + 7)  # the same speakers in other units
    torch.testing.assert_close(net(100 * x + 7), out, atol=1e-4, rtol=1e-3)


def test_save_and_load(tmp_path: Path) -> None:
    net, x = SignatureNet(8, 5, 16).eval(), torch.ones(1, 8)
    net.save(tmp_path / "s.safetensors", {"figures": {"x": 1}})
    torch.testing.assert_close(SignatureNet.load(tmp_path / "s.safetensors")(x), net(x))
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="bad"):
        SignatureNet.load(tmp_path / "bad.safetensors")


@pytest.mark.slow
def test_distillation_learns_a_known_map_and_beats_the_mean_voice() -> None:
    generator = torch.Generator().manual_seed(0)
    x, matrix = torch.randn(600, 6, generator=generator), torch.randn(6, 4, generator=generator)
    heard = F.normalize(x @ matrix, dim=1)
    config = DistillSettings(epochs=40, batch=64)
    net = fit(config, (x[:500], heard[:500]), (x[500:], heard[500:]))
    mean = F.cosine_similarity(heard[:500].mean(0, keepdim=True), heard[500:]).mean()
    assert agreement(net, (x[500:], heard[500:])) > max(0.95, float(mean))
    assert top1(net, (x[500:], heard[500:])) > 0.3
