"""From a soft mask to a clean one: blur, threshold, fill holes, grow, in this order.

Masks are float32 tensors `[B, H, W]` or `[H, W]` with values in 0..1; sizes are in their pixels.
Each mask of a batch is refined by itself.
"""

from typing import Literal

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

BINS = 256


def refine(
    mask: Tensor,
    method: Literal["otsu", "value"] = "otsu",
    threshold: float = 0.5,
    blur: float = 0.0,
    fill_holes: bool = True,
    grow: int = 0,
) -> Tensor:
    """Make a binary mask of any mask.

    blur: standard deviation of a Gaussian over the soft mask, which lets single specks sink and
    rugged edges flow together.  method: cut at the level that `otsu_threshold` finds for each
    mask, or at `threshold` (0..1; what lies above it is in).  fill_holes: also take in whatever
    the mask encloses.  grow: widen the mask by this many pixels on all sides.

    Returns float32 `[B, H, W]` of zeros and ones on the CPU.  An empty mask stays empty.
    """
    masks = mask.detach().to("cpu", torch.float32).reshape(-1, *mask.shape[-2:]).numpy()
    refined = [_refine_one(soft, method, threshold, blur, fill_holes, grow) for soft in masks]
    return torch.from_numpy(np.stack(refined)).float()


def otsu_threshold(soft: np.ndarray) -> float:
    """The level that parts the values into the two most distinct groups.

    Otsu, "A threshold selection method from gray-level histograms", 1979: the cut with the largest
    variance between the groups.  soft: values in 0..1.  Where all values fall into one bin there
    are no two groups, and the answer is 0.5.

    The roots of the values are parted: differences of noise predictions scatter the more the
    larger they are, and with the values themselves the cut climbs up into the object.
    """
    counts, edges = np.histogram(np.sqrt(soft), bins=BINS, range=(0.0, 1.0))
    if np.count_nonzero(counts) < 2:
        return 0.5
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = soft.size - below
    sum_below = np.cumsum(counts * centres)[:-1]
    sum_above = np.sum(counts * centres) - sum_below
    means_apart = sum_below / np.maximum(below, 1) - sum_above / np.maximum(above, 1)
    return float(edges[1 + np.argmax(below * above * means_apart**2)]) ** 2


def _refine_one(
    soft: np.ndarray, method: str, threshold: float, blur: float, fill_holes: bool, grow: int
) -> np.ndarray:
    soft = ndimage.gaussian_filter(soft, blur, mode="nearest")
    cut = otsu_threshold(soft) if method == "otsu" else threshold
    binary = soft > cut
    if fill_holes:
        binary = ndimage.binary_fill_holes(binary)
    if grow and binary.any():
        binary = ndimage.distance_transform_edt(~binary) <= grow
    return binary
