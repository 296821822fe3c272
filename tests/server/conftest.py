"""What the server tests share beside the server."""

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from tools.comfy_server import PACK, ComfyServer


@pytest.fixture(scope="session")
def lora(comfy: ComfyServer) -> str:
    """The file name of a LoRA on one layer of the demo model's attention, under every prompt."""
    layer = "mid_block.attentions.0.transformer_blocks.0.attn1.to_v"
    weights = PACK / "demo" / "model" / "unet" / "diffusion_pytorch_model.safetensors"
    with safe_open(weights, "pt") as unet:
        outputs, inputs = unet.get_tensor(f"{layer}.weight").shape
    key = f"lora_unet_{layer.replace('.', '_')}"
    generator = torch.Generator().manual_seed(0)
    folder = comfy.base / "models" / "loras"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {
            f"{key}.lora_down.weight": torch.randn(1, inputs, generator=generator),
            f"{key}.lora_up.weight": torch.randn(outputs, 1, generator=generator),
        },
        folder / "test.safetensors",
    )
    return "test.safetensors"
