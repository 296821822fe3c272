"""The guided filter: a map takes on the edges of a picture.

He, Sun, Tang: "Guided Image Filtering", ECCV 2010, section 3.4 (colour guide), on a subsampled
picture where the windows are large (He, Sun: "Fast Guided Filter", arXiv 1505.00996).
"""

import cv2
import numpy as np

# The variance of a window's values, in 0..1, up to which the picture counts as flat there.
FLATNESS = 1e-3

# Windows of a larger radius, in pixels, are looked at in a picture shrunk until theirs is this.
SUBSAMPLED_RADIUS = 6


def guided_filter(soft: np.ndarray, picture: np.ndarray, radius: int) -> np.ndarray:
    """Redraw a map so that its edges lie on the picture's, within about `radius` pixels.

    In every window of `2 * radius + 1` pixels the map is fitted by a linear function of the
    picture's colours (least squares, damped by FLATNESS); each pixel gets the mean of the windows
    that it is in.

    soft: float32 `(H, W)` in 0..1, as is what it returns.  picture: float32 `(H, W, 3)` in 0..1.
    """

    step = max(radius // SUBSAMPLED_RADIUS, 1)
    height, width = soft.shape
    small = (-(-width // step), -(-height // step))
    shrunk = [cv2.resize(one, small, interpolation=cv2.INTER_AREA) for one in (soft, picture)]
    slope, offset = (
        cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR)
        for one in _linear_fit(*shrunk, radius=round(radius / step))
    )
    return ((slope * picture).sum(-1) + offset).clip(0, 1)


def _linear_fit(
    soft: np.ndarray, picture: np.ndarray, radius: int
) -> tuple[np.ndarray, np.ndarray]:
    """The slope, float32 `(H, W, 3)`, and the offset, `(H, W)`, that `soft` has in `picture`: the
    mean of those of all windows that a pixel is in.
    """

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, (2 * radius + 1, 2 * radius + 1), borderType=cv2.BORDER_REFLECT)

    # In float64: the three colours of a greyish picture all but cancel in the cross products.
    soft = soft.astype(np.float64)
    colours = list(picture.astype(np.float64).transpose(2, 0, 1).copy())
    mean_soft, means = mean(soft), [mean(colour) for colour in colours]
    covariance = [
        mean(colour * soft) - mean_colour * mean_soft
        for colour, mean_colour in zip(colours, means, strict=True)
    ]
    first, second, third = (
        np.stack([mean(colours[i] * colours[j]) - means[i] * means[j] for j in range(3)])
        + FLATNESS * np.eye(3)[i][:, None, None]
        for i in range(3)
    )
    columns = [_cross(second, third), _cross(third, first), _cross(first, second)]
    slope = sum(column * one for column, one in zip(columns, covariance, strict=True))
    slope /= (first * columns[0]).sum(0)
    offset = mean_soft - (slope * means).sum(0)
    slopes = np.stack([mean(one) for one in slope], -1)
    return slopes.astype(np.float32), mean(offset).astype(np.float32)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The cross product of the vectors `[3, H, W]`: those of a matrix's rows make its inverse."""
    return np.stack([a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)])
