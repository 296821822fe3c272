"""UNets, and the two stages of Stable Cascade."""

from __future__ import annotations

from typing import Any

import torch

from tests.families.family import MANY, Family, noise

LATENT, FRAMES = (2, 4, 8, 12), (3, 4, 8, 12)


def unet(channels: int, **different: Any) -> dict[str, Any]:
    return {
        "image_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "model_channels": channels,
        "channel_mult": [1, 1],
        "num_res_blocks": [1, 1],
        "transformer_depth": [0, 1],
        "transformer_depth_output": [0, 0, 1, 1],
        "transformer_depth_middle": 1,
        "use_spatial_transformer": True,
        "use_linear_in_transformer": True,
        "context_dim": 16,
        "legacy": False,
        "adm_in_channels": None,
        **different,
    }


def classes(channels: int) -> dict[str, Any]:
    """The arguments of a UNet that takes so many numbers beside the text."""
    return {"adm_in_channels": channels, "num_classes": "sequential"}


# Numbers of the picture's size, 256 wide each, go along with 12 of the pooled text.
XL = unet(64, **classes(12 + 6 * 256))


def frames(numbers: int) -> dict[str, Any]:
    """The arguments of a UNet of videos, whose frames are a batch."""
    return unet(
        64,
        in_channels=8,
        use_temporal_attention=True,
        use_temporal_resblock=True,
        extra_ff_mix_layer=True,
        use_spatial_context=True,
        merge_strategy="learned_with_images",
        video_kernel_size=[3, 1, 1],
        **classes(numbers),
    )


def picture(seed: int) -> dict[str, Any]:
    """What nodes such as InstructPixToPixConditioning add: the latent of a picture."""
    return {"concat_latent_image": noise(1, 4, 8, 12)}


def orbit(seed: int) -> dict[str, Any]:
    """What SV3D_Conditioning adds: from where each frame is seen."""
    return {**picture(seed), "elevation": [0, 5, 10], "azimuth": [0, 90, 180]}


def sd(config: str, network: dict[str, Any] | None, **different: Any) -> Family:
    # Noise of more than twice the latent: float32 counts for more than in a flow.
    return Family(config, network, LATENT, 8, **{"tolerance": 5e-6, **different})


def xl(config: str, network: dict[str, Any] = XL, **different: Any) -> Family:
    return sd(config, network, pooled=12, **different)


def video(config: str, numbers: int, **different: Any) -> Family:
    # Noise levels grow thirteenfold at each step, for which even MANY are few.
    hard = {"iterations": MANY, "tolerance": 6e-4}
    return Family(config, frames(numbers), FRAMES, 8, tokens=1, **hard, **different)


UNETS = {
    "SD15": sd("SD15", unet(32), quick=True),
    "SD15, inpainting": sd("SD15", unet(32, in_channels=9)),
    "SD15_instructpix2pix": sd("SD15_instructpix2pix", unet(32, in_channels=8), options=picture),
    "Stable_Zero123": sd(
        "Stable_Zero123",
        unet(32, in_channels=8),
        context=20,  # a picture's embedding and a pose, which the model itself projects
        tokens=1,
        options=picture,
        checkpoint={
            "cc_projection.weight": noise(16, 20) / 20**0.5,
            "cc_projection.bias": torch.zeros(16),
        },
    ),
    # The others below whose tolerance is their own: v-prediction and EDM, see MANY.
    "SD20, v-prediction": sd(
        "SD20",
        unet(64),
        checkpoint={"output_blocks.11.1.transformer_blocks.0.norm1.bias": torch.tensor([-1, 1.0])},
        tolerance=3e-5,
        quick=True,
    ),
    "SD21UnclipL": sd("SD21UnclipL", unet(64, **classes(1536))),
    "SD21UnclipH": sd("SD21UnclipH", unet(64, **classes(2048))),
    "SDXL": xl("SDXL"),
    "SDXL, inpainting": xl("SDXL", {**XL, "in_channels": 9}),
    "SDXL, v-prediction to zero SNR": xl(
        "SDXL",
        checkpoint={"v_pred": torch.tensor(1.0), "ztsnr": torch.tensor(1.0)},
        tolerance=3e-5,
    ),
    "SDXL, CosXL": xl(
        "SDXL",
        checkpoint={
            "edm_vpred.sigma_max": torch.tensor(120.0),
            "edm_vpred.sigma_min": torch.tensor(0.002),
        },
        iterations=MANY,
        tolerance=3e-5,
        quick=True,
    ),
    "SDXL, Playground": xl(
        "SDXL",
        checkpoint={"edm_mean": torch.zeros(4), "edm_std": torch.ones(4)},
        iterations=MANY,
        tolerance=6e-5,
        quick=True,
    ),
    "SDXL_instructpix2pix": xl("SDXL_instructpix2pix", {**XL, "in_channels": 8}, options=picture),
    "SDXLRefiner": xl("SDXLRefiner", unet(64, **classes(12 + 5 * 256))),
    # The same network, with fewer of the transformers that a small one has none of.
    "SSD1B": xl("SSD1B"),
    "KOALA_700M": xl("KOALA_700M"),
    "KOALA_1B": xl("KOALA_1B"),
    "Segmind_Vega": xl("Segmind_Vega"),
    "SD_X4Upscaler": Family(
        "SD_X4Upscaler",
        unet(
            64,
            in_channels=7,
            channel_mult=[1, 1, 1, 1],
            num_res_blocks=[1, 1, 1, 1],
            transformer_depth=[0, 1, 1, 1],
            transformer_depth_output=[0, 0, 1, 1, 1, 1, 1, 1],
        ),
        (2, 4, 8, 16),
        4,
        options=lambda seed: {"concat_image": noise(1, 3, 8, 16), "noise_augmentation": 0.0},
        iterations=MANY,
        tolerance=3e-5,
    ),
    "SVD_img2vid": video("SVD_img2vid", 768, options=picture),
    "SV3D_u": video("SV3D_u", 256, options=picture),
    "SV3D_p": video("SV3D_p", 1280, options=orbit),
    "Stable_Cascade_C": Family(
        "Stable_Cascade_C",
        {
            "stable_cascade_stage": "c",
            "c_cond": 32,
            "c_hidden": [32, 32],
            "nhead": [2, 2],
            "blocks": [[1, 1], [1, 1]],
            "c_clip_text": 16,
            "c_clip_text_pooled": 12,
        },
        (2, 16, 8, 12),
        32,
        options=lambda seed: {"pooled_output": noise(1, 1, 12, seed=seed)},
        quick=True,
    ),
    "Stable_Cascade_B": Family(
        "Stable_Cascade_B",
        {
            "stable_cascade_stage": "b",
            "c_cond": 32,
            "c_hidden": [16, 32, 32, 32],
            "nhead": [-1, -1, 2, 2],
            "blocks": [[1, 1, 1, 1], [1, 1, 1, 1]],
            "block_repeat": [[1, 1, 1, 1], [1, 1, 1, 1]],
            "c_clip": 12,
        },
        (2, 4, 16, 24),
        4,
        options=lambda seed: {
            "pooled_output": noise(1, 1, 12, seed=seed),
            "stable_cascade_prior": noise(1, 16, 2, 3),
        },
    ),
    "LotusD": sd("LotusD", None, refused="turns one picture into another"),
}
