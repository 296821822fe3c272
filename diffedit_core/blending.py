"""How the edit and the image's own trajectory share a place, level by level."""

from collections.abc import Callable

import torch
from torch import Tensor

MaskMode = Callable[[Tensor, float], Tensor]
"""Given the mask and a level's share of the way up, 0..1, answers the edit's weight there."""


def linear(mask: Tensor, share: float) -> Tensor:
    """A soft mask mixes edit and image at every level."""
    return mask


def differential(mask: Tensor, share: float) -> Tensor:
    """A soft mask says how far down the edit of a place begins (Differential Diffusion, Levin and
    Fried, arXiv 2306.00950): it is edited at the levels whose share is below its value.
    """
    return (mask > share).to(mask)


def blend(background: Tensor, edit: Tensor, weight: Tensor) -> Tensor:
    """`edit` where the weight is 1, `background` where it is 0, and a linear mix between.

    Both ends are exact to the bit, whatever the other side holds.
    """
    mixed = torch.lerp(background, edit, weight.to(background))
    return torch.where(weight > 0, mixed, background)
