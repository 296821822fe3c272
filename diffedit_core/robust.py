"""Least squares that leave out what does not fit."""

import numpy as np


def geman_mcclure(residual: np.ndarray, scale: float) -> np.ndarray:
    """Return the weights `(N,)` of residuals `(N, C)`: 1 for none, towards 0 beyond the scale
    (Geman, McClure: "Statistical Methods for Tomographic Image Reconstruction", 1987).
    """
    return 1 / (1 + (residual**2).mean(1) / scale**2) ** 2
