"""MODELs of real size: ComfyUI's own networks with random weights.

They draw nothing, but an evaluation costs what one of the real model costs.
"""

from __future__ import annotations

from typing import Any

import torch

SD15 = {
    "image_size": 32,
    "in_channels": 4,
    "out_channels": 4,
    "model_channels": 320,
    "channel_mult": [1, 2, 4, 4],
    "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1,
    "use_spatial_transformer": True,
    "use_linear_in_transformer": False,
    "context_dim": 768,
    "legacy": False,
    "adm_in_channels": None,
}
SDXL = SD15 | {
    "channel_mult": [1, 2, 4],
    "num_res_blocks": [2, 2, 2],
    "transformer_depth": [0, 0, 2, 2, 10, 10],
    "transformer_depth_output": [0, 0, 0, 2, 2, 2, 10, 10, 10],
    "transformer_depth_middle": 10,
    "use_linear_in_transformer": True,
    "context_dim": 2048,
    "num_classes": "sequential",
    "adm_in_channels": 2816,
}
CONFIGS = {"SD15": SD15, "SDXL": SDXL}


def random_model(name: str, dtype: torch.dtype) -> Any:
    """A MODEL of the shape that ComfyUI calls `name`; its last layer is 0, so that it predicts no
    noise at all.
    """
    import comfy.model_management
    import comfy.model_patcher
    import comfy.supported_models

    config = getattr(comfy.supported_models, name)(CONFIGS[name])
    config.set_inference_dtype(dtype, None)
    device = comfy.model_management.get_torch_device()
    offload_device = comfy.model_management.unet_offload_device()
    model = config.get_model({}, device=offload_device)
    for weights in model.diffusion_model.parameters():
        torch.nn.init.normal_(weights, std=0.02)
    for weights in model.diffusion_model.out[2].parameters():
        torch.nn.init.zeros_(weights)
    return comfy.model_patcher.CoreModelPatcher(model, device, offload_device)


def random_conditioning(name: str, seed: int) -> list[Any]:
    """A CONDITIONING that such a model takes."""
    generator = torch.Generator().manual_seed(seed)
    context = torch.randn(1, 77, CONFIGS[name]["context_dim"], generator=generator)
    pooled = torch.randn(1, 1280, generator=generator)
    return [[context, {"pooled_output": pooled} if name == "SDXL" else {}]]
