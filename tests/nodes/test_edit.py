"""The stages as nodes, on the demo model."""

import math

import pytest
import torch
from diffusers import StableDiffusionPipeline

from diffedit_core.diffusers_denoiser import DiffusersDenoiser
from diffedit_core.guidance import GuidedDenoiser
from diffedit_core.inversion import encoding_sigmas, invert
from diffedit_core.mask import find_differences
from diffedit_core.recipes import RECIPES, heat_map
from diffedit_core.sampling import masked_decode
from diffedit_core.sizes import image_sized, latent_sized
from tests.counting import CountingDenoiser
from tests.nodes.conftest import STEPS, STRENGTH
from tools.comfy_server import PACK


def test_outside_the_mask_is_the_source_bit_for_bit(stages, latent, half_mask):
    edited = stages.sample(stages.invert(latent), mask=half_mask)["samples"]
    source = latent["samples"]
    outside = (latent_sized(half_mask, (9, 13)) == 0).expand_as(source)
    assert torch.equal(edited[outside].view(torch.int32), source[outside].view(torch.int32))
    assert (edited[~outside] != source[~outside]).float().mean() > 0.99


@pytest.mark.parametrize("size", [(72, 104), (9, 13), (50, 31), (1, 1)])
def test_empty_masks_of_any_size_return_the_source(stages, latent, size):
    edited = stages.sample(stages.invert(latent), mask=torch.zeros(1, *size))["samples"]
    assert torch.equal(edited, latent["samples"])


def test_a_full_mask_edits_everywhere(stages, latent):
    edited = stages.sample(stages.invert(latent), mask=torch.ones(72, 104))["samples"]
    assert (edited != latent["samples"]).float().mean() > 0.99
    assert edited.isfinite().all()


def test_one_mask_for_each_image(stages, latent):
    masks = torch.stack([torch.zeros(72, 104), torch.ones(72, 104)])
    edited = stages.sample(stages.invert(latent), mask=masks)["samples"]
    assert torch.equal(edited[0], latent["samples"][0])
    assert not torch.equal(edited[1], latent["samples"][1])


@pytest.mark.parametrize(("steps", "strength"), [(1, 1.0), (1, 0.8), (6, 1.0), (1000, 0.003)])
def test_extreme_steps_and_strengths_work(stages, latent, half_mask, steps, strength):
    inverted = stages.invert(latent, steps=steps, strength=strength)
    assert stages.sample(inverted, mask=half_mask)["samples"].isfinite().all()


def test_the_inverted_latent_is_the_top_of_its_trajectory(stages, latent):
    inverted = stages.invert(latent)
    latents, sigmas = inverted["diffedit_trajectory"]
    assert torch.equal(inverted["samples"], latents[-1])
    assert torch.equal(latents[0], latent["samples"])
    assert len(latents) == len(sigmas) == 1 + round(STRENGTH * STEPS)
    assert sigmas == sorted(sigmas) and sigmas[0] == 0
    assert latents.device.type == "cpu"


def test_other_keys_of_the_latent_survive(stages, latent, half_mask):
    noise_mask = torch.ones(1, 72, 104)
    latent = {**latent, "batch_index": [4, 5], "noise_mask": noise_mask}
    edited = stages.sample(stages.invert({**latent, "downscale_ratio_spacial": 8}), mask=half_mask)
    assert set(edited) == {"samples", "batch_index", "noise_mask"}
    assert edited["batch_index"] == [4, 5] and edited["noise_mask"] is noise_mask


def test_inversion_without_conditioning_is_under_zeros(stages, demo, prompts, latent):
    zeros = [[torch.zeros_like(prompts.empty[0][0]), {}]]
    torch.testing.assert_close(
        stages.invert(latent)["samples"],
        stages.invert(latent, conditioning=zeros)["samples"],
        atol=1e-3,
        rtol=1e-3,
    )


@pytest.mark.parametrize(("cfg", "evaluations"), [(7.5, 4), (1.0, 2)])
def test_cost_of_decoding(stages, count_forwards, latent, half_mask, cfg, evaluations):
    inverted = stages.invert(latent)
    sizes, hook = count_forwards()
    stages.sample(inverted, mask=half_mask, cfg=cfg)
    hook.remove()
    assert sizes == [evaluations] * round(STRENGTH * STEPS)


