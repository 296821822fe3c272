"""Recipes: how published implementations make a heat map and a mask of the same differences.

| recipe | heat map | mask | source |
|---|---|---|---|
| auto | extremes removed, scaled to 0..1 | `refine` with its defaults | this pack |
| paper | extremes removed, stretched to 0..1 | above 0.5 | Couairon et al., arXiv 2210.11427, 3.2 |
| diffusers | clamped at 3 times the mean, scaled to 0..1 | above 0.5 | its DiffEdit pipeline |
| blog | stretched to 0..1 | above 0.1 | blog.scottlogic.com/2023/12/13/diffedit.html |
"""

from dataclasses import dataclass

import torch
from torch import Tensor

# The fraction of cells that count as extreme: single cells, not things. The paper gives no number.
EXTREMES = 0.005


@dataclass(frozen=True)
class Recipe:
    """How to scale a difference map to a heat map in 0..1, and its threshold.

    clamp: white is this many times the image's mean, and what lies above it is white too; 0 puts
    white at the largest difference.  extremes: instead of the largest difference take the
    percentile that leaves out this fraction (and so for the smallest, with stretch); 0 to below
    0.5.  stretch: black is the smallest difference instead of none.  threshold: what is lighter is
    foreground; None leaves the mask to `refine`.
    """

    clamp: float = 0.0
    extremes: float = 0.0
    stretch: bool = False
    threshold: float | None = None


RECIPES = {
    "auto": Recipe(extremes=EXTREMES),
    "paper": Recipe(extremes=EXTREMES, stretch=True, threshold=0.5),
    "diffusers": Recipe(clamp=3.0, threshold=0.5),
    "blog": Recipe(stretch=True, threshold=0.1),
}


def heat_map(differences: Tensor, recipe: Recipe) -> Tensor:
    """Return each image's map of differences `[B, H, W]` scaled to 0..1, by itself.

    differences: not negative.  An all-zero map stays all zero.
    """
    places = differences.flatten(1)
    if recipe.clamp:
        white = recipe.clamp * places.mean(1)
    else:
        white = places.quantile(1 - recipe.extremes, dim=1)
    black = places.quantile(recipe.extremes, dim=1) if recipe.stretch else torch.zeros_like(white)
    black, white = black[:, None, None], white[:, None, None]
    return torch.where(white > black, ((differences - black) / (white - black)).clamp(0, 1), 0.0)
