"""What users connect, checked: each mistake becomes one sentence that names the input."""

from typing import Any

import comfy.sample
import torch
from torch import Tensor


def latent_samples(model: Any, latent: dict[str, Any]) -> Tensor:
    """The latent's `samples` as the model takes them, `[B, C, ..., h, w]`.

    Raises ValueError for a latent the model cannot work on.
    """
    samples = latent["samples"]
    if samples.is_nested:
        raise ValueError(
            "latent: it bundles several latents (such as video with sound), which DiffEdit cannot "
            "edit; connect the latent of a picture."
        )
    samples = comfy.sample.fix_empty_latent_channels(
        model,
        samples,
        latent.get("downscale_ratio_spacial"),
        latent.get("downscale_ratio_temporal"),
    )
    channels = model.get_model_object("latent_format").latent_channels
    if samples.shape[1] != channels:
        raise ValueError(
            f"latent: it has {samples.shape[1]} channels and the model works on {channels}; encode "
            "the picture with the VAE that belongs to the model."
        )
    if not samples.isfinite().all():
        raise ValueError(
            "latent: it contains NaN or infinite values; look at the node that made it, often a "
            "VAE running in half precision."
        )
    return samples


def mask_values(mask: Tensor) -> Tensor:
    """The mask as float32 `[B, H, W]` with values in 0..1.

    Raises ValueError for a mask that holds NaN.
    """
    if mask.isnan().any():
        raise ValueError("mask: it contains NaN values; look at the node that made it.")
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def check_conditioning(model: Any, name: str, conditioning: list[Any]) -> None:
    """Raise ValueError where a CONDITIONING was encoded for another kind of model."""
    width = context_width(model)
    for context, _ in conditioning:
        if width and context.shape[-1] != width:
            raise ValueError(
                f"{name}: it was encoded with another model's CLIP (width {context.shape[-1]}, the "
                f"model needs {width}); connect the CLIP that was loaded with the model."
            )


def unconditional(model: Any) -> list[Any]:
    """The CONDITIONING of no prompt at all: a context of zeros, as ConditioningZeroOut makes.

    Raises ValueError for a model that needs more than a context, or one of unknown width.
    """
    width = context_width(model)
    if not width or model.model.adm_channels:
        raise ValueError(
            "conditioning: this kind of model cannot do without one; connect a CLIPTextEncode "
            "with an empty text."
        )
    return [[torch.zeros(1, 77, width), {}]]


def context_width(model: Any) -> int | None:
    """The width of the text context of a UNet model, None where its configuration has no such."""
    return model.model.model_config.unet_config.get("context_dim")


def without_size(latent: dict[str, Any]) -> dict[str, Any]:
    """A copy of the LATENT without the note that an empty latent's size is provisional."""
    return {key: value for key, value in latent.items() if not key.startswith("downscale_ratio")}
