"""DiffEdit's mask: where the predictions for two prompts differ.

Step 1 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .denoiser import Denoiser, StepCallback
from .noise import noise_like

# A mean difference below this share of the prediction itself is rounding, not meaning.
ROUNDING = 1e-4

# The share of places that count as extreme: single cells, not things.
EXTREMES = 0.005


def difference_map(
    denoiser: Denoiser,
    latent: Tensor,
    sigma: float,
    draws: int,
    seed: int,
    indices: Sequence[int] | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """How much the predictions under "source" and "positive" differ at each place of each image.

    latent: `[B, C, ..., H, W]`; sigma: the noise level to compare at, above 0; draws: how many
    noises to average over, at least 1; seed, indices: see `noise_like`.

    Returns `[B, H, W]`, not negative, all zero for an image that both prompts predict alike: the
    mean of `|source - positive|` over draws, channels and whatever lies between them and H, W.
    Costs two evaluations an image and draw: with equal negative prompts guidance would only scale
    the map, and `soft_mask` takes any scale out again.
    """
    difference = torch.zeros_like(latent)
    magnitude = torch.zeros_like(latent)
    for draw in range(draws):
        noise = noise_like(latent, seed, draw, indices)
        x = denoiser.noise_scaling(sigma, noise, latent)
        source, positive = denoiser.denoise(x, sigma, ("source", "positive"))
        difference += (positive - source).abs() / draws
        magnitude += source.abs() / draws
        if callback:
            callback(draw, positive, x)
    is_rounding = _image_mean(difference) <= ROUNDING * _image_mean(magnitude)
    difference = difference.masked_fill(is_rounding, 0.0)
    return difference.mean(dim=tuple(range(1, difference.ndim - 2)))


def soft_mask(difference: Tensor) -> Tensor:
    """Bring each image's difference map to 0..1 as section 3.2 does: extremes removed, then scaled.

    difference: `[B, H, W]`, not negative.  Each image is scaled by itself; an all-zero map stays
    all zero.
    """
    limit = difference.flatten(1).quantile(1 - EXTREMES, dim=1)[:, None, None]
    return torch.where(limit > 0, (difference / limit).clamp(max=1), 0.0)


def binary_mask(difference: Tensor) -> Tensor:
    """Where a difference map `[B, H, W]` is above 1.5 times its image's mean: diffusers' rule."""
    return (difference > 1.5 * _image_mean(difference)).to(difference)


def image_sized(mask: Tensor, factor: int, mode: str) -> Tensor:
    """Enlarge a latent-sized mask `[B, h, w]` to the image's size `[B, h*factor, w*factor]`.

    mode: "bilinear" for a soft mask, "nearest" for a binary one, which `latent_sized` then brings
    back unchanged.
    """
    return F.interpolate(mask[:, None], scale_factor=factor, mode=mode)[:, 0]


def latent_sized(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Bring a mask `[B, H, W]` of any size to `size` `(h, w)`: the mean over each cell's area."""
    return F.interpolate(mask[:, None], size=tuple(size), mode="area")[:, 0]


def _image_mean(values: Tensor) -> Tensor:
    """The mean of each image of `[B, ...]`, shaped to broadcast against it."""
    return values.mean(dim=tuple(range(1, values.ndim)), keepdim=True)
