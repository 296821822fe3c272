"""Text encoders as ComfyUI builds them, at small widths and with random weights."""

from functools import cache
from typing import Any

import comfy.sd
import comfy.sd1_clip
import comfy.sdxl_clip
import comfy.text_encoders.sd3_clip
import torch
from comfy.supported_models_base import ClipTarget

CLIP_L_OF_SDXL = 8
"""The width of the first of SDXL's two encoders; the second's follows it in the embedding."""


@cache
def sd1_clip() -> comfy.sd.CLIP:
    target = ClipTarget(comfy.sd1_clip.SD1Tokenizer, comfy.sd1_clip.SD1ClipModel)
    return _small(target, clip_l=_narrow(16))


@cache
def sdxl_clip() -> comfy.sd.CLIP:
    target = ClipTarget(comfy.sdxl_clip.SDXLTokenizer, comfy.sdxl_clip.SDXLClipModel)
    return _small(target, clip_l=_narrow(CLIP_L_OF_SDXL), clip_g=_narrow(12))


@cache
def sd3_clip() -> comfy.sd.CLIP:
    """SD 3's T5 alone, whose embeddings are as long as the text, from 77 tokens on."""
    family = comfy.text_encoders.sd3_clip
    model = family.sd3_clip(clip_l=False, clip_g=False, t5=True, dtype_t5=torch.float32)
    narrow = {"d_model": 16, "d_ff": 16, "d_kv": 8, "num_heads": 2, "num_layers": 1}
    return _small(ClipTarget(family.SD3Tokenizer, model), t5xxl=narrow)


def _narrow(width: int) -> dict[str, Any]:
    return {
        "hidden_size": width,
        "projection_dim": width,
        "intermediate_size": width,
        "num_attention_heads": 2,
        "num_hidden_layers": 3,
    }


def _small(target: ClipTarget, **configs: dict[str, Any]) -> comfy.sd.CLIP:
    options = {f"{name}_model_config": config for name, config in configs.items()}
    clip = comfy.sd.CLIP(target, model_options={"dtype": torch.float32, **options})
    generator = torch.Generator().manual_seed(0)
    for weights in clip.cond_stage_model.parameters():
        weights.data = torch.randn(weights.shape, generator=generator)
    return clip
