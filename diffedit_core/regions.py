"""The shape of a binary mask: parts, holes and edges.

Masks are bool arrays `[H, W]`. Parts hang together over edges and corners (8-connected), the ground
around them over edges only (4-connected). Distances are Euclidean, between the centres of pixels.
"""

import cv2
import numpy as np
from scipy import ndimage

EDGES_AND_CORNERS = np.ones((3, 3), bool)


def grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """Widen the mask by a disc of `radius` pixels; a negative radius shrinks it.

    What lies outside the picture counts as mask when it shrinks: a mask that reaches the picture's
    border is not eaten from there.
    """
    if radius < 0:
        return ~grow(~mask, -radius)
    return distance(mask) <= radius if radius else mask


def distance(mask: np.ndarray) -> np.ndarray:
    """Pixels from each place to the mask, float32 `[H, W]`; infinite where that is empty."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    ground = (~mask).astype(np.uint8)
    return cv2.distanceTransform(ground, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def opened(mask: np.ndarray, radius: int) -> np.ndarray:
    """Without what is too thin for a disc of `radius` pixels."""
    return grow(grow(mask, -radius), radius)


def closed(mask: np.ndarray, radius: int) -> np.ndarray:
    """With the gaps that are too narrow for a disc of `radius` pixels."""
    return grow(grow(mask, radius), -radius)


def filled(mask: np.ndarray) -> np.ndarray:
    """With the holes: the ground that is cut off from the picture's border."""
    ground = np.pad(~mask, 1, constant_values=True)
    parts, _ = ndimage.label(ground)
    return parts[1:-1, 1:-1] != parts[0, 0]


def touched_by(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The parts of the mask that hold at least one of `seeds` `[H, W]`, places of the mask."""
    parts, count = ndimage.label(mask, EDGES_AND_CORNERS)
    kept = np.zeros(count + 1, bool)
    kept[parts[seeds]] = True
    return kept[parts]


def without_specks(mask: np.ndarray, min_area: float) -> np.ndarray:
    """Without the parts of fewer than `min_area` pixels."""
    parts, areas = _parts(mask)
    kept = areas >= min_area
    kept[0] = False
    return kept[parts]


def largest(mask: np.ndarray, count: int) -> np.ndarray:
    """The `count` largest parts; of equal ones, those that begin further up, then further left."""
    parts, areas = _parts(mask)
    kept = np.zeros(len(areas), bool)
    kept[1 + np.argsort(-areas[1:], kind="stable")[:count]] = True
    return kept[parts]


def _parts(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of each place's part, 0 for the ground, and the area of each part, in pixels.

    Parts are numbered in the order of their first pixel, row by row.
    """
    parts, count = ndimage.label(mask, EDGES_AND_CORNERS)
    return parts, np.bincount(parts.ravel(), minlength=count + 1)
