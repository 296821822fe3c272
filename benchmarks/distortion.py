"""An instruction editor without the editing: what such models do to all of a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from diffedit_core.alignment import scaling

SHIFT, ZOOM, ROTATION = 0.04, 0.06, 1.0  # at most: fractions of the sides, degrees
GAIN, GAMMA = 0.08, 0.10
SHARPENING = 0.4
MULTIPLES = (16, 32)


@dataclass(frozen=True)
class Distortion:
    """What is done to a picture; each part does nothing where it is left out.

    matrix: float64 `(2, 3)`, from coordinates in the picture to those in the distorted one, the
    middle of the first pixel being 0.  gain, gamma: `(3,)`, of the colours in 0..1.  size: width
    and height after all.
    """

    matrix: np.ndarray
    gain: np.ndarray
    gamma: np.ndarray
    sharpening: float
    size: tuple[int, int]


PARTS = ("shift", "zoom", "rotation", "colour", "rounding", "sharpening")


def distortion(seed: int, size: tuple[int, int], parts: tuple[str, ...] = PARTS) -> Distortion:
    """The distortion of a seed for pictures of a size `(width, height)`."""
    rng = np.random.default_rng((seed, 11))
    width, height = size
    move = rng.uniform(-SHIFT, SHIFT, 2) * size * ("shift" in parts)
    scale = 1 + rng.uniform(-ZOOM, ZOOM) * ("zoom" in parts)
    angle = rng.uniform(-ROTATION, ROTATION) * ("rotation" in parts)
    middle = ((width - 1) / 2, (height - 1) / 2)
    matrix = cv2.getRotationMatrix2D(middle, angle, scale)
    matrix[:, 2] += move
    coloured = "colour" in parts
    gain = 1 + rng.uniform(-GAIN, GAIN, 3) * coloured
    gamma = np.exp(rng.uniform(-GAMMA, GAMMA, 3) * coloured)
    multiple = int(rng.choice(MULTIPLES)) if "rounding" in parts else 1
    width, height = (max(round(side / multiple), 1) * multiple for side in size)
    matrix = scaling(size, (width, height)) @ np.vstack([matrix, [0, 0, 1]])
    sharpening = SHARPENING * rng.random() * ("sharpening" in parts)
    return Distortion(matrix, gain, gamma, sharpening, (width, height))


def distorted(rgb: np.ndarray, by: Distortion) -> np.ndarray:
    """A uint8 picture (H, W, 3) after the distortion; beyond its edges it goes on mirrored."""
    moved = cv2.warpAffine(
        rgb.astype(np.float32) / 255,
        by.matrix,
        by.size,
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    ).clip(0, 1)
    coloured = by.gain * moved**by.gamma
    blurred = cv2.GaussianBlur(coloured, (0, 0), 1.0)
    sharpened = coloured + by.sharpening * (coloured - blurred)
    return np.rint(255 * sharpened.clip(0, 1)).astype(np.uint8)
