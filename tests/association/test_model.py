"""The association's laws: invertible flow, unit norms, files that come back the same."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from vclip.association.model import (
    Association,
    AssociationConfig,
    RealNVP,
    Standardise,
    load_association,
    load_association_metadata,
    save_association,
)
from vclip.errors import ModelError, OutputError


def randomise(module: torch.nn.Module, seed: int = 0, scale: float = 0.3) -> None:
    """Couplings start as the identity; give every weight something to do."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=rng))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(voice_dimension: int = 6) -> Association:
    model = Association(AssociationConfig(5, voice_dimension, image_hidden=7, coupling_hidden=8))
    randomise(model)
    model.voice_standard.fit(3 + 2 * normal(40, voice_dimension))
    model.image_standard.fit(normal(40, 5) - 1)
    return model.eval()


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 7, 256])
@pytest.mark.parametrize("couplings", [1, 4])
def test_the_flow_is_inverted_exactly(dimension: int, couplings: int) -> None:
    flow = RealNVP(dimension, couplings, 16, 1.0).double()
    randomise(flow)
    x = normal(9, dimension).double()
    z = flow(x)
    assert not torch.allclose(z, x, atol=0.1)
    torch.testing.assert_close(flow.inverse(z), x, atol=1e-10, rtol=1e-10)


def test_every_coordinate_is_moved_by_two_couplings() -> None:
    flow = RealNVP(6, 2, 8, 1.0)
    randomise(flow)
    moved = flow(normal(3, 6)) - normal(3, 6)
    assert (moved.abs() > 1e-4).all()


def test_scale_is_bounded_whatever_the_weights() -> None:
    flow = RealNVP(8, 1, 8, 0.5)
    randomise(flow, scale=100.0)
    for x in normal(5, 8):
        jacobian = torch.autograd.functional.jacobian(lambda row: flow(row[None])[0], x)
        assert isinstance(jacobian, Tensor)
        scale = torch.linalg.slogdet(jacobian).logabsdet
        assert scale.abs() <= 4 * 0.5 + 1e-4  # four moved coordinates


def test_an_untrained_flow_is_the_identity() -> None:
    x = normal(4, 256)
    torch.testing.assert_close(RealNVP(256, 4, 64, 0.5)(x), x)


def test_temperature_is_clamped_after_a_step() -> None:
    model = small()
    torch.nn.init.constant_(model.logit_scale, 9.0)
    model.clamp_scale()
    assert float(model.logit_scale.detach().exp()) == pytest.approx(100.0, rel=1e-5)


def test_embeddings_have_unit_norm_and_the_flows_dimension() -> None:
    model = small()
    image_emb, voice_emb = model.encode_image(normal(9, 5)), model.encode_voice(normal(9, 6))
    assert image_emb.shape == voice_emb.shape == (9, model.dimension) == (9, 6)
    for emb in (image_emb, voice_emb):
        torch.testing.assert_close(emb.norm(dim=1), torch.ones(9))


def test_without_the_flow_the_voices_head_is_an_mlp_and_survives_a_file(tmp_path: Path) -> None:
    model = Association(AssociationConfig(5, 6, image_hidden=7, image_layers=2, flow=False)).eval()
    linear = [m for m in model.voice_head.modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(6, 7), (7, 7), (7, 6)]
    features, path = normal(9, 6), tmp_path / "a.safetensors"
    torch.testing.assert_close(
        model.encode_voice(features, normalize=False),
        model.voice_head(model.voice_standard(features)),
    )
    save_association(path, model, {})
    torch.testing.assert_close(
        load_association(path).encode_voice(features), model.encode_voice(features)
    )


def test_files_from_before_the_flow_could_be_switched_off_still_load(tmp_path: Path) -> None:
    path, model = tmp_path / "a.safetensors", small()
    save_association(path, model, {})
    header = load_association_metadata(path)
    header["config"].pop("flow")  # type: ignore[attr-defined]
    save_file(load_file(path), path, {"vclip": json.dumps(header)})
    back = load_association(path)
    torch.testing.assert_close(back.encode_voice(normal(4, 6)), model.encode_voice(normal(4, 6)))


def test_halves_that_mixed_precision_leaves_become_unit_vectors_of_full_precision() -> None:
    model = small()
    with torch.autocast("cpu", torch.bfloat16):
        emb = model.encode_image(normal(9, 5))
    assert emb.dtype == torch.float32
    torch.testing.assert_close(emb.norm(dim=1), torch.ones(9))
    torch.testing.assert_close(emb, model.encode_image(normal(9, 5)), atol=0.03, rtol=0)


def test_rows_do_not_influence_each_other() -> None:
    model, features = small(), normal(5, 6)
    torch.testing.assert_close(model.encode_voice(features)[2:3], model.encode_voice(features[2:3]))


def test_raw_voice_embeddings_can_be_inverted_to_features() -> None:
    model, features = small(), 3 + 2 * normal(5, 6)
    emb = model.encode_voice(features, normalize=False)
    back = model.voice_standard.inverse(model.voice_head.inverse(emb))
    torch.testing.assert_close(back, features, atol=1e-4, rtol=1e-4)


def test_standardised_training_features_have_mean_zero_and_unit_deviation() -> None:
    standard, features = Standardise(3), 5 + 3 * normal(50, 3)
    features[:, 2] = 4.0  # a constant column is only centred
    standard.fit(features)
    out = standard(features)
    torch.testing.assert_close(out.mean(dim=0), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.std(dim=0)[:2], torch.ones(2))
    assert (out[:, 2].abs() < 1e-5).all()


def test_an_embedding_without_norm_is_caught_at_the_border() -> None:
    model = small()
    with torch.no_grad():
        for parameter in model.image_head.parameters():
            parameter.zero_()
    with pytest.raises(AssertionError, match="unit norm"):
        model.encode_image(normal(2, 5))


def test_features_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"voice_features must be \(N, 6\)"):
        small().encode_voice(normal(2, 5))
    with pytest.raises(ValueError, match=r"image_features must be \(N, 5\)"):
        small().encode_image(normal(5))


def test_saved_heads_come_back_the_same_with_their_metadata(tmp_path: Path) -> None:
    model, path = small(), tmp_path / "association.safetensors"
    save_association(path, model, {"command": "train", "data": {"rows": 3}})
    back = load_association(path)
    torch.testing.assert_close(back.encode_image(normal(4, 5)), model.encode_image(normal(4, 5)))
    torch.testing.assert_close(back.encode_voice(normal(4, 6)), model.encode_voice(normal(4, 6)))
    assert load_association_metadata(path)["data"] == {"rows": 3}
    assert not back.training and not any(p.requires_grad for p in back.parameters())


def test_broken_heads_are_model_errors(tmp_path: Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    save_association(good, small(), {})
    header = {"vclip": json.dumps(load_association_metadata(good))}
    tensors = load_file(good)
    tensors.pop("logit_scale")
    save_file(tensors, bad, header)
    with pytest.raises(ModelError, match="does not fit"):
        load_association(bad)
    save_file(tensors, bad, {"other": "file"})
    with pytest.raises(ModelError, match="no association"):
        load_association(bad)
    save_file(tensors, bad, {"vclip": '{"format": "old"}'})
    with pytest.raises(ModelError, match="not of format"):
        load_association(bad)
    bad.write_text("text")
    with pytest.raises(ModelError, match="no association"):
        load_association(bad)
    with pytest.raises(ModelError, match="no association"):
        load_association(tmp_path / "missing")


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        save_association(tmp_path / "no" / "a.safetensors", small(), {})
