"""Pasting an edit into the picture it was made of, with every other pixel as it was."""

import numpy as np
import torch
from torch import Tensor

from .morphology import distance

RIM = 8
"""How far around the mask, in pixels, the two pictures are compared: one cell of the latent."""


def paste(original: Tensor, edited: Tensor, mask: Tensor, feather: int) -> Tensor:
    """Return the original with the edit in it where the mask is.

    original: `[H, W, C]` in 0..1, with at least three channels; more, such as alpha, stay.  edited:
    `[H, W, 3]` in 0..1.  mask: `[H, W]` in 0..1.  feather: see `blend_weight`.

    An autoencoder shifts the colours of what it decodes: so much as they differ beside the mask,
    where nothing was edited, they are taken back.

    Where the mask is 0 the picture returned is the original, bit for bit.
    """
    matched = (edited + colour_difference(original[..., :3], edited, mask)).clamp(0, 1)
    return composite(original, matched, blend_weight(mask, feather))


def composite(original: Tensor, edited: Tensor, weight: Tensor) -> Tensor:
    """Return the original `[H, W, C]` with the edit `[H, W, 3]` in it by its weight `[H, W]`, from
    0 to 1; where that is 0 it is the original, bit for bit.
    """
    weight, colours = weight[..., None], original[..., :3]
    pasted = original.clone()
    pasted[..., :3] = torch.where(weight > 0, torch.lerp(colours, edited, weight), colours)
    return pasted


def blend_weight(mask: Tensor, feather: int) -> Tensor:
    """Return the mask `[H, W]`, faded out towards its edge over `feather` pixels, all inside it."""
    inside = (mask > 0).numpy()
    depth = torch.from_numpy(distance(~inside))
    return mask * (depth / (feather + 1)).clamp(max=1)


def colour_difference(original: Tensor, edited: Tensor, mask: Tensor) -> Tensor:
    """Return by how much the original's colours `[H, W, 3]` differ beside the mask from the edit's:
    `[3]`, the median over the RIM; 0 where there is none.
    """
    away = distance((mask > 0).numpy())
    rim = torch.from_numpy((away > 0) & (away <= RIM))
    if not rim.any():
        return original.new_zeros(3)
    return torch.from_numpy(np.median((original - edited)[rim].numpy(), axis=0))
