"""A window around a region of a picture: a small thing at the size that a model likes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, sqrt

import numpy as np

from .morphology import largest

CONTEXT = 1.0
"""How much of its surroundings a window shows on every side, unless told otherwise."""

SMALLEST = 32
"""The sides of a window at least, in pixels: of a smaller one nothing is left to enlarge."""

NEARLY_WHOLE = 0.7
"""The fraction of a picture from which on a window shows hardly more than the picture itself."""

MUCH_LARGER = 1.25
"""How much more area than a model likes makes a window worth while."""


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in pixels."""

    top: int
    left: int
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns."""
        rows = slice(self.top, self.top + self.height)
        return rows, slice(self.left, self.left + self.width)


def windows_around(
    masks: Sequence[np.ndarray],
    size: tuple[int, int],
    context: float,
    only_largest: bool = False,
) -> list[Window]:
    """Return a window around the foreground of each mask, bool `[h, w]`, all of one size.

    size: `(H, W)` of the pictures that the masks, which may be smaller, lie over.  context: how
    much of its surroundings to take in on every side, as a fraction of the larger side of the
    foreground.  only_largest: look at the largest connected component alone.

    A window lies within its picture; of an empty mask it is all of it.
    """
    height, width = size
    chosen = [largest(mask, 1) if only_largest else mask for mask in masks]
    boxes = [_enlarged(_box(mask), mask.shape, size) for mask in chosen]
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


def is_nearly_whole(window: Window, size: tuple[int, int]) -> bool:
    """Whether a window shows hardly more than a picture of `size` `(H, W)` itself."""
    return window.height * window.width >= NEARLY_WHOLE * size[0] * size[1]


def is_much_larger(size: tuple[int, int], liked: int | None) -> bool:
    """Whether a picture of `size` `(H, W)` is better edited in a window: `liked` is the side in
    pixels of the squares that suit the model best, None where that is not known.
    """
    return liked is not None and size[0] * size[1] > MUCH_LARGER * liked**2


def working_size(size: tuple[int, int], liked: int | None, multiple: int) -> tuple[int, int]:
    """Return the size `(H, W)` at which a model works on a picture of `size`: of its proportions,
    of the area of a square of `liked` pixels to the side, both sides multiples of `multiple`.

    liked: None leaves the picture as large as it is.
    """
    scale = liked / sqrt(size[0] * size[1]) if liked else 1.0
    height, width = (max(round(side * scale / multiple), 1) * multiple for side in size)
    return height, width


def _box(mask: np.ndarray) -> Window:
    """The smallest rectangle around the foreground, or all of an empty mask."""
    if not mask.any():
        return Window(0, 0, *mask.shape)
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return Window(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def _enlarged(box: Window, size: tuple[int, ...], larger: tuple[int, int]) -> Window:
    """The rectangle, of a mask of `size`, in a picture of `larger` size."""
    down, across = (after / before for before, after in zip(size, larger, strict=True))
    top, left = floor(box.top * down), floor(box.left * across)
    bottom, right = ceil((box.top + box.height) * down), ceil((box.left + box.width) * across)
    return Window(top, left, bottom - top, right - left)


def _with_context(box: Window, context: float) -> tuple[int, int]:
    margin = 2 * context * max(box.height, box.width)
    height, width = (max(ceil(side + margin), SMALLEST) for side in (box.height, box.width))
    return height, width


def _start(middle: float, side: int, whole: int) -> int:
    """Where a window of a side has to begin to lie around the middle and within the whole."""
    return min(max(round(middle - side / 2), 0), whole - side)
