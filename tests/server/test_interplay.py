"""The pack's nodes among stock nodes, in workflows as users draw them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from tools.comfy_server import PACK, ComfyServer, Workflow

# Of latents that are of the order of 1.
CLOSE = {"atol": 1e-3, "rtol": 1e-3}
TOP_STEP = 1  # the workflow's inversion takes the lower 3 of 4 steps


def latents(comfy: ComfyServer, workflow: Workflow, *nodes: str) -> list[torch.Tensor]:
    """Run the workflow; returns the samples of the LATENT that is each node's first output."""
    saved = {
        f"save_{node}": {
            "class_type": "SaveLatent",
            "inputs": {"samples": [node, 0], "filename_prefix": node},
        }
        for node in nodes
    }
    outputs = comfy.run(workflow | saved)
    files = [outputs[save]["latents"][0]["filename"] for save in saved]
    return [load_file(comfy.base / "output" / file)["latent_tensor"] for file in files]


def mask_of(comfy: ComfyServer, outputs: dict[str, Any], node: str = "mask") -> torch.Tensor:
    """The mask that a MaskPreview node showed, `[H, W]` in 0..1."""
    grey = np.asarray(comfy.images(outputs, node)[0].convert("L"))
    return torch.from_numpy(grey.copy()).float() / 255


def add(workflow: Workflow, name: str, class_type: str, **inputs: Any) -> list[Any]:
    """Add a node to the workflow; returns the link to its first output."""
    workflow[name] = {"class_type": class_type, "inputs": inputs}
    return [name, 0]


def add_ksampler(workflow: Workflow, latent: list[Any], **different: Any) -> None:
    """Add a stock sampler "stock" under the edit's prompts."""
    inputs = {
        "model": ["model", 0],
        "positive": ["target_prompt", 0],
        "negative": ["negative_prompt", 0],
        "latent_image": latent,
        "seed": 1,
        "steps": 4,
        "cfg": 7.5,
        "sampler_name": "euler",
        "scheduler": "ddim_uniform",
        "denoise": 1.0,
    }
    add(workflow, "stock", "KSampler", **inputs | different)


def test_a_stock_sampler_goes_on_from_the_top_of_the_inversion(
    comfy: ComfyServer, workflow: Workflow
):
    everywhere = add(workflow, "everywhere", "SolidMask", value=1.0, width=192, height=192)
    workflow["sample"]["inputs"]["mask"] = everywhere
    add(
        workflow,
        "stock",
        "KSamplerAdvanced",
        model=["model", 0],
        add_noise="disable",
        noise_seed=0,
        steps=4,
        cfg=7.5,
        sampler_name="euler",
        scheduler="ddim_uniform",
        positive=["target_prompt", 0],
        negative=["negative_prompt", 0],
        latent_image=["invert", 0],
        start_at_step=TOP_STEP,
        end_at_step=1000,
        return_with_leftover_noise="disable",
    )
    ours, stock, source = latents(comfy, workflow, "sample", "stock", "encode")
    torch.testing.assert_close(ours, stock, **CLOSE)
    assert (ours - source).abs().mean() > 0.1


def by_noise_mask(workflow: Workflow) -> None:
    latent = add(
        workflow, "masked", "SetLatentNoiseMask", samples=["encode", 0], mask=["refine_mask", 0]
    )
    add_ksampler(workflow, latent)


def by_inpaint_conditioning(workflow: Workflow) -> None:
    add(
        workflow,
        "inpaint",
        "InpaintModelConditioning",
        positive=["target_prompt", 0],
        negative=["negative_prompt", 0],
        vae=["model", 2],
        pixels=["source", 0],
        mask=["refine_mask", 0],
        noise_mask=True,
    )
    add_ksampler(workflow, ["inpaint", 2], positive=["inpaint", 0], negative=["inpaint", 1])


