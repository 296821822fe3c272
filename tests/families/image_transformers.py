"""Transformers that make pictures, in latents of two dimensions or in those of a video's VAE."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tests.families.family import MANY, Family, attention_mask, noise

OLD, PLAIN, DEEP = (2, 4, 8, 12), (2, 16, 8, 12), (2, 128, 4, 6)
WIDE = (1, 4, 32, 40)
"""Nothing smaller has a position in PixArt's embedding."""

FRAME = (1, 16, 1, 8, 12)
"""A picture in the latent of a video's VAE."""


def masked(seed: int) -> dict[str, Any]:
    return {"attention_mask": attention_mask()}


def unmasked(seed: int) -> dict[str, Any]:
    return {"attention_mask": attention_mask(padding=0)}


SD3 = {
    "in_channels": 16,
    "depth": 1,
    "num_blocks": 2,
    "adm_in_channels": 12,
    "context_embedder_config": {
        "target": "torch.nn.Linear",
        "params": {"in_features": 16, "out_features": 64},
    },
    "num_patches": 64,
    "pos_embed_max_size": 8,
    "input_size": None,
}
PIXART = {
    "input_size": 64,
    "hidden_size": 96,
    "depth": 2,
    "num_heads": 4,
    "caption_channels": 16,
    "model_max_length": 8,
    "pe_interpolation": 1,
}
HUNYUAN_DIT = {
    "hidden_size": 64,
    "depth": 2,
    "num_heads": 4,
    "text_states_dim": 16,
    "text_states_dim_t5": 24,
    "text_len": 8,
    "text_len_t5": 10,
}
FLUX = {
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 12,
    "context_in_dim": 16,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [4, 6, 6],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "guidance_embed": True,
    "txt_ids_dims": [],
}
FLUX2 = {
    **FLUX,
    "in_channels": 128,
    "out_channels": 128,
    "vec_in_dim": None,
    "patch_size": 1,
    "axes_dim": [4, 4, 4, 4],
    "default_ref_method": "index",
}
CHROMA = {
    "in_channels": 64,
    "out_channels": 64,
    "context_in_dim": 16,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [4, 6, 6],
    "theta": 10000,
    "patch_size": 2,
    "qkv_bias": True,
    "in_dim": 64,
    "out_dim": 32,
    "hidden_dim": 64,
    "n_layers": 1,
    "txt_ids_dims": [],
    "vec_in_dim": None,
}
HIDREAM = {
    "image_model": "hidream",
    "attention_head_dim": 16,
    "axes_dims_rope": [8, 4, 4],
    "caption_channels": [16, 20],
    "max_resolution": [128, 128],
    "in_channels": 16,
    "llama_layers": [0, 1],
    "num_attention_heads": 2,
    "num_routed_experts": 4,
    "num_activated_experts": 2,
    "num_layers": 1,
    "num_single_layers": 1,
    "out_channels": 16,
    "patch_size": 2,
    "text_emb_dim": 12,
}
LUMINA = {
    "image_model": "lumina2",
    "patch_size": 2,
    "in_channels": 16,
    "dim": 48,
    "cap_feat_dim": 16,
    "n_layers": 1,
    "n_refiner_layers": 1,
    "qk_norm": True,
    "n_heads": 2,
    "n_kv_heads": 1,
    "multiple_of": 16,
    "axes_dims": [8, 8, 8],
    "axes_lens": [300, 512, 512],
    "rope_theta": 10000.0,
    "ffn_dim_multiplier": 1.0,
}
# A modulation is as wide as min(dim, 256).
ZIMAGE = {
    **LUMINA,
    "dim": 256,
    "axes_dims": [32, 48, 48],
    "n_kv_heads": 2,
    "rope_theta": 256.0,
    "z_image_modulation": True,
    "time_scale": 1000.0,
    "pad_tokens_multiple": 32,
}
OMNIGEN = {
    "patch_size": 2,
    "in_channels": 16,
    "hidden_size": 48,
    "num_layers": 1,
    "num_refiner_layers": 1,
    "num_attention_heads": 2,
    "num_kv_heads": 1,
    "multiple_of": 16,
    "axes_dim_rope": [8, 8, 8],
    "axes_lens": [1024, 1664, 1664],
    "timestep_scale": 1000.0,
}
HUNYUAN = {
    "image_model": "hunyuan_video",
    "in_channels": 16,
    "out_channels": 16,
    "vec_in_dim": 12,
    "context_in_dim": 16,
    "hidden_size": 32,
    "mlp_ratio": 2.0,
    "num_heads": 2,
    "depth": 1,
    "depth_single_blocks": 1,
    "axes_dim": [4, 6, 6],
    "theta": 256,
    "patch_size": [1, 2, 2],
    "qkv_bias": True,
    "guidance_embed": True,
    "byt5": False,
    "meanflow": False,
    "use_cond_type_embedding": False,
    "vision_in_dim": None,
    "meanflow_sum": False,
}
HUNYUAN_IMAGE = {
    **HUNYUAN,
    "in_channels": 64,
    "out_channels": 64,
    "vec_in_dim": None,
    "patch_size": [1, 1],
    "axes_dim": [8, 8],
    "guidance_embed": False,
}
KANDINSKY = {
    "image_model": "kandinsky5",
    "model_dim": 32,
    "time_dim": 32,
    "ff_dim": 64,
    "in_text_dim": 16,
    "in_text_dim2": 12,
    "visual_embed_dim": 132,
    "axes_dims": (4, 6, 6),
    "num_text_blocks": 1,
    "num_visual_blocks": 1,
}
QWEN = {
    "image_model": "qwen_image",
    "in_channels": 64,
    "num_layers": 1,
    "attention_head_dim": 16,
    "num_attention_heads": 2,
    "joint_attention_dim": 16,
    "axes_dims_rope": (4, 6, 6),
}
COSMOS2 = {
    "image_model": "cosmos_predict2",
    "max_img_h": 240,
    "max_img_w": 240,
    "max_frames": 128,
    "in_channels": 16,
    "out_channels": 16,
    "patch_spatial": 2,
    "patch_temporal": 1,
    "model_channels": 64,
    "concat_padding_mask": True,
    "crossattn_emb_channels": 16,
    "pos_emb_cls": "rope3d",
    "pos_emb_learnable": True,
    "pos_emb_interpolation": "crop",
    "min_fps": 1,
    "max_fps": 30,
    "use_adaln_lora": True,
    "adaln_lora_dim": 16,
    "num_blocks": 1,
    "num_heads": 2,
    "extra_per_block_abs_pos_emb": False,
    "rope_h_extrapolation_ratio": 4.0,
    "rope_w_extrapolation_ratio": 4.0,
    "rope_t_extrapolation_ratio": 1.0,
    "rope_enable_fps_modulation": False,
}


