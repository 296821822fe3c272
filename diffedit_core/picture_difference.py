"""What an edit has really changed in a picture, as a heat map."""

import cv2
import numpy as np

HALF = 25.0
"""The difference, in CIE 1976 units, whose heat is one half: another colour, not another shade."""
UNSEEN = 4.0
"""Differences, in the same units, that an autoencoder makes of nothing."""
TOLERANCE = 1 / 512
"""How far edges may lie apart, as a fraction of the longer side; one pixel at least."""
SPECK = 1.5  # the standard deviation, in pixels, of a blur that takes specks away


def picture_difference(original: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Return the heat map of the differences: float32 `(H, W)`, 0 where there are none, rising
    towards 1.

    original, edited: float32 `(H, W, 3)` in 0..1, over each other and alike in their colours; where
    the edit is NaN, nothing is known to have changed, and the heat is 0.

    Colours are compared as they are seen, in CIE L*a*b*.  An edge that has moved by the tolerance
    or become blurred is no change: counted is how far a colour is beyond all that the other picture
    shows nearby, the smaller of the two ways round.
    """
    known = np.isfinite(edited.sum(-1))
    before, after = (
        cv2.cvtColor(np.where(known[..., None], one, 0).astype(np.float32), cv2.COLOR_RGB2LAB)
        for one in (original, edited)
    )
    reach = max(round(TOLERANCE * max(known.shape)), 1)
    difference = np.minimum(_beyond(before, after, reach), _beyond(after, before, reach))
    difference[~_shrunk(known, reach)] = 0
    difference[cv2.GaussianBlur(difference, (0, 0), SPECK) < UNSEEN] = 0
    return difference / (difference + HALF)


def _beyond(colours: np.ndarray, others: np.ndarray, reach: int) -> np.ndarray:
    """How far colours are beyond the range of the others' within reach."""
    square = np.ones((2 * reach + 1,) * 2, np.uint8)
    above, below = colours - cv2.dilate(others, square), cv2.erode(others, square) - colours
    return np.sqrt((np.maximum(above, below).clip(0) ** 2).sum(-1))


def _shrunk(known: np.ndarray, reach: int) -> np.ndarray:
    """Where all within reach, and a pixel more, is known."""
    square = np.ones((2 * reach + 3,) * 2, np.uint8)
    return cv2.erode(known.astype(np.uint8), square, borderValue=1) > 0