@pytest.mark.parametrize("iterations", [1, 3])
def test_cost_of_inversion(stages, count_forwards, latent, iterations):
    sizes, hook = count_forwards()
    stages.invert(latent, iterations=iterations)
    hook.remove()
    assert sizes == [2] * round(STRENGTH * STEPS) * iterations


def test_guidance_patches_of_the_model_take_part(stages, demo, latent, half_mask):
    seen = []

    def post_cfg(args):
        seen.append(args["cond_scale"])
        return args["denoised"]

    patched = demo.model.clone()
    patched.set_model_sampler_post_cfg_function(post_cfg)
    stages.sample(stages.invert(latent, model=patched), mask=half_mask, model=patched)
    assert seen == [7.5] * 4  # an unguided evaluation has no guidance to patch


def test_progress_and_previews_arrive_at_each_step(stages, latent, half_mask):
    import comfy.utils

    seen = []
    try:
        comfy.utils.set_progress_bar_global_hook(
            lambda value, total, preview, node_id=None: seen.append((value, total))
        )
        stages.sample(stages.invert(latent), mask=half_mask)
    finally:
        comfy.utils.set_progress_bar_global_hook(None)
    assert seen[-1] == (4, 4) and (1, 4) in seen


def test_interruption_stops_within_one_step(stages, count_forwards, demo, latent):
    import comfy.model_management as management

    sizes, hook = count_forwards()
    interrupter = demo.model.model.diffusion_model.register_forward_hook(
        lambda *args: management.interrupt_current_processing() if len(sizes) == 2 else None
    )
    try:
        with pytest.raises(management.InterruptProcessingException):
            stages.invert(latent, steps=50)
    finally:
        hook.remove()
        interrupter.remove()
        management.interrupt_current_processing(False)
    assert len(sizes) <= 3
    assert stages.invert(latent)["samples"].isfinite().all()


def test_nodes_and_diffusers_on_one_core_agree(stages, find_mask, demo, prompts, latent, half_mask):
    """The whole edit through ComfyUI and through diffusers, each under the same core."""
    pipe = StableDiffusionPipeline.from_pretrained(PACK / "demo" / "model", dtype=torch.float32)
    texts = {
        "source": "a bowl of red apples",
        "target": "a bowl of green pears",
        "positive": "a bowl of green pears",
        "negative": "",
    }
    counting = CountingDenoiser(DiffusersDenoiser(pipe, texts))
    x0 = latent["samples"] * pipe.vae.config.scaling_factor
    model_sampling = demo.model.get_model_object("model_sampling")

    _, found = find_mask(latent, recipe={"recipe": "diffusers"}).result[:2]
    sigma = model_sampling.percent_to_sigma(0.5)
    expected = heat_map(find_differences(counting, x0, [sigma], 2, 0).map, RECIPES["diffusers"])
    # ComfyUI's sigma lies between two timesteps, of which both take the nearest.
    disagreement = (found - image_sized(expected, (72, 104), "bilinear")).abs().mean()
    assert disagreement < 0.02 < expected.std()
    assert counting.evaluations == 2 * 2 * 2

    inverted = stages.invert(latent, conditioning=prompts.source)
    sigmas = encoding_sigmas(counting.denoiser.schedule(STEPS), STRENGTH)
    captioned = DiffusersDenoiser(pipe, {"positive": texts["source"]})
    trajectory = invert(captioned, x0, sigmas, iterations=1).trajectory
    assert math.isclose(sigmas[-1], inverted["diffedit_trajectory"].sigmas[-1], rel_tol=1e-4)
    top = inverted["samples"] * pipe.vae.config.scaling_factor
    torch.testing.assert_close(top, trajectory[-1], atol=1e-2, rtol=1e-2)

    edited = stages.sample(inverted, mask=half_mask)["samples"] * pipe.vae.config.scaling_factor
    mask = latent_sized(half_mask, (9, 13))[:, None]
    expected = masked_decode(GuidedDenoiser(counting, 7.5), trajectory, sigmas, mask)
    torch.testing.assert_close(edited, expected, atol=2e-2, rtol=2e-2)
