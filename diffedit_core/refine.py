"""From a soft mask to a clean one, in three stages.

1. `gray_mask`: blur, move the edges to the picture's, round to 8 bits.
2. `binary_mask`: threshold, then clean up. Each mask by itself, so that the editor can do the same
   to the same gray values (web/binary_mask.js) and show the result before the next run.
3. `finish`: combine with another mask, invert, feather.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import morphology
from .guided_filter import guided_filter
from .thresholds import find_threshold


@dataclass(frozen=True)
class Refinement:
    """The settings of the first two stages, in the order in which they act.

    The defaults are the rule by which DiffEdit Mask, DiffEdit and Mask Refine make a mask of a heat
    map; each setting at 0 or False does nothing.

    blur: standard deviation of a Gaussian kernel, in pixels, which removes specks and smooths
    edges.  snap: the radius of `guided_filter`, in pixels, where there is a picture: the mask takes
    on its edges within about that distance; the default, three cells of the latent, reaches the
    edge that a heat map means.  method, threshold: see `thresholds.find_threshold`.  hysteresis:
    down to 1 - hysteresis times the threshold a pixel is foreground too, if it is connected to one
    above the threshold.  open, close: radius of an opening and a closing, in pixels.  fill_holes:
    add what the foreground encloses.  min_area: remove connected components smaller than this, in
    percent of the picture.  keep_largest: keep so many connected components.  grow: radius of a
    dilation, in pixels, of an erosion where it is negative.
    """

    blur: float = 2.0
    snap: int = 24
    method: str = "otsu"
    threshold: float = 0.5
    hysteresis: float = 0.0
    open: int = 0
    close: int = 0
    fill_holes: bool = True
    min_area: float = 0.0
    keep_largest: int = 0
    grow: int = 0


DEFAULT = Refinement()

Combination = Literal["add", "subtract", "intersect"]


def refined_mask(
    mask: Tensor, settings: Refinement = DEFAULT, picture: Tensor | None = None
) -> Tensor:
    """Return the clean mask of each soft mask `[B, H, W]`: float32 zeros and ones, on the CPU.

    picture: see `gray_mask`.
    """
    gray = gray_mask(mask, settings, picture)
    return torch.from_numpy(np.stack([binary_mask(one, settings) for one in gray])).float()


def gray_mask(
    mask: Tensor, settings: Refinement = DEFAULT, picture: Tensor | None = None
) -> np.ndarray:
    """Return the soft mask `[B, H, W]`, 0..1, ready for the threshold: uint8 `[B, H, W]`.

    picture: `[B, H, W, 3]` in 0..1, whose edges the mask takes on.  A mask of two values has edges
    of its own: it is neither blurred nor moved.
    """
    guides = [None] * len(mask) if picture is None else picture.float().cpu().numpy()
    soft = [
        one if _has_two_values(one) else _softened(one, settings, guide)
        for one, guide in zip(mask.float().cpu().numpy(), guides, strict=True)
    ]
    return np.rint(255 * np.stack(soft)).astype(np.uint8)


def _has_two_values(mask: np.ndarray) -> bool:
    """Whether the mask has its edges already, as a painted one has."""
    return bool(((mask == mask.min()) | (mask == mask.max())).all())


def _softened(mask: np.ndarray, settings: Refinement, guide: np.ndarray | None) -> np.ndarray:
    blurred = _blurred(mask, settings.blur)
    if guide is None or not settings.snap:
        return blurred
    return guided_filter(blurred, guide, radius=settings.snap)


def binary_mask(gray: np.ndarray, settings: Refinement = DEFAULT) -> np.ndarray:
    """Return the binary mask, bool `[H, W]`, of the gray values, uint8 `[H, W]`.

    An empty mask stays empty, by any method.
    """
    threshold = find_threshold(gray, settings.method, settings.threshold)
    mask = gray > 255 * threshold
    if settings.hysteresis:
        wider = gray > 255 * ((1 - settings.hysteresis) * threshold)
        mask = morphology.reconstruct(wider, seeds=mask)
    if settings.open:
        mask = morphology.opening(mask, settings.open)
    if settings.close:
        mask = morphology.closing(mask, settings.close)
    if settings.fill_holes:
        mask = morphology.fill_holes(mask)
    if settings.min_area:
        mask = morphology.remove_small(mask, settings.min_area / 100 * mask.size)
    if settings.keep_largest:
        mask = morphology.largest(mask, settings.keep_largest)
    return morphology.grow(mask, settings.grow)


def finish(
    binary: np.ndarray,
    other: Tensor | None = None,
    combine: Combination = "add",
    invert: bool = False,
    feather: float = 0.0,
) -> Tensor:
    """Combine the masks, bool `[B, H, W]`, with `other`, then invert them, then feather them.

    other: `[B, h, w]` in 0..1, or `[1, h, w]` for all; it is brought to the size of the masks.
    feather: standard deviation of a Gaussian kernel, in pixels; 0 for a hard edge.

    Returns float32 `[B, H, W]`, 0..1, on the CPU.
    """
    mask = torch.from_numpy(binary).float()
    if other is not None:
        other = F.interpolate(other.float().cpu()[:, None], mask.shape[-2:], mode="area")[:, 0]
        if combine == "add":
            mask = torch.maximum(mask, other)
        elif combine == "subtract":
            mask = torch.minimum(mask, 1 - other)
        else:
            mask = torch.minimum(mask, other)
    if invert:
        mask = 1 - mask
    feathered = np.stack([_blurred(one, feather) for one in mask.numpy()])
    return torch.from_numpy(feathered).clamp(0, 1)


def _blurred(mask: np.ndarray, standard_deviation: float) -> np.ndarray:
    """A Gaussian blur of `[H, W]`; beyond the border its last pixels go on."""
    if standard_deviation == 0:
        return mask
    return cv2.GaussianBlur(mask, (0, 0), standard_deviation, borderType=cv2.BORDER_REPLICATE)
