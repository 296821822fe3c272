"""Where to cut a soft mask: rules that look at the mask's own values.

A soft mask is 256 levels here, uint8 `[H, W]` with 255 for 1.0. A cut is a number on the scale of
0 to 1: what is lighter, `level > 255 * cut`, is in the mask. A rule that parts the levels between
k and k + 1 gives the cut (k + 0.5) / 255, so that no rounding can move it across a level.
"""

import cv2
import numpy as np

LEVELS = 256
EVEN = 0.5
"""The cut where all values are equal, so that there is nothing to part."""


def find_cut(levels: np.ndarray, method: str, threshold: float) -> float:
    """The cut by a rule of `AUTOMATIC`, or by `threshold` (0..1).

    method "value": the cut is the threshold itself.  "quantile": the threshold is the share of the
    picture that stays out, see `quantile`.
    """
    if method == "value":
        return threshold
    if method == "quantile":
        return quantile(levels, threshold)
    return AUTOMATIC[method](levels)


def otsu(levels: np.ndarray) -> float:
    """Between the two most distinct groups of values: the cut with the largest variance between
    the groups.

    Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    if levels.min() == levels.max():
        return EVEN
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return _above_level(level)


def triangle(levels: np.ndarray) -> float:
    """At the foot of the histogram's highest peak: for a small object on an even ground.

    Zack, Rogers and Latt, "Automatic measurement of sister chromatid exchange frequency", 1977:
    the bar that lies deepest below the line from the peak to the farther end of the histogram.
    """
    if levels.min() == levels.max():
        return EVEN
    level, _ = cv2.threshold(levels, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_TRIANGLE)
    return _above_level(level)


def mean(levels: np.ndarray) -> float:
    """1.5 times the mean, diffusers' rule: above 1, and so nothing is in, for a very light mask."""
    return 1.5 * float(levels.mean(dtype=np.float64)) / 255


def quantile(levels: np.ndarray, share: float) -> float:
    """Above the darkest `share` (0..1) of the picture, or as many more as are equally dark."""
    darker = np.cumsum(_histogram(levels))
    return _above_level(np.argmax(darker >= share * levels.size))


AUTOMATIC = {"otsu": otsu, "triangle": triangle, "mean": mean}


def _histogram(levels: np.ndarray) -> np.ndarray:
    return np.bincount(levels.ravel(), minlength=LEVELS)


def _above_level(level: float) -> float:
    return (float(level) + 0.5) / 255
