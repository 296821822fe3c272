"""Which of two edits each place belongs to, so that several can be made in one pass."""

import numpy as np
import torch
from torch import Tensor

from .morphology import distance


def first_region(mask_a: Tensor, mask_b: Tensor, heat_a: Tensor, heat_b: Tensor) -> Tensor:
    """Return the region of the first of two edits, bool `[B, H, W]`; the rest is the second's.

    A place goes to the edit whose mask is nearer, by Euclidean distance (a Voronoi partition).
    Where both masks cover it, it goes to the edit with more heat, and of equal ones to the first.

    mask_a, mask_b: `[B, H, W]`, on the CPU; above 0 is covered.  heat_a, heat_b: `[B, H, W]`.
    """
    distance_a, distance_b = _distances(mask_a), _distances(mask_b)
    stronger = (distance_a == distance_b) & (heat_a >= heat_b)
    return (distance_a < distance_b) | stronger


def _distances(mask: Tensor) -> Tensor:
    """The distance of each pixel of `[B, H, W]` to its mask; infinite where that is empty."""
    return torch.from_numpy(np.stack([distance(one) for one in mask.numpy() > 0]))
