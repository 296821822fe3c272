"""The threshold of a soft mask, by rules that look at the mask's own values.

A soft mask is 8-bit gray here, uint8 `[H, W]` with 255 for 1.0.  A threshold is a number on the
scale of 0 to 1: the foreground is `gray > 255 * threshold`.  A rule that separates the gray values
k and k + 1 returns (k + 0.5) / 255, so that no rounding can move it across a value.
"""

import cv2
import numpy as np

GRAY_VALUES = 256
UNIFORM = 0.5
"""The threshold of a mask of one gray value, where there is nothing to separate."""


def find_threshold(gray: np.ndarray, method: str, threshold: float) -> float:
    """Return the threshold, 0..1, by a rule of `AUTOMATIC`, or by `threshold` (0..1).

    method "value": it is `threshold` itself.  "quantile": `threshold` is the fraction of the
    picture that is background, see `quantile`.
    """
    if method == "value":
        return threshold
    if method == "quantile":
        return quantile(gray, threshold)
    return AUTOMATIC[method](gray)


def otsu(gray: np.ndarray) -> float:
    """Return the threshold with the largest variance between foreground and background.

    Otsu, "A threshold selection method from gray-level histograms", 1979.
    """
    if gray.min() == gray.max():
        return UNIFORM
    value, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return _above(value)


def triangle(gray: np.ndarray) -> float:
    """Return the foot of the histogram's highest peak: for a small object on an even background.

    Zack, Rogers and Latt, "Automatic measurement of sister chromatid exchange frequency", 1977:
    the bin that lies deepest below the line from the peak to the farther end of the histogram.
    """
    if gray.min() == gray.max():
        return UNIFORM
    value, _ = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_TRIANGLE)
    return _above(value)


def mean(gray: np.ndarray) -> float:
    """Return 1.5 times the mean, diffusers' rule; above 1, so that all is background, for a very
    light mask.
    """
    return 1.5 * float(gray.mean(dtype=np.float64)) / 255


def quantile(gray: np.ndarray, fraction: float) -> float:
    """Return the gray value below which `fraction` (0..1) of the picture lies."""
    darker = np.cumsum(np.bincount(gray.ravel(), minlength=GRAY_VALUES))
    return _above(float(np.argmax(darker >= fraction * gray.size)))


AUTOMATIC = {"otsu": otsu, "triangle": triangle, "mean": mean}


def _above(value: float) -> float:
    return (value + 0.5) / 255