def two_texts(seed: int) -> dict[str, Any]:
    return {
        "attention_mask": attention_mask(),
        "conditioning_mt5xl": noise(1, 10, 24, seed=seed + 50),
        "attention_mask_mt5xl": attention_mask(10),
    }


def reference(*shape: int, **more: Any) -> Any:
    """Options with a picture to go by, as the node ReferenceLatent adds it."""
    return lambda seed: {"reference_latents": [noise(*shape)], **more}


def longer_by_seed(seed: int) -> Tensor:
    return noise(1, 5 + 3 * seed, 16, seed=seed)


SD3_TO_CHROMA = {
    "SD3": Family("SD3", SD3, PLAIN, 8, pooled=12, quick=True),
    "SD3, 3.5 medium": Family(
        "SD3", {**SD3, "qk_norm": "rms", "x_block_self_attn_layers": [0]}, PLAIN, 8, pooled=12
    ),
    "AuraFlow": Family(
        "AuraFlow",
        {
            "cond_seq_dim": 16,
            "dim": 64,
            "n_layers": 2,
            "n_double_layers": 1,
            "n_heads": 4,
            "global_conddim": 64,
            "max_seq": 256,
        },
        OLD,
        8,
    ),
    "PixArtAlpha": Family(
        "PixArtAlpha",
        {**PIXART, "image_model": "pixart_alpha", "micro_condition": True},
        WIDE,
        8,
        options=lambda seed: {"width": 96, "height": 64},
    ),
    "PixArtSigma": Family(
        "PixArtSigma",
        {**PIXART, "image_model": "pixart_sigma", "micro_condition": False},
        WIDE,
        8,
    ),
    # v-prediction, and noise levels that grow threefold at each step.
    "HunyuanDiT": Family(
        "HunyuanDiT",
        {**HUNYUAN_DIT, "image_model": "hydit"},
        OLD,
        8,
        options=two_texts,
        iterations=MANY,
        tolerance=5e-5,
    ),
    "HunyuanDiT1": Family(
        "HunyuanDiT1",
        {**HUNYUAN_DIT, "image_model": "hydit1", "size_cond": True, "use_style_cond": True},
        OLD,
        8,
        options=two_texts,
        iterations=MANY,
        tolerance=8e-5,
    ),
    "Flux": Family(
        "Flux", FLUX, PLAIN, 8, pooled=12, options=lambda seed: {"guidance": 3.5}, quick=True
    ),
    "Flux, Kontext": Family(
        "Flux", FLUX, PLAIN, 8, pooled=12, options=reference(1, 16, 6, 10, guidance=2.5)
    ),
    "Flux, Control": Family(
        "Flux",
        {**FLUX, "in_channels": 32},
        PLAIN,
        8,
        pooled=12,
        options=lambda seed: {"concat_latent_image": noise(1, 16, 8, 12)},
    ),
    "FluxInpaint": Family("FluxInpaint", {**FLUX, "in_channels": 96}, PLAIN, 8, pooled=12),
    "FluxSchnell": Family("FluxSchnell", {**FLUX, "guidance_embed": False}, PLAIN, 8, pooled=12),
    "LongCatImage": Family(
        "LongCatImage",
        {**FLUX, "guidance_embed": False, "vec_in_dim": None, "txt_ids_dims": [1, 2]},
        PLAIN,
        8,
    ),
    "Flux2": Family("Flux2", FLUX2, DEEP, 16),
    "Flux2, reference": Family("Flux2", FLUX2, DEEP, 16, options=reference(1, 128, 4, 5)),
    "Chroma": Family("Chroma", CHROMA, PLAIN, 8),
}

