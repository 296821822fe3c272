"""How the edit and the image's own trajectory are blended at each noise level."""

from collections.abc import Callable

import torch
from torch import Tensor

MaskMode = Callable[[Tensor, float], Tensor]
"""Given the mask and the fraction of the trajectory that remains to be sampled, 1 at its top and 0
at the image, returns the edit's blend weight there."""


def linear(mask: Tensor, remaining: float) -> Tensor:
    """A soft mask is itself the blend weight, at every step."""
    return mask


def differential(mask: Tensor, remaining: float) -> Tensor:
    """A soft mask says how late the edit of a place begins (Differential Diffusion, Levin and
    Fried, arXiv 2306.00950): when the remaining fraction falls below the mask's value.
    """
    return (mask > remaining).to(mask)


def blend(background: Tensor, edit: Tensor, weight: Tensor) -> Tensor:
    """Return `edit` where the blend weight is 1, `background` where it is 0, a linear mix between.

    Both ends are exact to the bit, whatever the other side holds.
    """
    mixed = torch.lerp(background, edit, weight.to(background))
    return torch.where(weight > 0, mixed, background)
