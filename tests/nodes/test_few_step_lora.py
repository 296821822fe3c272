"""The LoRA of few steps: ComfyUI applies it as it was trained, and few steps then suffice."""

import copy
from pathlib import Path

import pytest
import torch
from diffusers import UNet2DConditionModel

from benchmarks import checker
from benchmarks.cases import make_case
from benchmarks.pack import FEW_STEP, Pack
from benchmarks.quality import Ours, summary
from lab.distill import LORA, add_lora, save
from lab.scenes import edit
from tools.comfy_server import PACK

FIRST_SEED = 3_000_000


def test_comfyui_applies_a_lora_as_it_was_trained(nodes, demo, tmp_path):
    """Against the network of diffusers with the same changes to its weights."""
    import comfy.model_management

    unet = UNet2DConditionModel.from_pretrained(PACK / "demo" / "model" / "unet").float()
    student = copy.deepcopy(unet)
    lora = add_lora(student)
    for one in lora.values():
        torch.nn.init.normal_(one.up, std=0.1)
    path = tmp_path / "few steps.safetensors"
    save(lora, path)
    assert path.stat().st_size <= 2**20

    model = Pack(nodes, path).model
    assert len(model.patches) == len(lora)
    timestep = 400
    sigma = model.get_model_object("model_sampling").sigmas[timestep : timestep + 1]
    x = torch.randn(1, 4, 9, 13, generator=torch.Generator().manual_seed(0)) * sigma
    context = demo.encode("a bowl of pears")[0][0]
    comfy.model_management.load_models_gpu([model])
    denoised = model.model.apply_model(x, sigma, c_crossattn=context)
    scaled = x / (sigma**2 + 1).sqrt()
    expected, plain = (x - sigma * one(scaled, timestep, context).sample for one in (student, unet))
    torch.testing.assert_close(denoised, expected, atol=2e-2, rtol=2e-2)
    assert (expected - plain).abs().mean() > 0.1


@pytest.mark.parametrize("timestep", [700, 900])
def test_one_step_leads_where_many_guided_ones_do(nodes, demo, timestep):
    """What distillation is for, from held-out pictures in noise.  Without the LoRA a single step
    without guidance leads further away.
    """
    import comfy.sample
    import comfy.samplers

    cases = [make_case(edit(FIRST_SEED + index)) for index in range(4)]
    distilled = Pack(nodes, LORA)
    prompts = distilled.prompts(cases)[0], demo.encode("")
    latent = demo.vae.encode(distilled.pictures(cases))
    noise = torch.randn(latent.shape, generator=torch.Generator().manual_seed(0))
    sigma = demo.model.get_model_object("model_sampling").sigmas[timestep].item()
    euler = comfy.samplers.sampler_object("euler")

    def end(model, cfg, steps):
        sigmas = torch.linspace(sigma**0.5, 0, steps + 1) ** 2
        return comfy.sample.sample_custom(
            model, noise, cfg, euler, sigmas, *prompts, latent, disable_pbar=True
        )

    expected = end(demo.model, cfg=7.5, steps=30)
    with_lora, alone = (
        (end(model, cfg=1.0, steps=1) - expected).abs().mean()
        for model in (distilled.model, demo.model)
    )
    assert with_lora < 0.9 * alone


def test_edits_of_few_evaluations_reach_their_targets(nodes):
    cases = [make_case(edit(FIRST_SEED + index)) for index in range(8)]
    measured = summary(cases, Ours(nodes, LORA).run(cases, FEW_STEP), checker.load())
    assert measured["evaluations"] <= 24
    assert measured["edit_success"] >= 0.75
    assert measured["background_psnr"] > 29


def test_load_lora_offers_the_lora(nodes):
    import folder_paths

    assert LORA.name in folder_paths.get_filename_list("loras")
    assert Path(folder_paths.get_full_path_or_raise("loras", LORA.name)) == LORA
