"""The heat map in colour, over the picture it belongs to."""

import cv2
import numpy as np
import torch
from torch import Tensor


def heat_overlay(heat_map: Tensor, picture: Tensor | None) -> Tensor:
    """Return pictures `[B, H, W, 3]` to look at: the hotter a place, the more its colour covers.

    heat_map: `[B, H, W]` in 0..1.  picture: `[B, H, W, 3]` in 0..1, or None for plain colour.
    The editor paints the same (`paintHeat` in web/mask_drawing.js).
    """
    gray = (255 * heat_map.numpy()).round().astype(np.uint8)
    bgr = np.stack([cv2.applyColorMap(one, cv2.COLORMAP_INFERNO) for one in gray])
    colour = torch.from_numpy(bgr[..., ::-1].copy()).float() / 255
    if picture is None:
        return colour
    # A faint difference is to be seen as well.
    cover = 0.85 * heat_map.sqrt()[..., None]
    return picture * (1 - cover) + colour * cover