TWO_DIMENSIONS = {
    **SD3_TO_CHROMA,
    "HiDream": Family(
        "HiDream",
        HIDREAM,
        PLAIN,
        8,
        pooled=12,
        options=lambda seed: {"conditioning_llama3": noise(1, 2, 9, 20, seed=seed + 50)},
    ),
    "Lumina2": Family("Lumina2", LUMINA, PLAIN, 8, options=masked),
    "Lumina2, NewBie": Family(
        "Lumina2",
        {**LUMINA, "dim": 256, "axes_dims": [32, 48, 48], "clip_text_dim": 12},
        PLAIN,
        8,
        pooled=12,
        options=masked,
    ),
    "ZImage": Family("ZImage", ZIMAGE, PLAIN, 8),
    "ZImage, prompts of two lengths": Family("ZImage", ZIMAGE, PLAIN, 8, context=longer_by_seed),
    "Omnigen2": Family(
        "Omnigen2",
        {**OMNIGEN, "image_model": "omnigen2", "text_feat_dim": 16},
        PLAIN,
        8,
        options=unmasked,
    ),
    "Omnigen2, reference": Family(
        "Omnigen2",
        {**OMNIGEN, "image_model": "omnigen2", "text_feat_dim": 16},
        PLAIN,
        8,
        options=reference(1, 16, 8, 10, attention_mask=attention_mask(padding=0)),
    ),
    "Boogu": Family(
        "Boogu",
        {
            **OMNIGEN,
            "image_model": "boogu",
            "instruction_feat_dim": 16,
            "num_double_stream_layers": 1,
        },
        PLAIN,
        8,
        options=unmasked,
    ),
    "HunyuanImage21": Family("HunyuanImage21", HUNYUAN_IMAGE, (2, 64, 4, 6), 32),
    "HunyuanImage21, distilled": Family(
        "HunyuanImage21",
        {**HUNYUAN_IMAGE, "guidance_embed": True, "meanflow": True, "byt5": True},
        (2, 64, 4, 6),
        32,
        options=lambda seed: {"conditioning_byt5small": noise(1, 6, 1472, seed=seed)},
        quick=True,
    ),
    "HunyuanImage21Refiner": Family(
        "HunyuanImage21Refiner", None, (1, 32, 1, 8, 12), 16, refused="refines"
    ),
    "Kandinsky5Image": Family(
        "Kandinsky5Image",
        {**KANDINSKY, "visual_embed_dim": 64, "rope_scale_factor": (1.0, 1.0, 1.0)},
        PLAIN,
        8,
        pooled=12,
        options=masked,
    ),
    "ErnieImage": Family(
        "ErnieImage",
        {
            "image_model": "ernie",
            "hidden_size": 32,
            "num_attention_heads": 2,
            "num_layers": 1,
            "ffn_hidden_size": 64,
            "text_in_dim": 16,
            "rope_axes_dim": (4, 6, 6),
        },
        DEEP,
        16,
        quick=True,
    ),
    "Ideogram4": Family(
        "Ideogram4",
        {"image_model": "ideogram4", "num_layers": 1},
        DEEP,
        16,
        late={
            "num_attention_heads": 2,
            "attention_head_dim": 16,
            "intermediate_size": 64,
            "adaln_dim": 16,
            "llm_features_dim": 16,
            "mrope_section": [4, 2, 2],
        },
    ),
    "MageFlow": Family(
        "MageFlow",
        {
            "image_model": "mage_flow",
            "num_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "joint_attention_dim": 16,
            "axes_dims_rope": (4, 6, 6),
        },
        DEEP,
        16,
    ),
    "Lens": Family(
        "Lens",
        {
            "image_model": "lens",
            "num_layers": 1,
            "attention_head_dim": 16,
            "num_attention_heads": 2,
            "enc_hidden_dim": 8,
            "axes_dims_rope": (4, 6, 6),
            "multi_layer_encoder_feature": True,
            "selected_layer_index": (0, 1),
        },
        DEEP,
        16,
        options=masked,
    ),
}

