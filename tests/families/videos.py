"""Transformers that make videos."""

from __future__ import annotations

from typing import Any

import torch

from tests.families.family import MANY, Family, noise
from tests.families.image_transformers import COSMOS2, HUNYUAN, KANDINSKY, masked

VIDEO = (1, 16, 3, 8, 12)
SHORT = (1, 16, 2, 8, 12)

LTX = {
    "num_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "cross_attention_dim": 32,
    "caption_channels": 16,
}
HUNYUAN15 = {
    **HUNYUAN,
    "in_channels": 65,
    "out_channels": 32,
    "vec_in_dim": None,
    "patch_size": [1, 1, 1],
    "vision_in_dim": 8,
    "use_cond_type_embedding": True,
    "guidance_embed": False,
    "byt5": True,
}
COSMOS1 = {
    "image_model": "cosmos",
    "max_img_h": 240,
    "max_img_w": 240,
    "max_frames": 128,
    "in_channels": 16,
    "out_channels": 16,
    "patch_spatial": 2,
    "patch_temporal": 1,
    "model_channels": 64,
    "block_config": "FA-CA-MLP",
    "concat_padding_mask": True,
    "pos_emb_cls": "rope3d",
    "pos_emb_learnable": False,
    "pos_emb_interpolation": "crop",
    "block_x_format": "THWBD",
    "affline_emb_norm": True,
    "use_adaln_lora": True,
    "adaln_lora_dim": 16,
    "num_blocks": 1,
    "num_heads": 2,
    "extra_per_block_abs_pos_emb": True,
    "rope_h_extrapolation_ratio": 1.0,
    "rope_w_extrapolation_ratio": 1.0,
    "rope_t_extrapolation_ratio": 2.0,
    "extra_per_block_abs_pos_emb_type": "learnable",
    "crossattn_emb_channels": 16,
}
MOCHI = {
    "image_model": "mochi_preview",
    "depth": 1,
    "num_heads": 2,
    "hidden_size_x": 64,
    "hidden_size_y": 32,
    "mlp_ratio_x": 192.0,
    "mlp_ratio_y": 2.0,
    "learn_sigma": False,
    "in_channels": 12,
    "qk_norm": True,
    "qkv_bias": False,
    "out_bias": True,
    "attn_drop": 0.0,
    "patch_embed_bias": True,
    "posenc_preserve_area": True,
    "timestep_mlp_bias": True,
    "attend_to_padding": False,
    "timestep_scale": 1000.0,
    "use_t5": True,
    "t5_feat_dim": 16,
    "t5_token_length": 8,
    "rope_theta": 10000.0,
}
WAN = {
    "image_model": "wan2.1",
    "model_type": "t2v",
    "dim": 32,
    "ffn_dim": 64,
    "freq_dim": 16,
    "text_dim": 16,
    "num_heads": 2,
    "num_layers": 1,
}
SEEDVR2 = {
    "image_model": "seedvr2",
    "norm_eps": 1e-5,
    "num_layers": 2,
    "mlp_type": "swiglu",
    "vid_dim": 32,
    "txt_in_dim": 16,
    "heads": 2,
    "head_dim": 16,
    "mm_layers": 1,
    "rope_dim": 12,
    "vid_out_norm": True,
}

SEES_ITS_START = "sees the latent that it starts from, in a stock sampler the noisy one"


def glyphs(seed: int) -> dict[str, Any]:
    return {"pooled_output": None, "conditioning_byt5small": noise(1, 6, 1472, seed=seed)}


def first_frame(seed: int) -> dict[str, Any]:
    """What nodes such as WanImageToVideo add."""
    return {
        "concat_latent_image": noise(*VIDEO),
        "concat_mask": torch.ones(1, 1, *VIDEO[2:]),
    }


def cogvideo(config: str) -> Family:
    return Family(config, None, SHORT, 8, refused="CogVideoX")


def wan(config: str, *, like: dict[str, Any] | None = None, **different: Any) -> Family:
    """A Wan whose network differs by `different`, which takes `like` beside the text."""
    return Family(config, {**WAN, **different}, VIDEO, 8, options=lambda seed: like or {})


