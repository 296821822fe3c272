"""The camera of the demo's scenes: where the eye is, and what part of its frame a picture shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EYE = np.float32((0, 2.9, -6.4))
_LOOK_AT = np.float32((0, 0.80, 0))
_FOCAL = 3.15


@dataclass(frozen=True)
class View:
    """A square of the camera's frame, which spans -1..1 both ways: its middle and half its side."""

    x: float
    y: float
    half: float

    def holds(self, x: float, y: float) -> bool:
        return max(abs(x - self.x), abs(y - self.y)) < self.half

    def contains(self, other: View) -> bool:
        return max(abs(other.x - self.x), abs(other.y - self.y)) + other.half <= self.half

    def within_frame(self) -> View:
        """The view moved as far as it takes to lie within the frame."""
        room = 1 - self.half
        return View(min(max(self.x, -room), room), min(max(self.y, -room), room), self.half)


WHOLE_FRAME = View(0.0, 0.0, 1.0)


def _axes() -> np.ndarray:
    """The camera's right, up and forward as rows."""
    forward = (_LOOK_AT - EYE) / np.linalg.norm(_LOOK_AT - EYE)
    right = np.cross((0, 1, 0), forward)
    right /= np.linalg.norm(right)
    return np.stack((right, np.cross(forward, right), forward))


def seen_at(point: tuple[float, float, float], radius: float) -> View:
    """The square of the frame that a ball around a point of the world takes up, about."""
    x, y, depth = _axes() @ (np.float64(point) - EYE)
    scale = _FOCAL / depth
    return View(float(x * scale), float(y * scale), float(radius * scale))


def rays(size: int, view: View) -> np.ndarray:
    """Unit directions (size*size, 3) from the eye through the pixel centres of a view."""
    right, up, forward = _axes()
    s = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(view.x + view.half * s, view.y - view.half * s)
    rays = _FOCAL * forward + x[..., None] * right + y[..., None] * up
    return (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3).astype(np.float32)
