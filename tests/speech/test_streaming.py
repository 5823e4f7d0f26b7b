"""Windows of an utterance: their sound is the whole's, and nobody decodes what nobody hears."""

from typing import Any

import pytest
import torch
from torch import Tensor

from vclip.speech import hifigan, streaming
from vclip.speech.harmonic_decoder import HarmonicDecoder
from vclip.speech.hifigan import Hifigan
from vclip.speech.vits import build_vits

CHANNELS, SPEAKER = 8, 4
SHAPES: dict[str, dict[str, Any]] = {
    "type 1": {
        "resblock_type_decoder": "1",
        "resblock_kernel_sizes_decoder": [3, 7],
        "resblock_dilation_sizes_decoder": [[1, 3, 5], [1, 2, 4]],
        "upsample_rates_decoder": [8, 8, 2, 2],
        "upsample_kernel_sizes_decoder": [16, 16, 4, 4],
    },
    "type 2": {
        "resblock_type_decoder": "2",
        "resblock_kernel_sizes_decoder": [3, 5],
        "resblock_dilation_sizes_decoder": [[1, 2], [2, 6]],
        "upsample_rates_decoder": [8, 8, 4],
        "upsample_kernel_sizes_decoder": [16, 16, 8],
    },
}


def make_generator(shape: str) -> Any:
    """Coqui's HiFi-GAN with random weights that are large enough to be heard."""
    args = SHAPES[shape] | {
        "hidden_channels": CHANNELS,
        "hidden_channels_ffn_text_encoder": 8,
        "num_layers_text_encoder": 1,
        "num_layers_posterior_encoder": 1,
        "upsample_initial_channel_decoder": 32,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = build_vits(args, 2, SPEAKER).waveform_decoder.eval()
        for parameter in generator.parameters():
            parameter.requires_grad_(False).mul_(1.7 if parameter.dim() > 1 else 1)
    return generator


def make_decoder(kind: str) -> streaming.WaveformDecoder:
    if kind == "harmonic":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            decoder = HarmonicDecoder(CHANNELS, SPEAKER, 22050, width=8, hidden=16, blocks=2)
            torch.nn.init.normal_(decoder.last.weight)
        return decoder.eval()
    return Hifigan(make_generator(kind), "float32")


def make_input(frames: int) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(1)
    return (
        torch.randn(1, CHANNELS, frames, generator=random),
        torch.randn(1, SPEAKER, 1, generator=random),
    )


@pytest.mark.parametrize("frames", [1, 20, 33, 45, 300, 1000])
@pytest.mark.parametrize("reach", [0, 5, 40])
def test_windows_follow_one_another_with_context(frames: int, reach: int) -> None:
    found = streaming.windows(frames, reach)
    assert [w.start for w in found] == [0, *(w.stop for w in found[:-1])]
    assert found[-1].stop == frames
    for window in found:
        assert window.start < window.stop
        assert window.begin == max(0, window.start - reach)
        assert window.end == min(frames, window.stop + reach)


def test_the_first_window_is_short_and_later_ones_grow() -> None:
    sizes = [w.stop - w.start for w in streaming.windows(2000, 12)]
    assert sizes[0] == streaming.FIRST and sizes[:-2] == sorted(sizes[:-2])
    assert max(sizes) < streaming.LARGEST + 12


@pytest.mark.slow
@pytest.mark.parametrize("kind", [*SHAPES, "harmonic"])
@pytest.mark.parametrize("frames", [7, 50, 420])
@torch.inference_mode()
def test_the_joined_stream_is_the_whole(kind: str, frames: int) -> None:
    decoder, (z, g) = make_decoder(kind), make_input(frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)  # the harmonic decoder's noise
        prepared = decoder.prepare(z, g)
    whole = decoder.render(prepared, g)[0, 0]
    joined = torch.cat(list(streaming.stream(decoder, prepared, g)))
    assert len(joined) == frames * decoder.hop
    assert whole.abs().max() > 0.01
    torch.testing.assert_close(joined, whole, atol=1e-4 * float(whole.abs().max()), rtol=0)


@pytest.mark.parametrize("kind", SHAPES)
@torch.inference_mode()
def test_reach_of_hifigan_is_how_far_a_changed_frame_is_heard(kind: str) -> None:
    generator, (z, g) = make_generator(kind).double(), make_input(81)
    other, middle = z.clone(), 40
    other[:, :, middle] += 1
    one, two = (generator(x.double(), g=g.double())[0, 0] for x in (z, other))
    changed = (one != two).reshape(-1, hifigan.hop(generator)).any(1).nonzero()
    assert int((changed - middle).abs().max()) == hifigan.reach(generator)


@pytest.mark.parametrize("kind", SHAPES)
@torch.inference_mode()
def test_hifigan_is_coquis_up_to_rounding(kind: str) -> None:
    generator, (z, g) = make_generator(kind), make_input(60)
    wanted = generator(z, g=g)
    for precision, tolerance in (("float32", 1e-5), ("bfloat16", 3e-2)):
        found = Hifigan(make_generator(kind), precision).render(z, g)  # type: ignore[arg-type]
        assert found.dtype == torch.float32
        torch.testing.assert_close(
            found, wanted, atol=tolerance * float(wanted.abs().max()), rtol=0
        )


def test_nothing_is_decoded_before_it_is_asked_for() -> None:
    class Counting:
        hop, reach, calls = 4, 2, 0

        def prepare(self, z: Tensor, g: Tensor) -> Tensor:
            return z

        def render(self, prepared: Tensor, g: Tensor) -> Tensor:
            self.calls += 1
            return prepared[:, :1].repeat_interleave(self.hop, dim=2)

    decoder, (z, g) = Counting(), make_input(900)
    pieces = streaming.stream(decoder, z, g)
    assert decoder.calls == 0
    next(pieces)
    next(pieces)
    assert decoder.calls == 2
    pieces.close()  # type: ignore[attr-defined]
    assert decoder.calls == 2 and list(pieces) == []
