"""Inpainting a masked region from its surroundings, so that nothing of the old thing is left."""

import cv2
import numpy as np

RADIUS = 5
"""How far around a pixel the inpainting looks for colours to carry on, in pixels."""


def inpaint(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture with the masked region painted over, as Navier-Stokes inpainting carries
    the surrounding colours and edges on into it (Bertalmio et al., CVPR 2001).

    picture: float `[H, W, 3]` in 0..1.  mask: bool `[H, W]`, not True everywhere.

    Returns float32 `[H, W, 3]`; outside the mask it is the picture itself, inside it is rounded to
    8 bits.
    """
    pixels = np.rint(255 * picture.clip(0, 1)).astype(np.uint8)
    painted = cv2.inpaint(pixels, mask.astype(np.uint8), RADIUS, cv2.INPAINT_NS)
    return np.where(mask[..., None], painted / np.float32(255), picture).astype(np.float32)
