"""The colours of an edit brought to those of its original, by what was not edited."""

import cv2
import numpy as np

from .robust import geman_mcclure

SIDE = 256  # the longer side, in pixels, of the pictures that the colours are compared in
DARKEST = 0.02  # in 0..1: below it, logarithms say nothing
TOWARDS_1 = 1e-3  # how much less than a gamma of 1 tells one of few shades
ROUNDS = 10
FIRST_SCALE, LAST_SCALE = 0.1, 0.012
"""Differences of colours, in 0..1, from about which a pixel counts as edited: at first, at last."""


def match_colours(original: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Return the edit with a gain and a gamma for each colour, `gain * value ** gamma`, that bring
    most of its pixels to the original's.

    Both are float32 `(H, W, 3)` in 0..1; pixels of the edit may be NaN, and stay so.  The fit is
    least squares with Geman and McClure's weights, which leave out what was edited.
    """
    height, width = original.shape[:2]
    factor = min(SIDE / max(height, width), 1)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    small = [cv2.resize(one, size, interpolation=cv2.INTER_AREA) for one in (original, edited)]
    known = np.isfinite(small[1].sum(-1))
    if not known.any():
        return edited
    wanted, values = (one[known].astype(float).clip(DARKEST) for one in small)
    gains, gammas = _gains_and_gammas(values, wanted)
    return (gains * edited**gammas).clip(0, 1).astype(np.float32)


def _gains_and_gammas(values: np.ndarray, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The gain and the gamma `(3,)` that bring most colours `(N, 3)` to those wanted."""
    logs, wanted_logs = np.log(values), np.log(wanted)
    gains, gammas = np.ones(3), np.ones(3)
    scale = FIRST_SCALE
    for _ in range(ROUNDS):
        residual = gains * values**gammas - wanted
        weights = geman_mcclure(residual, scale)
        for channel in range(3):
            # An error of a logarithm counts as the error of the colour that it makes.
            counts = weights * wanted[:, channel] ** 2
            x, y = logs[:, channel], wanted_logs[:, channel]
            total = counts.sum()
            mean, wanted_mean = counts @ x / total, counts @ y / total
            prior = TOWARDS_1 * total
            covariance = counts @ ((x - mean) * (y - wanted_mean))
            gammas[channel] = (covariance + prior) / (counts @ (x - mean) ** 2 + prior)
            gains[channel] = np.exp(wanted_mean - gammas[channel] * mean)
        scale = max(scale / 1.5, LAST_SCALE)
    return gains, gammas
