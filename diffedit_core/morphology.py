"""Binary morphology with discs, and connected components.

Masks are bool arrays `[H, W]`.  The foreground is 8-connected (over edges and corners), the
background 4-connected (over edges only).  Distances are Euclidean, between the centres of pixels.
"""

import cv2
import numpy as np
from scipy import ndimage

EIGHT_CONNECTED = np.ones((3, 3), bool)


def grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """Dilation by a disc of `radius` pixels; a negative radius is an erosion.

    What lies outside the picture counts as foreground in an erosion: a mask that reaches the
    picture's border is not eaten from there.
    """
    if radius < 0:
        return ~grow(~mask, -radius)
    return distance(mask) <= radius if radius else mask


def distance(mask: np.ndarray) -> np.ndarray:
    """Return each pixel's distance to the foreground, float32 `[H, W]`; infinite where there is
    none.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    background = (~mask).astype(np.uint8)
    return cv2.distanceTransform(background, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


def opening(mask: np.ndarray, radius: int) -> np.ndarray:
    """Remove what is too thin for a disc of `radius` pixels."""
    return grow(grow(mask, -radius), radius)


def closing(mask: np.ndarray, radius: int) -> np.ndarray:
    """Close the gaps that are too narrow for a disc of `radius` pixels."""
    return grow(grow(mask, radius), -radius)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Add the holes: the background that is cut off from the picture's border."""
    background = np.pad(~mask, 1, constant_values=True)
    labels, _ = _labels(background)
    return labels[1:-1, 1:-1] != labels[0, 0]


def reconstruct(mask: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """Return the connected components of the mask that hold at least one of `seeds` `[H, W]`,
    which lie in it (morphological reconstruction).
    """
    labels, count = _labels(mask, EIGHT_CONNECTED)
    kept = np.zeros(count + 1, bool)
    kept[labels[seeds]] = True
    return kept[labels]


def remove_small(mask: np.ndarray, min_area: float) -> np.ndarray:
    """Remove the connected components of fewer than `min_area` pixels."""
    labels, areas = _components(mask)
    kept = areas >= min_area
    kept[0] = False
    return kept[labels]


def largest(mask: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` largest connected components; of equal ones, those that begin further up,
    then further left.
    """
    labels, areas = _components(mask)
    kept = np.zeros(len(areas), bool)
    kept[1 + np.argsort(-areas[1:], kind="stable")[:count]] = True
    return kept[labels]


def _components(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each pixel's component, 0 for the background, and the areas of all, in pixels.

    Components are numbered in the order of their first pixel, row by row.
    """
    labels, count = _labels(mask, EIGHT_CONNECTED)
    return labels, np.bincount(labels.ravel(), minlength=count + 1)


def _labels(mask: np.ndarray, structure: np.ndarray | None = None) -> tuple[np.ndarray, int]:
    return ndimage.label(mask, structure)  # pyright: ignore[reportReturnType]
