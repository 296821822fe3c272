"""A window around a region of a picture: a small thing at the size that a model likes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np

from .morphology import largest

SMALLEST = 32
"""The sides of a window at least, in pixels: of a smaller one nothing is left to enlarge."""


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)


def windows_around(
    masks: Sequence[np.ndarray], context: float, only_largest: bool = False
) -> list[Window]:
    """Return a window around the foreground of each mask, bool `[H, W]`, all of one size.

    context: how much of its surroundings to take in on every side, as a fraction of the larger side
    of the foreground.  only_largest: look at the largest connected component alone.

    A window lies within its picture; of an empty mask it is all of it.
    """
    height, width = masks[0].shape
    chosen = [largest(mask, 1) if only_largest else mask for mask in masks]
    boxes = [_box(mask) for mask in chosen]
    sizes = [_with_context(box, context) for box in boxes]
    rows = min(max(size[0] for size in sizes), height)
    columns = min(max(size[1] for size in sizes), width)
    return [
        Window(
            _start(box.top + box.height / 2, rows, height),
            _start(box.left + box.width / 2, columns, width),
            rows,
            columns,
        )
        for box in boxes
    ]


def working_size(window: Window, liked: int | None, multiple: int) -> tuple[int, int]:
    """Return the size `(H, W)` at which a model works on a window: of its proportions, of the area
    of a square of `liked` pixels to the side, and both sides multiples of `multiple`.

    liked: None leaves the window as large as it is.
    """
    scale = liked / sqrt(window.height * window.width) if liked else 1.0
    height, width = (
        max(round(side * scale / multiple), 1) * multiple for side in (window.height, window.width)
    )
    return height, width


def _box(mask: np.ndarray) -> Window:
    """The smallest rectangle around the foreground, or all of an empty mask."""
    if not mask.any():
        return Window(0, 0, *mask.shape)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Window(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def _with_context(box: Window, context: float) -> tuple[int, int]:
    margin = 2 * context * max(box.height, box.width)
    height, width = (max(ceil(side + margin), SMALLEST) for side in (box.height, box.width))
    return height, width


def _start(middle: float, side: int, whole: int) -> int:
    """Where a window of a side has to begin to lie around the middle and within the whole."""
    return min(max(round(middle - side / 2), 0), whole - side)