def by_differential_diffusion(workflow: Workflow) -> None:
    workflow["refine_mask"]["inputs"]["feather"] = 4.0
    by_noise_mask(workflow)
    add(workflow, "differential", "DifferentialDiffusion", model=["model", 0], strength=1.0)
    workflow["stock"]["inputs"]["model"] = ["differential", 0]


@pytest.mark.parametrize(
    "route", [by_noise_mask, by_inpaint_conditioning, by_differential_diffusion]
)
def test_our_mask_masks_stock_samplers(comfy: ComfyServer, workflow: Workflow, route):
    route(workflow)
    edited, source = latents(comfy, workflow, "stock", "encode")
    mask = mask_of(comfy, comfy.run(workflow))
    weight = torch.nn.functional.avg_pool2d(mask[None], 8)
    outside = torch.nn.functional.max_pool2d(weight, 3, stride=1, padding=1) == 0
    changed = (edited - source).abs().amax(1)
    assert outside.any() and changed[outside].max() < 1e-4
    assert changed[weight > 0.9].mean() > 0.3


@pytest.mark.parametrize("stage", ["find_mask", "invert", "sample"])
def test_a_lora_acts_in_every_stage(comfy: ComfyServer, workflow: Workflow, lora: str, stage: str):
    # Not another test's: of a result that it has kept, ComfyUI 0.18 sends no picture again.
    workflow["find_mask"]["inputs"]["seed"] = 1
    plain = comfy.images(comfy.run(workflow), stage if stage == "find_mask" else "edit")[0]
    loaded = add(
        workflow,
        "lora",
        "LoraLoaderModelOnly",
        model=["model", 0],
        lora_name=lora,
        strength_model=1.0,
    )
    workflow[stage]["inputs"]["model"] = loaded
    changed = comfy.images(comfy.run(workflow), stage if stage == "find_mask" else "edit")[0]
    assert not np.array_equal(plain, changed)


def test_a_lora_by_hooks_is_the_lora_on_the_model(
    comfy: ComfyServer, workflow: Workflow, lora: str
):
    """Hooks of the prompts patch the model in every stage just as a LoRA loader does."""
    workflow["invert"]["inputs"]["conditioning"] = ["source_prompt", 0]
    on_model = {name: {**node, "inputs": dict(node["inputs"])} for name, node in workflow.items()}
    loaded = add(
        on_model,
        "lora",
        "LoraLoaderModelOnly",
        model=["model", 0],
        lora_name=lora,
        strength_model=1.0,
    )
    hooks = add(
        workflow,
        "hook",
        "CreateHookLora",
        lora_name=lora,
        strength_model=1.0,
        strength_clip=0.0,
    )
    clip = add(
        workflow,
        "hooked_clip",
        "SetClipHooks",
        clip=["model", 1],
        hooks=hooks,
        apply_to_conds=True,
        schedule_clip=False,
    )
    for stage in ("find_mask", "invert", "sample"):
        on_model[stage]["inputs"]["model"] = loaded
    for prompt in ("source_prompt", "target_prompt", "negative_prompt"):
        workflow[prompt]["inputs"]["clip"] = clip
    for node in ("invert", "sample"):
        (hooked,), (expected,) = latents(comfy, workflow, node), latents(comfy, on_model, node)
        torch.testing.assert_close(hooked, expected, **CLOSE)


def test_an_edit_is_enlarged_as_a_latent_and_sampled_on(comfy: ComfyServer, workflow: Workflow):
    large = add(
        workflow,
        "large",
        "LatentUpscaleBy",
        samples=["sample", 0],
        upscale_method="bicubic",
        scale_by=2.0,
    )
    add_ksampler(workflow, large, denoise=0.5)
    workflow["decode"]["inputs"]["samples"] = ["stock", 0]
    assert comfy.images(comfy.run(workflow), "edit")[0].size == (384, 384)


