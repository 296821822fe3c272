"""What families differ in, beyond what `tests/families` asks of every one."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.families.zoo import FAMILIES
from tools.in_process import defaults

# Latents of the order of 1, which some models take in at an eighth of that and noise to 15.
CLOSE = 1e-3

FAMILIES_HERE = [
    *("SD15", "SD15, inpainting", "SD20, v-prediction", "SDXL", "SDXL, Playground"),
    *("SD3", "Flux", "Flux2", "WAN21_T2V"),
]
FLOW = ["SD3", "Flux", "Flux2", "WAN21_T2V"]


@pytest.fixture(scope="module")
def small(nodes) -> Callable[[str], SimpleNamespace]:
    """A family's small model by its name, with two latents and prompts."""
    models: dict[str, Any] = {}

    def get(name: str) -> SimpleNamespace:
        family = replace(FAMILIES[name], latent=(2, *FAMILIES[name].latent[1:]))
        if name not in models:
            models[name] = family.model()
        return SimpleNamespace(
            model=models[name],
            latent={"samples": family.samples(models[name])},
            source=family.conditioning(1),
            target=family.conditioning(2),
        )

    return get


@pytest.fixture(params=FAMILIES_HERE)
def family(request, small) -> SimpleNamespace:
    return small(request.param)


@pytest.fixture
def call(nodes) -> Callable[..., tuple[Any, ...]]:
    """A node by its name, every input at its default unless given."""

    def run(name: str, **inputs: Any) -> tuple[Any, ...]:
        node = getattr(nodes, name)
        return node.execute(**{**defaults(node), **inputs}).result

    return run


@pytest.fixture
def invert(call) -> Callable[..., dict]:
    """A short inversion under the source prompt, each step iterated to its exact solution."""

    def run(family: SimpleNamespace, **inputs: Any) -> dict:
        given = {"model": family.model, "latent": family.latent, "conditioning": family.source}
        exact = {"steps": 8, "strength": 0.5, "iterations": 40, "tolerance": 1e-6}
        return call("DDIMInvert", **{**given, **exact, **inputs})[0]

    return run


@pytest.fixture
def sample(call) -> Callable[..., torch.Tensor]:
    """MaskedDDIMSample's latent, under the target prompt unless told otherwise."""

    def run(family: SimpleNamespace, latent: dict, mask: torch.Tensor, **inputs: Any):
        given = {"positive": family.target, "negative": family.source, "latent": latent}
        (edited,) = call("MaskedDDIMSample", model=family.model, mask=mask, **{**given, **inputs})
        return edited["samples"]

    return run


EVERYWHERE = torch.ones(1, 8, 8)


@pytest.mark.parametrize("scheduler", ["ddim_uniform", "simple"])
def test_inversion_and_decoding_return_the_input(invert, sample, family, scheduler):
    source = family.latent["samples"]
    inverted = invert(family, scheduler=scheduler)
    returned = sample(family, inverted, EVERYWHERE, positive=family.source, cfg=1.0)
    torch.testing.assert_close(returned, source, atol=CLOSE, rtol=CLOSE)
    edited = sample(family, inverted, EVERYWHERE)
    assert (edited - source).abs().max() > 10 * CLOSE


@pytest.mark.parametrize("name", FLOW)
def test_flow_models_return_from_pure_noise_too(invert, sample, small, name):
    family = small(name)
    inverted = invert(family, scheduler="simple", strength=1.0)
    assert inverted["diffedit_trajectory"].sigmas[-1] == 1
    returned = sample(family, inverted, EVERYWHERE, positive=family.source, cfg=1.0)
    torch.testing.assert_close(returned, family.latent["samples"], atol=CLOSE, rtol=CLOSE)


def test_noising_feeds_the_same_decoder(call, sample, family):
    (noised,) = call("DiffEditNoiseTrajectory", model=family.model, latent=family.latent, steps=4)
    assert noised["samples"].shape == family.latent["samples"].shape
    kept = sample(family, noised, torch.zeros(1, 8, 8))
    assert torch.equal(kept, family.latent["samples"])
    assert sample(family, noised, EVERYWHERE).isfinite().all()


