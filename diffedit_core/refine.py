"""From a soft mask to a clean one, in a fixed order of three stages.

1. `soft_levels`: blur, snap to the edges of the picture, then round to 256 levels.
2. `binary_stage`: cut, then clean up. Each mask by itself, so that the editor can do the same to
   the same levels (web/binary_stage.js) and show the result before the next run.
3. `finish`: combine with another mask, invert, feather.
"""

from typing import Literal

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import regions
from .guided_filter import guided_filter
from .thresholds import find_cut

# What suits a heat map, in pixels: three cells of the latent hold the edge that it means.
BLUR, SNAP = 2.0, 24


def soft_levels(
    mask: Tensor, blur: float = 0.0, picture: Tensor | None = None, snap: int = 0
) -> np.ndarray:
    """The mask `[B, H, W]`, 0..1, made ready for the cut: uint8 `[B, H, W]`, 255 for 1.0.

    blur: standard deviation in pixels of a Gaussian, which lets single specks sink and rugged
    edges flow together.  picture, snap: `[B, H, W, 3]` in 0..1; the mask takes on its edges, within
    about so many pixels, see `guided_filter`; 0 is off.
    """
    soft = [_blurred(one, blur) for one in mask.float().cpu().numpy()]
    if picture is not None and snap:
        guides = picture.float().cpu().numpy()
        soft = [guided_filter(*pair, snap) for pair in zip(soft, guides, strict=True)]
    return np.rint(255 * np.stack(soft)).astype(np.uint8)


def automatic_mask(heat_map: Tensor, picture: Tensor | None = None) -> Tensor:
    """The mask of a heat map `[B, H, W]` with Mask Refine's defaults: float32 zeros and ones."""
    levels = soft_levels(heat_map, BLUR, picture, SNAP)
    masks = [binary_stage(one, method="otsu", fill_holes=True) for one in levels]
    return torch.from_numpy(np.stack(masks)).float()


def binary_stage(
    levels: np.ndarray,
    *,
    method: str = "otsu",
    threshold: float = 0.5,
    hysteresis: float = 0.0,
    open: int = 0,
    close: int = 0,
    fill_holes: bool = True,
    min_area: float = 0.0,
    keep_largest: int = 0,
    grow: int = 0,
) -> np.ndarray:
    """Make a binary mask, bool `[H, W]`, of the levels `[H, W]`, in the order of the arguments.

    method, threshold: where to cut, see `thresholds.find_cut`.  hysteresis: down to 1 - hysteresis
    times the cut, a place is also in if it hangs together with one above the cut.  open, close:
    radius of a disc, see `regions`.  min_area: in percent of the picture.  keep_largest: how many
    parts, 0 for all.  grow: pixels, negative to shrink.

    An empty mask stays empty, by any method.
    """
    cut = find_cut(levels, method, threshold)
    mask = levels > 255 * cut
    if hysteresis:
        mask = regions.touched_by(levels > 255 * ((1 - hysteresis) * cut), seeds=mask)
    if open:
        mask = regions.opened(mask, open)
    if close:
        mask = regions.closed(mask, close)
    if fill_holes:
        mask = regions.filled(mask)
    if min_area:
        mask = regions.without_specks(mask, min_area / 100 * mask.size)
    if keep_largest:
        mask = regions.largest(mask, keep_largest)
    return regions.grow(mask, grow)


def finish(
    binary: np.ndarray,
    other: Tensor | None = None,
    combine: Literal["add", "subtract", "intersect"] = "add",
    invert: bool = False,
    feather: float = 0.0,
) -> Tensor:
    """Combine the masks, bool `[B, H, W]`, with `other`, then invert them, then feather them.

    other: `[B, h, w]` in 0..1, or `[1, h, w]` for all; it is brought to the size of the masks.
    feather: standard deviation in pixels of a Gaussian, 0 for a hard edge.

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


def _blurred(mask: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian of `sigma` pixels over `[H, W]`; beyond the border its last pixels go on."""
    if sigma == 0:
        return mask
    return cv2.GaussianBlur(mask, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
