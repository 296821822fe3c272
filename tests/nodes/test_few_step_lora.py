"""The LoRA of few steps: ComfyUI applies it as it was trained."""

import copy

import torch
from diffusers import UNet2DConditionModel

from lab.distill import add_lora, save
from tools.comfy_server import PACK


def test_comfyui_applies_a_lora_as_it_was_trained(demo, tmp_path):
    """Against the network of diffusers with the same changes to its weights."""
    import comfy.model_management
    import comfy.sd
    import comfy.utils

    unet = UNet2DConditionModel.from_pretrained(PACK / "demo" / "model" / "unet").float()
    student = copy.deepcopy(unet)
    lora = add_lora(student)
    for one in lora.values():
        torch.nn.init.normal_(one.up, std=0.1)
    path = tmp_path / "few steps.safetensors"
    save(lora, path)
    assert path.stat().st_size <= 2**20

    model, _ = comfy.sd.load_lora_for_models(
        demo.model, None, comfy.utils.load_torch_file(str(path)), 1.0, 0.0
    )
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