@pytest.fixture
def previews() -> Iterator[list[Any]]:
    """Collects the preview that goes with each step of progress."""
    import comfy.utils
    import latent_preview

    shown: list[Any] = []
    before = latent_preview.args.preview_method
    latent_preview.args.preview_method = latent_preview.LatentPreviewMethod.Latent2RGB
    comfy.utils.set_progress_bar_global_hook(
        lambda value, total, preview, node_id=None: shown.append(preview)
    )
    yield shown
    comfy.utils.set_progress_bar_global_hook(None)
    latent_preview.args.preview_method = before


def test_each_step_shows_a_preview_of_the_latents_shape(invert, sample, family, previews):
    sample(family, invert(family, iterations=1), EVERYWHERE)
    height, width = family.latent["samples"].shape[-2:]
    assert len(previews) == 4 + 4
    assert {picture.width / picture.height for _, picture, _ in previews} == {width / height}


@pytest.mark.parametrize("name", ["SDXL", *FLOW])
def test_a_family_that_cannot_go_without_conditioning_says_so(invert, small, name):
    with pytest.raises(ValueError, match="^conditioning: .*CLIP Text Encode with an empty text"):
        invert(small(name), conditioning=None)


@pytest.mark.parametrize("name", ["SD15", "SD20, v-prediction"])
def test_no_conditioning_is_a_context_of_zeros(invert, small, name):
    family = small(name)
    zeros = [[torch.zeros_like(family.source[0][0]), {}]]
    without, under_zeros = (invert(family, conditioning=one)["samples"] for one in (None, zeros))
    torch.testing.assert_close(without, under_zeros, atol=CLOSE, rtol=CLOSE)


def test_a_mask_for_each_frame_of_a_video(invert, sample, small):
    """Of 9 frames, the latent's first stands for the first, its second for the next four."""
    family = small("WAN21_T2V")
    source = family.latent["samples"]
    masks = torch.zeros(9, 64, 96)
    masks[1:5] = 1
    edited = sample(family, invert(family, iterations=1), masks)
    assert torch.equal(edited[:, :, [0, 2]], source[:, :, [0, 2]])
    assert (edited[:, :, 1] != source[:, :, 1]).float().mean() > 0.99


def test_masks_that_fit_neither_the_videos_nor_their_frames(invert, sample, small):
    family = small("WAN21_T2V")
    with pytest.raises(ValueError, match="^mask: there are 4 masks for 2 videos of 9 frames"):
        sample(family, invert(family, iterations=1), torch.ones(4, 64, 96))


def test_a_picture_is_a_video_of_one_frame(invert, small):
    family = small("WAN21_T2V")
    picture = family.latent["samples"][:, :, 0]
    family.latent = {"samples": picture}
    assert invert(family, iterations=1)["samples"].shape == (2, 16, 1, 8, 12)


def test_a_video_in_a_model_of_pictures(invert, small):
    family = small("Flux")
    family.latent = {"samples": torch.ones(1, 16, 3, 8, 12)}
    with pytest.raises(ValueError, match="^latent: it has 5 dimensions"):
        invert(family)


def test_a_model_of_sound(invert, small, monkeypatch):
    from comfy.latent_formats import StableAudio1

    family = small("SD15")
    monkeypatch.setattr(family.model.model, "latent_format", StableAudio1())
    with pytest.raises(ValueError, match="^model: it makes sound"):
        invert(family)


def test_a_model_that_turns_one_picture_into_another(invert, small):
    from comfy.model_sampling import IMG_TO_IMG

    family = small("SD15")
    family.model = family.model.clone()
    family.model.add_object_patch("model_sampling", IMG_TO_IMG())
    with pytest.raises(ValueError, match="^model: it turns one picture into another"):
        invert(family)
