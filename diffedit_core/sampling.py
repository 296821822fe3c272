"""Masked DDIM decoding: the edit inside the mask, the image's own trajectory outside.

Step 3 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .denoiser import Denoiser, StepCallback


def masked_decode(
    denoiser: Denoiser,
    trajectory: Tensor,
    sigmas: Sequence[float],
    mask: Tensor,
    callback: StepCallback | None = None,
) -> Tensor:
    """Step down from the top of the trajectory under "positive", inside the mask.

    trajectory: `[levels, B, C, ...]`, the latent at each of the levels `sigmas`, which rise from
    0.  mask: broadcasts against `[B, C, ...]`, 0 keeps the image and 1 edits it.

    After each step the part outside the mask is put back from the trajectory at the level just
    reached.  Returns `[B, C, ...]`; where the mask is 0 it is `trajectory[0]`, bit for bit.
    """
    x = trajectory[-1]
    for level in range(len(sigmas) - 1, 0, -1):
        sigma_from, sigma_to = sigmas[level], sigmas[level - 1]
        (denoised,) = denoiser.denoise(x, sigma_from, ("positive",))
        x = denoised + (x - denoised) * (sigma_to / sigma_from)
        x = blend(trajectory[level - 1], x, mask)
        if callback:
            callback(len(sigmas) - 1 - level, denoised, x)
    return x


def blend(background: Tensor, edit: Tensor, mask: Tensor) -> Tensor:
    """`edit` where the mask is 1, `background` where it is 0, and a linear mix between.

    Both ends are exact to the bit, whatever the other side holds.
    """
    mixed = torch.lerp(background, edit, mask.to(background))
    return torch.where(mask > 0, mixed, background)
