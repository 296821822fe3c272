"""The core against diffusers' DiffEdit pipeline, on the demo model's weights."""

from pathlib import Path

import pytest
import torch
from diffusers import (
    DDIMInverseScheduler,
    DDIMScheduler,
    StableDiffusionDiffEditPipeline,
    StableDiffusionPipeline,
)

from benchmarks.peer import recorded_maps
from diffedit_core.diffusers_denoiser import DiffusersDenoiser
from diffedit_core.guidance import GuidedDenoiser
from diffedit_core.inversion import encoding_sigmas, invert
from diffedit_core.mask import find_differences
from diffedit_core.recipes import RECIPES, heat_map
from diffedit_core.sampling import masked_decode
from tests.counting import CountingDenoiser

MODEL = Path(__file__).parents[2] / "demo" / "model"
SOURCE, TARGET = "a bowl of red apples", "a bowl of green pears"
NEGATIVES = {"source_negative": "a blue cup", "target_negative": "a cone"}
STEPS = 10
IMAGE = torch.zeros(1, 3, 64, 64)  # stands for the latent below, whatever the pipeline's VAE makes
LATENT = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)).double()
# In float64, so that rounding hides no difference of method.
CLOSE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module")
def pipe() -> StableDiffusionDiffEditPipeline:
    """diffusers' pipeline, with schedules that go down to no noise at all, as ours do."""
    parts = StableDiffusionPipeline.from_pretrained(MODEL, dtype=torch.float64).components
    del parts["image_encoder"]
    config = parts.pop("scheduler").config
    pipe = StableDiffusionDiffEditPipeline(
        **parts,
        scheduler=DDIMScheduler.from_config(config, set_alpha_to_one=True),
        inverse_scheduler=DDIMInverseScheduler.from_config(config, set_alpha_to_one=True),
        requires_safety_checker=False,
    )
    # The pipeline knows no other autoencoder than AutoencoderKL.
    pipe.prepare_image_latents = lambda image, batch, *options: LATENT.expand(batch, -1, -1, -1)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def denoiser(pipe) -> DiffusersDenoiser:
    return DiffusersDenoiser(pipe, {"source": SOURCE, "positive": TARGET, "negative": ""})


@pytest.fixture(scope="module")
def sigmas(denoiser) -> list[float]:
    return encoding_sigmas(denoiser.schedule(STEPS), 0.8)


def inverted_by_diffusers(pipe, cfg: float) -> torch.Tensor:
    """diffusers' inversion under the target prompt: `[steps, 1, C, h, w]`, in its own scale,
    from the lowest noise up."""
    result = pipe.invert(TARGET, IMAGE, STEPS, 0.8, guidance_scale=cfg, negative_prompt="")
    return result.latents[0].flip(0)[:, None]


def per_step(values: list[float]) -> torch.Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1, 1)


@pytest.mark.parametrize("cfg", [1, 7.5])
def test_one_iteration_is_diffusers_inversion(pipe, denoiser, sigmas, cfg):
    ours = invert(GuidedDenoiser(denoiser, cfg), LATENT, sigmas, extrapolate=False).trajectory
    scale = per_step([denoiser.input_scale(sigma) for sigma in sigmas])
    torch.testing.assert_close((ours * scale)[1:], inverted_by_diffusers(pipe, cfg), **CLOSE)


def test_decoding_is_diffusers_with_its_trajectory_a_step_too_noisy(pipe, denoiser, sigmas):
    inverted = inverted_by_diffusers(pipe, 1)
    mask = torch.zeros(1, 8, 8)
    mask[:, 2:6, 3:7] = 1
    theirs = pipe(
        TARGET,
        mask,
        inverted.flip(0).transpose(0, 1),
        inpaint_strength=0.8,
        num_inference_steps=STEPS,
        guidance_scale=7.5,
        negative_prompt="",
        output_type="latent",
    ).images
    shifted = torch.cat([inverted, inverted[-1:]])
    shifted = shifted / per_step([denoiser.input_scale(sigma) for sigma in sigmas])
    ours = masked_decode(GuidedDenoiser(denoiser, 7.5), shifted, sigmas, mask[:, None])
    assert (theirs - inverted[0]).abs().max() > 0.1
    torch.testing.assert_close(ours, theirs, **CLOSE)


