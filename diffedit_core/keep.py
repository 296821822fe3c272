"""What an edit made elsewhere has changed, in the original picture, and nothing else of it."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .alignment import alignment, warped
from .colour_match import match_colours
from .paste import blend_weight, composite
from .picture_difference import picture_difference
from .refine import DEFAULT, Refinement, refined_mask


class Kept(NamedTuple):
    """The original `[H, W, C]` with the edit in it, the mask of what has changed and the heat map
    that it was made of, both `[H, W]` in 0..1, and the whole edit over the original, in its
    colours, `[H, W, 3]`: where the edit does not reach it is the original.
    """

    image: Tensor
    mask: Tensor
    heat_map: Tensor
    aligned: Tensor


def keep_the_rest(
    original: Tensor,
    edited: Tensor,
    refinement: Refinement = DEFAULT,
    feather: int = 0,
    matrix: np.ndarray | None = None,
) -> Kept:
    """Return the original with what has changed in the edit; where the mask is 0, bit for bit.

    original: `[H, W, C]` in 0..1, with at least three channels; more, such as alpha, stay.  edited:
    `[h, w, 3]` in 0..1, of any size.  feather: see `paste.blend_weight`.  matrix: where the edit
    lies, if that is known; see `alignment`, which else finds it.

    Raises ValueError where the two have too little in common.
    """
    before, after = (np.ascontiguousarray(one[..., :3].numpy()) for one in (original, edited))
    if matrix is None:
        matrix = alignment(before, after)
    matched = match_colours(before, warped(after, matrix, before.shape[1::-1]))
    heat_map = torch.from_numpy(picture_difference(before, matched))
    aligned = torch.from_numpy(np.where(np.isfinite(matched), matched, before))
    mask = _outlined(heat_map, refinement, original[..., :3], aligned)
    image = composite(original, aligned, blend_weight(mask, feather))
    return Kept(image, mask, heat_map, aligned)


def _outlined(heat_map: Tensor, refinement: Refinement, *pictures: Tensor) -> Tensor:
    """The mask of a heat map with the outlines of what any of the pictures shows there: of the old
    thing as well as the new one.
    """
    masks = [refined_mask(heat_map[None], refinement, one[None]) for one in pictures]
    return torch.cat(masks).amax(0)
