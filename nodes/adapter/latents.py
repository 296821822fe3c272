"""LATENTs, and MASKs at their size, as the model takes them."""

from typing import Any

import comfy.sample
import torch
from torch import Tensor

from ...diffedit_core.sizes import latent_frames, latent_sized
from . import model_facts
from .checks import check_count


def latent_samples(model: Any, latent: dict[str, Any]) -> Tensor:
    """Return the latent's `samples` as the model takes them, `[B, C, ..., h, w]`.

    Raises ValueError for a model that DiffEdit cannot use, or a latent that the model cannot.
    """
    model_facts.check_model(model)
    samples = latent["samples"]
    if samples.is_nested:
        raise ValueError(
            "latent: it bundles several latents (such as video with sound), which DiffEdit cannot "
            "edit; connect the latent of a picture."
        )
    # Those that this version of ComfyUI puts on an empty latent, and takes here.
    ratios = {key: value for key, value in latent.items() if key.startswith("downscale_ratio")}
    samples = comfy.sample.fix_empty_latent_channels(model, samples, **ratios)
    dimensions = 2 + model_facts.latent_dimensions(model)
    if samples.ndim != dimensions:
        raise ValueError(
            f"latent: it has {samples.ndim} dimensions and the model works on {dimensions}; a "
            "model of pictures needs the latent of a picture, one of videos that of a video."
        )
    channels = model_facts.latent_channels(model)
    if samples.shape[1] != channels:
        raise ValueError(
            f"latent: it has {samples.shape[1]} channels and the model works on {channels}; encode "
            "the picture with the VAE that belongs to the model."
        )
    return samples


def without_size(latent: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of the LATENT without the note that an empty latent's size is provisional."""
    return {key: value for key, value in latent.items() if not key.startswith("downscale_ratio")}


def with_source_outside(edited: Tensor, source: Tensor, weight: Tensor) -> Tensor:
    """Return edited samples with the source's own, bit for bit, where the weight is 0: the model's
    scale and back again has rounded them.
    """
    return torch.where(weight.to(edited.device) > 0, edited, source.to(edited.device))


def latent_mask(model: Any, mask: Tensor, samples: Tensor) -> Tensor:
    """Return the MASK at the latent's size, shaped to broadcast against `samples`
    `[B, C, ..., h, w]`.

    Raises ValueError where there is neither one mask for all, nor one for each picture or video,
    nor one for each frame of a video.
    """
    mask = latent_sized(mask, samples.shape[-2:])
    others = "pictures"
    every = model_facts.frames_per_latent_frame(model)
    if samples.ndim == 5 and every:
        frames = 1 + every * (samples.shape[2] - 1)
        if len(mask) == frames and len(mask) not in (1, len(samples)):
            return latent_frames(mask, every)[None, None]
        others = f"videos of {frames} frames"
    check_count("mask", "mask", len(mask), len(samples), others)
    return mask.reshape(len(mask), *[1] * (samples.ndim - 3), *mask.shape[-2:])
