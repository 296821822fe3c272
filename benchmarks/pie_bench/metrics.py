"""What PIE-Bench's own script measures and needs no network for, and the overlap of the masks.

Its definitions (cure-lab/PnPInversion, evaluation/evaluate.py and matrics_calculator.py): pictures
of 512x512 between 0 and 1; what may change is black in both, and counts as equal; the outermost
pixels may always change. PSNR, MSE and SSIM are torchmetrics' with `data_range` 1.
"""

from __future__ import annotations

import cv2
import numpy as np

WINDOW, SIGMA = 11, 1.5
"""Of SSIM, in pixels: Wang et al., IEEE Transactions on Image Processing 2004."""


def measures(
    source: np.ndarray, edited: np.ndarray, region: np.ndarray, mask: np.ndarray | None
) -> dict[str, float | None]:
    """`psnr` in dB, `mse` and `ssim` of the background, and the `iou` of the masks.

    source, edited: uint8 (512, 512, 3).  region: bool (512, 512), what may change.  mask: bool
    (512, 512), what was edited.  None is what there is not: a background, a mask, or, for `psnr`,
    an error.
    """
    kept = ~region
    kept[[0, -1]] = kept[:, [0, -1]] = False
    background = dict.fromkeys(("psnr", "mse", "ssim"))
    if kept.any():
        one, other = (picture * kept[..., None] / np.float32(255) for picture in (source, edited))
        error = float(np.square(one - other).mean())
        psnr = float(-10 * np.log10(error)) if error else None
        background = {"psnr": psnr, "mse": error, "ssim": ssim(one, other)}
    return background | {"iou": None if mask is None else overlap(mask, region)}


def overlap(mask: np.ndarray, region: np.ndarray) -> float:
    """Intersection over union of bool masks; 1 for two empty ones."""
    union = int((mask | region).sum())
    return float((mask & region).sum() / union) if union else 1.0


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Structural similarity of pictures (H, W, 3) between 0 and 1, the mean over the places where
    the whole window is in the picture.

    So has torchmetrics 1.2, of when PIE-Bench was published; 1.9 takes in the rim.
    """

    def mean(picture: np.ndarray) -> np.ndarray:
        rim = WINDOW // 2
        blurred = cv2.GaussianBlur(picture.astype(np.float64), (WINDOW, WINDOW), SIGMA)
        return blurred[rim:-rim, rim:-rim]

    mean_a, mean_b = mean(a), mean(b)
    variance_a, variance_b = mean(a * a) - mean_a**2, mean(b * b) - mean_b**2
    covariance = mean(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (variance_a + variance_b + c2)
    return float((luminance * structure).mean())