FRAMES = {
    "QwenImage": Family("QwenImage", QWEN, FRAME, 8, options=masked, quick=True),
    "QwenImage, two pictures": Family("QwenImage", QWEN, (2, *FRAME[1:]), 8),
    "QwenImage, edit": Family(
        "QwenImage",
        {**QWEN, "default_ref_method": "index_timestep_zero"},
        FRAME,
        8,
        options=reference(1, 16, 1, 8, 10),
    ),
    "QwenImage, layered": Family(
        "QwenImage",
        {**QWEN, "use_additional_t_cond": True, "default_ref_method": "negative_index"},
        (1, 16, 3, 8, 12),
        8,
    ),
    "Krea2": Family(
        "Krea2",
        {
            "image_model": "krea2",
            "features": 32,
            "tdim": 32,
            "txtdim": 8,
            "heads": 2,
            "kvheads": 1,
            "multiplier": 2,
            "layers": 1,
            "txtlayers": 2,
            "txtheads": 2,
            "txtkvheads": 2,
        },
        FRAME,
        8,
    ),
    "JoyImage": Family(
        "JoyImage",
        {
            "image_model": "joyimage",
            "hidden_size": 32,
            "num_attention_heads": 2,
            "text_dim": 16,
            "num_layers": 1,
        },
        FRAME,
        8,
        late={"rope_dim_list": [4, 6, 6]},
    ),
    # A flow whose noise levels grow as EDM's do.
    "CosmosT2IPredict2": Family("CosmosT2IPredict2", COSMOS2, FRAME, 8, tolerance=2e-5, quick=True),
    "Anima": Family(
        "Anima",
        {**COSMOS2, "image_model": "anima", "crossattn_emb_channels": 1024},
        FRAME,
        8,
        context=1024,
        options=lambda seed: {
            "t5xxl_ids": torch.arange(6) + 10 * seed,
            "t5xxl_weights": torch.ones(6),
        },
    ),
}

IMAGE_TRANSFORMERS = {**TWO_DIMENSIONS, **FRAMES}
