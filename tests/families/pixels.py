"""Transformers that make the pixels themselves, without a VAE."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.families.family import Family, noise
from tests.families.image_transformers import CHROMA, ZIMAGE

PICTURE = (2, 3, 32, 64)

RADIANCE = {
    **CHROMA,
    "image_model": "chroma_radiance",
    "in_channels": 3,
    "out_channels": 3,
    "patch_size": 16,
    "nerf_hidden_size": 16,
    "nerf_mlp_ratio": 2,
    "nerf_depth": 1,
    "nerf_max_freqs": 4,
    "nerf_tile_size": 0,
    "nerf_final_head_type": "conv",
    "nerf_embedder_dtype": torch.float32,
    "use_x0": False,
    "use_sequential_txt_ids": False,
}
PIXELDIT = {
    "num_groups": 2,
    "hidden_size": 32,
    "pixel_hidden_size": 16,
    "pixel_attn_hidden_size": 32,
    "pixel_num_groups": 2,
    "patch_depth": 1,
    "pixel_depth": 1,
    "txt_embed_dim": 16,
    "txt_max_length": 8,
}


def words(seed: int) -> Tensor:
    """Tokens `[1, 15]` as HiDream O1's tokenizer makes them of a prompt of six."""
    generator = torch.Generator().manual_seed(seed)
    prompt = torch.randint(100, 5000, (6,), generator=generator).tolist()
    return torch.tensor(
        [[151644, 872, 198, *prompt, 151645, 198, 151644, 77091, 198, 151669, 151673]]
    )


PIXELS = {
    "ChromaRadiance": Family("ChromaRadiance", RADIANCE, PICTURE, 1, quick=True),
    "ChromaRadiance, x0": Family("ChromaRadiance", {**RADIANCE, "use_x0": True}, PICTURE, 1),
    "ZImagePixelSpace": Family(
        "ZImagePixelSpace",
        {
            **ZIMAGE,
            "image_model": "zimage_pixel",
            "in_channels": 3,
            "patch_size": 16,
            "decoder_hidden_size": 16,
            "decoder_num_res_blocks": 1,
            "decoder_max_freqs": 4,
            "decoder_in_channels": 768,
        },
        PICTURE,
        1,
    ),
    "PixelDiTT2I": Family("PixelDiTT2I", {**PIXELDIT, "image_model": "pixeldit_t2i"}, PICTURE, 1),
    "PiD": Family(
        "PiD",
        {
            **PIXELDIT,
            "image_model": "pid",
            "lq_hidden_dim": 8,
            "lq_num_res_blocks": 1,
            "lq_interval": 1,
        },
        PICTURE,
        1,
        options=lambda seed: {"lq_latent": noise(1, 16, 1, 2), "degrade_sigma": torch.zeros(1)},
    ),
    "HiDreamO1": Family(
        "HiDreamO1",
        {
            "image_model": "hidream_o1",
            "text_config_overrides": {
                "hidden_size": 64,
                "intermediate_size": 64,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "num_key_value_heads": 1,
            },
            "vision_config_overrides": {
                "hidden_size": 32,
                "num_heads": 2,
                "intermediate_size": 32,
                "depth": 1,
                "deepstack_visual_indexes": (),
            },
        },
        PICTURE,
        1,
        context=lambda seed: words(seed).unsqueeze(-1).float(),
        options=lambda seed: {"text_input_ids": words(seed)},
        quick=True,
    ),
}