WANS = {
    "WAN21_T2V": Family("WAN21_T2V", WAN, VIDEO, 8, quick=True),
    "WAN21_I2V": Family(
        "WAN21_I2V", {**WAN, "model_type": "i2v", "in_dim": 36}, VIDEO, 8, options=first_frame
    ),
    "WAN21_FunControl2V": wan("WAN21_FunControl2V", model_type="i2v", in_dim=48),
    "WAN21_Vace": wan("WAN21_Vace", model_type="vace", vace_layers=1, vace_in_dim=96),
    "WAN21_CausalAR_T2V": wan("WAN21_CausalAR_T2V", causal_ar=True),
    "WAN21_Camera": wan(
        "WAN21_Camera",
        model_type="camera",
        in_dim=32,
        like={"camera_conditions": noise(1, 24, 3, 64, 96)},
    ),
    "WAN22_Camera": wan(
        "WAN22_Camera",
        model_type="camera_2.2",
        in_dim=36,
        like={"camera_conditions": noise(1, 24, 3, 64, 96)},
    ),
    "WAN22_S2V": wan(
        "WAN22_S2V",
        model_type="s2v",
        audio_dim=8,
        audio_inject_layers=[0],
        like={"audio_embed": noise(1, 25, 8, 12), "reference_latents": [noise(1, 16, 1, 8, 12)]},
    ),
    "WAN21_HuMo": wan(
        "WAN21_HuMo", model_type="humo", like={"audio_embed": noise(1, 3, 8, 5, 1280)}
    ),
    "WAN22_Animate": wan(
        "WAN22_Animate",
        model_type="animate",
        in_dim=36,
        like={"pose_video_latent": noise(1, 16, 2, 8, 12)},
    ),
    "WAN21_SCAIL": wan(
        "WAN21_SCAIL",
        model_type="scail",
        in_dim=20,
        like={
            "reference_latents": [noise(1, 16, 1, 8, 12)],
            "pose_video_latent": noise(1, 16, 3, 4, 6),
        },
    ),
    "WAN21_SCAIL2": wan(
        "WAN21_SCAIL2",
        model_type="scail2",
        in_dim=20,
        like={
            "reference_latents": [noise(1, 16, 1, 8, 12)],
            "pose_video_latent": noise(1, 16, 3, 4, 6),
            "driving_mask_28ch": noise(1, 3, 28, 4, 6).sign(),
            "ref_mask_28ch": noise(1, 4, 28, 8, 12).sign(),
        },
    ),
    "WAN22_WanDancer": wan(
        "WAN22_WanDancer",
        model_type="wandancer",
        in_dim=36,
        audio_inject_layers=[0],
        like={"audio_embed": noise(1, 9, 35)},
    ),
    "WAN22_T2V": Family(
        "WAN22_T2V", {**WAN, "in_dim": 48, "out_dim": 48}, (1, 48, 3, 4, 6), 16, quick=True
    ),
    "WAN21_FlowRVS": Family(
        "WAN21_FlowRVS", None, VIDEO, 8, refused="turns one picture into another"
    ),
}

VIDEOS = {
    "LTXV": Family(
        "LTXV", {"image_model": "ltxv", **LTX}, (1, 128, 2, 4, 6), 32, options=masked, quick=True
    ),
    "LTXAV": Family(
        "LTXAV",
        {
            "image_model": "ltxav",
            **LTX,
            "audio_cross_attention_dim": 32,
            "audio_attention_head_dim": 16,
            "audio_num_attention_heads": 2,
            "connector_attention_head_dim": 8,
            "connector_num_attention_heads": 2,
        },
        (1, 128, 2, 4, 6),
        32,
        options=lambda seed: {"unprocessed_ltxav_embeds": True},
    ),
    "HunyuanVideo": Family("HunyuanVideo", HUNYUAN, VIDEO, 8, pooled=12),
    "HunyuanVideoI2V": Family(
        "HunyuanVideoI2V",
        {**HUNYUAN, "in_channels": 33},
        VIDEO,
        8,
        pooled=12,
        no_stock=SEES_ITS_START,
        quick=True,
    ),
    "HunyuanVideoSkyreelsI2V": Family(
        "HunyuanVideoSkyreelsI2V",
        {**HUNYUAN, "in_channels": 32},
        VIDEO,
        8,
        pooled=12,
        no_stock=SEES_ITS_START,
    ),
    "HunyuanVideo15": Family("HunyuanVideo15", HUNYUAN15, (1, 32, 2, 4, 6), 16, options=glyphs),
    "HunyuanVideo15_SR_Distilled": Family(
        "HunyuanVideo15_SR_Distilled",
        {**HUNYUAN15, "in_channels": 98, "meanflow": True},
        (1, 32, 2, 4, 6),
        16,
        options=glyphs,
    ),
    # EDM, see MANY.
    "CosmosT2V": Family(
        "CosmosT2V", COSMOS1, SHORT, 8, iterations=MANY, tolerance=6e-5, quick=True
    ),
    "CosmosI2V": Family(
        "CosmosI2V",
        {**COSMOS1, "in_channels": 17},
        SHORT,
        8,
        iterations=MANY,
        tolerance=6e-5,
    ),
    # A flow whose noise levels grow as EDM's do.
    "CosmosI2VPredict2": Family(
        "CosmosI2VPredict2", {**COSMOS2, "in_channels": 17}, VIDEO, 8, tolerance=2e-5
    ),
    "GenmoMochi": Family("GenmoMochi", MOCHI, (1, 12, 2, 8, 12), 8, options=masked),
    "Kandinsky5": Family("Kandinsky5", KANDINSKY, VIDEO, 8, pooled=12, options=masked),
    **WANS,
    "SeedVR2": Family(
        "SeedVR2",
        SEEDVR2,
        VIDEO,
        8,
        options=lambda seed: {"condition": noise(1, 17, 3, 8, 12)},
    ),
    "CogVideoX_T2V": cogvideo("CogVideoX_T2V"),
    "CogVideoX_I2V": cogvideo("CogVideoX_I2V"),
    "CogVideoX_Inpaint": cogvideo("CogVideoX_Inpaint"),
    "MiniMaxH3": Family("MiniMaxH3", None, (1, 32, 2, 8, 12), 16, refused="video and sound"),
}