class SameNoise(DiffusersDenoiser):
    """Noises an image to what diffusers' pipeline gave its UNet, draw after draw."""

    def noise_scaling(self, sigma, noise, latent):
        return self.inputs.pop(0)[None] / self.input_scale(sigma)


def test_heat_map_and_mask_are_diffusers_at_half_its_evaluations(pipe):
    seen = []
    hook = pipe.unet.register_forward_pre_hook(lambda module, args: seen.append(args))
    draws = 4
    with recorded_maps() as maps:
        theirs = pipe.generate_mask(
            IMAGE,
            TARGET,
            target_negative_prompt="",
            source_prompt=SOURCE,
            source_negative_prompt="",
            num_maps_per_mask=draws,
            num_inference_steps=STEPS,
            generator=torch.manual_seed(0),
        )
    hook.remove()
    (their_map,) = maps
    ((inputs, timestep),) = seen
    assert len(inputs) == 4 * draws

    denoiser = SameNoise(pipe, {"source": SOURCE, "target": TARGET})
    denoiser.inputs = list(inputs[:draws])
    counting = CountingDenoiser(denoiser)
    sigma = float(denoiser.sigmas[timestep])
    found = find_differences(counting, LATENT, [sigma], draws, seed=0)
    assert counting.evaluations == 2 * draws

    recipe = RECIPES["diffusers"]
    soft = heat_map(found.map, recipe)
    # Their map before it is clamped at 3 times its mean; ours is that over 3 times the mean.
    white = 3 * their_map.mean()
    torch.testing.assert_close(soft * white, their_map.clamp(max=white), atol=1e-4, rtol=0)
    assert their_map.mean() > 0.01
    ours = (soft > recipe.threshold).float()
    assert 0 < theirs.sum() < theirs.size
    assert torch.equal(ours, torch.from_numpy(theirs).float())


def test_different_negative_prompts_are_guidance_on_each_side(pipe):
    """Against diffusers at guidance 3, with the negatives exchanged, since it mixes them up."""
    seen = []
    hook = pipe.unet.register_forward_pre_hook(lambda module, args: seen.append(args))
    with recorded_maps() as maps:
        pipe.generate_mask(
            IMAGE,
            NEGATIVES["target_negative"],
            target_negative_prompt=TARGET,
            source_prompt=NEGATIVES["source_negative"],
            source_negative_prompt=SOURCE,
            num_maps_per_mask=2,
            num_inference_steps=STEPS,
            guidance_scale=3.0,
            generator=torch.manual_seed(0),
        )
    hook.remove()
    (their_map,) = maps
    ((inputs, timestep),) = seen
    denoiser = SameNoise(pipe, {"source": SOURCE, "target": TARGET, **NEGATIVES})
    denoiser.inputs = list(inputs[:2])
    counting = CountingDenoiser(denoiser)
    guided = GuidedDenoiser(
        counting, 3.0, {"source": "source_negative", "target": "target_negative"}
    )
    found = find_differences(guided, LATENT, [float(denoiser.sigmas[timestep])], 2, seed=0)
    assert counting.evaluations == 4 * 2
    torch.testing.assert_close(found.map * their_map.mean(), their_map, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [1, 7, 50])
def test_schedule_is_diffusers(pipe, denoiser, steps):
    pipe.scheduler.set_timesteps(steps)
    expected = [float(denoiser.sigmas[timestep]) for timestep in pipe.scheduler.timesteps]
    assert denoiser.schedule(steps) == [*expected, 0.0]


def test_no_prompt_is_a_context_of_zeros(pipe):
    denoiser = DiffusersDenoiser(pipe, {"none": None, "empty": ""})
    assert not denoiser.embeddings["none"].any()
    assert denoiser.embeddings["empty"].any()


def test_v_prediction_predicts_the_same_picture(pipe, denoiser):
    """A UNet that predicts v instead of eps, for the same denoised picture."""
    sigma, x = 1.3, torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    (expected,) = denoiser.denoise(x, sigma, ["positive"])
    alpha = 1 / (1 + sigma**2)
    eps = (x - expected) / sigma
    v = alpha**0.5 * eps - (1 - alpha) ** 0.5 * expected
    v_denoiser = DiffusersDenoiser(pipe, {"positive": TARGET})
    v_denoiser.prediction_type = "v_prediction"
    torch.testing.assert_close(v_denoiser._denoised(x, sigma, v), expected, atol=1e-5, rtol=1e-5)