def test_a_painted_mask(comfy: ComfyServer, workflow: Workflow, tmp_path: Path):
    """What ComfyUI's mask editor paints is the transparent part of the picture."""
    picture = Image.open(PACK / "web" / "pictures" / "source.png").convert("RGBA")
    alpha = np.full((192, 192), 255, np.uint8)
    alpha[64:128, 80:160] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "painted.png")
    comfy.upload(tmp_path / "painted.png")
    workflow["source"]["inputs"]["image"] = "painted.png"
    workflow["sample"]["inputs"]["mask"] = ["source", 1]
    assert_edited_exactly(*latents(comfy, workflow, "sample", "encode"), np.s_[8:16, 10:20])


def test_a_mask_grown_by_a_stock_node(comfy: ComfyServer, workflow: Workflow):
    small = add(workflow, "small", "SolidMask", value=1.0, width=64, height=48)
    black = add(workflow, "black", "SolidMask", value=0.0, width=192, height=192)
    spot = add(
        workflow,
        "spot",
        "MaskComposite",
        destination=black,
        source=small,
        x=64,
        y=80,
        operation="add",
    )
    grown = add(workflow, "grown", "GrowMask", mask=spot, expand=8, tapered_corners=False)
    workflow["sample"]["inputs"]["mask"] = grown
    assert_edited_exactly(*latents(comfy, workflow, "sample", "encode"), np.s_[9:17, 7:17])


def assert_edited_exactly(edited: torch.Tensor, source: torch.Tensor, where: Any) -> None:
    """The latents differ in the cells `where`, and nowhere else in a single bit."""
    inside = torch.zeros(source.shape[-2:], dtype=torch.bool)
    inside[where] = True
    assert torch.equal(edited[..., ~inside], source[..., ~inside])
    assert (edited != source)[..., inside].float().mean() > 0.99


def test_a_batch_made_of_one_latent(comfy: ComfyServer, workflow: Workflow):
    (alone,) = latents(comfy, workflow, "sample")
    three = add(workflow, "three", "RepeatLatentBatch", samples=["encode", 0], amount=3)
    workflow["invert"]["inputs"]["latent"] = three
    (batch,) = latents(comfy, workflow, "sample")
    torch.testing.assert_close(batch, alone.expand(3, -1, -1, -1), **CLOSE)


def test_one_picture_of_a_batch_keeps_its_noise(comfy: ComfyServer, workflow: Workflow):
    """LatentFromBatch notes where its picture came from; the heat map is that of the batch."""
    first_stages = workflow["find_mask"]["inputs"], workflow["invert"]["inputs"]
    two = add(workflow, "two", "RepeatLatentBatch", samples=["encode", 0], amount=2)
    for inputs in first_stages:
        inputs["latent"] = two
    first_of_two, second_of_two = comfy.images(comfy.run(workflow), "find_mask")
    assert not np.array_equal(first_of_two, second_of_two)
    second = add(workflow, "second", "LatentFromBatch", samples=two, batch_index=1, length=1)
    for inputs in first_stages:
        inputs["latent"] = second
    (alone,) = comfy.images(comfy.run(workflow), "find_mask")
    difference = np.asarray(alone).astype(int) - np.asarray(second_of_two)
    assert np.abs(difference).max() <= 2


def test_a_noise_mask_on_the_latent_is_left_to_other_nodes(comfy: ComfyServer, workflow: Workflow):
    """All three stages work as without it; a stock sampler after them finds it."""
    heat_map = comfy.images(comfy.run(workflow), "find_mask")[0]
    plain = latents(comfy, workflow, "invert", "sample")
    black = add(workflow, "black", "SolidMask", value=0.0, width=192, height=192)
    masked = add(workflow, "masked", "SetLatentNoiseMask", samples=["encode", 0], mask=black)
    workflow["find_mask"]["inputs"]["latent"] = workflow["invert"]["inputs"]["latent"] = masked
    assert np.array_equal(heat_map, comfy.images(comfy.run(workflow), "find_mask")[0])
    add_ksampler(workflow, ["sample", 0])
    *with_noise_mask, after = latents(comfy, workflow, "invert", "sample", "stock")
    assert all(map(torch.equal, plain, with_noise_mask))
    torch.testing.assert_close(after, plain[1], **CLOSE)
