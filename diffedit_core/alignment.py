"""Where an edited picture lies over its original, found on what the two have in common.

Instruction editors shift, zoom and turn the whole picture a little. Features are too few on smooth
pictures, so the pixels themselves are matched: starts from gradients that point the same way
(Fitch, Kadyrov, Christmas, Kittler: "Orientation Correlation", BMVC 2002), then Gauss-Newton steps,
coarse to fine (Baker, Matthews: "Lucas-Kanade 20 Years On", IJCV 2004, section 3.2), with weights
that leave out what was edited (Geman, McClure: "Statistical Methods for Tomographic Image
Reconstruction", 1987).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from .robust import geman_mcclure

SIDES = (96, 192, 384)
"""The longer side, in pixels, of the pictures that are matched, one size after the other."""
STARTS, LEFT = (24, 8, 3), (8, 3, 1)
"""How many starts are taken up at each size, and how many of them go on to the next."""
EDITED_RIM = (0, 1, 3)
"""How far around what was edited, in BLOCKs, nothing counts at each size: there its halo lies."""
SMALLEST_SIDE = 16
"""Of pictures with a shorter side, in pixels at SIDES, nothing can be said."""

MOST_CROPPED = 1.5  # the largest side before a crop, in those after it
ZOOMS = np.linspace(0.9, 1.1, 11)
FARTHEST = 0.1  # of the sides
SHIFTS = 3  # starts at each zoom

BLUR, DETAIL = 3.0, 5.0
"""Standard deviations, in pixels: of a blur that takes away what an autoencoder blurs too, and of
the one that is subtracted to leave details, which no change of light touches."""
COLOUR_NOISE, DETAIL_NOISE = 0.015, 0.0035
"""How much an unedited pixel's colour and detail may differ, in 0..1."""
FLAT = 0.012  # a gradient, in 0..1 a pixel, that says little
EDITED = 5.0  # times the noise: so much differs what was edited
BLOCK = 4
"""In each block of so many pixels a side, one point is looked at: the steepest."""

STEPS, CLOSE = 15, 0.01  # at most, and a step, in pixels, after which there is no other
FIRST_SCALE, LAST_SCALE, NARROWING = 4.0, 1.0, 1.4  # of the weights, in units of the noise
WORST_COST = 0.9
"""Of the two pictures, above which they are of different things."""

AREA = cv2.INTER_AREA  # means where it shrinks; linear where it enlarges


@dataclass(frozen=True)
class Similarity:
    """Zoom, turn and shift about the middle: `x' = p x - q y + u`, `y' = q x + p y + v`, with u and
    v in units of the longer side.
    """

    p: float = 1.0
    q: float = 0.0
    u: float = 0.0
    v: float = 0.0

    def matrix(self, size: tuple[int, int], into: tuple[int, int] | None = None) -> np.ndarray:
        """The matrix `(2, 3)` that leads from the pixels of a picture of a size `(W, H)` to those
        of one of the size `into`, the same where left out.
        """
        middle, other = ((np.array(one) - 1) / 2 for one in (size, into or size))
        shift = max(size) * np.array([self.u, self.v])
        return np.column_stack([self._linear, other + shift - self._linear @ middle])

    def after_undoing(self, step: np.ndarray) -> "Similarity":
        """This one after the inverse of a small one, given as changes of p, q, u and v."""
        small = Similarity(1 + step[0], step[1])
        linear = self._linear @ np.linalg.inv(small._linear)
        shift = np.array([self.u, self.v]) - linear @ step[2:]
        return Similarity(linear[0, 0], linear[1, 0], *shift)

    @property
    def _linear(self) -> np.ndarray:
        return np.array([[self.p, -self.q], [self.q, self.p]])


def alignment(original: np.ndarray, edited: np.ndarray) -> np.ndarray:
    """Return the matrix `(2, 3)` that leads from the original's pixels to the edit's.

    original: float32 `(H, W, 3)` in 0..1.  edited: float32 `(h, w, 3)` in 0..1, of any size: it may
    have been stretched to other proportions, or cropped.

    Raises ValueError where the two have too little in common.
    """
    size, edited_size = original.shape[1::-1], edited.shape[1::-1]
    cost, matrix = np.inf, np.eye(2, 3)
    for fit in _sizes_over(edited_size, size):
        where, fit_cost = find_similarity(original, cv2.resize(edited, fit, interpolation=AREA))
        if fit_cost < cost:
            cost = fit_cost
            matrix = _after(scaling(fit, edited_size), where.matrix(size, fit))
    if cost > WORST_COST:
        raise ValueError(
            "edited: it has too little in common with the original to be laid over it; connect an "
            "edit of that very picture, in which something stayed as it was."
        )
    return matrix


def warped(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return what a picture shows at the pixels of one of a size `(W, H)`, which the matrix
    `(2, 3)` leads into it; NaN where it does not reach.
    """
    zoom = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    if zoom > 1:  # several of its pixels for one
        before = picture.shape[1::-1]
        after = tuple(max(round(length / zoom), 1) for length in before)
        picture = cv2.resize(picture, after, interpolation=AREA)
        matrix = _after(scaling(before, after), matrix)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    moved = cv2.warpAffine(picture, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    rows, columns = np.ogrid[: size[1], : size[0]]
    x, y = (columns * a + rows * b + c for a, b, c in matrix)
    height, width = picture.shape[:2]
    moved[(x < -0.5) | (y < -0.5) | (x > width - 0.5) | (y > height - 0.5)] = np.nan
    return moved.clip(0, 1)


def scaling(before: tuple[int, int], after: tuple[int, int]) -> np.ndarray:
    """Return the matrix `(2, 3)` from a picture's pixels to those of the same at another size
    `(W, H)`: pixels are squares around their middles.
    """
    across, down = (new / old for old, new in zip(before, after, strict=True))
    return np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])


def _sizes_over(size: tuple[int, int], wanted: tuple[int, int]) -> list[tuple[int, int]]:
    """The sizes `(W, H)` that a picture of a size can have had over one of the size wanted: that
    one, if it was stretched, and the one of its own proportions that covers it, if it was cropped.
    """
    factor = max(after / before for before, after in zip(size, wanted, strict=True))
    covering = (round(size[0] * factor), round(size[1] * factor))
    few = all(one <= MOST_CROPPED * side for one, side in zip(covering, wanted, strict=True))
    return list(dict.fromkeys([wanted, covering])) if few else [wanted]


def _after(matrix: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The matrix `(2, 3)` that does what `first` does, and then what the other one does."""
    return matrix @ np.vstack([first, [0, 0, 1]])


def find_similarity(original: np.ndarray, edited: np.ndarray) -> tuple[Similarity, float]:
    """Return where the original lies in the edit, about as large, and how badly it fits: the cost,
    from 0 for the same pixels to 1 for none in common.

    Both are float32 `(H, W, 3)` in 0..1. Of pictures too small or too narrow it returns that they
    lie as they are.
    """
    found, cost = [Similarity()], 0.0
    for side, starts, left, rim in zip(SIDES, STARTS, LEFT, EDITED_RIM, strict=True):
        factor = min(side / max(original.shape[:2]), 1)
        if factor * min(original.shape[:2]) < SMALLEST_SIDE:
            continue
        match = _Match(original, edited, factor, rim)
        if len(found) == 1:
            found = [*found, *match.starts()]
        begun = sorted(found, key=match.cost)[:starts]
        ended = [match.fitted(one) for one in begun]
        found = sorted(ended, key=match.cost)[:left]
        cost = match.cost(found[0])
    return found[0], cost


class _Match:
    """Two pictures at one size, compared at the steepest points of the original's."""

    def __init__(self, original: np.ndarray, edited: np.ndarray, factor: float, rim: int) -> None:
        self.original, self.edited = (features(one, factor) for one in (original, edited))
        height, width = self.original.shape[:2]
        self.size = (width, height)
        self.side = max(self.size)
        self.rim = rim
        self.grid = (height // BLOCK, width // BLOCK)
        across, down = gradients(self.original)
        rows, columns = steepest_points((across**2 + down**2).sum(-1), self.grid)
        self.wanted = self.original[rows, columns]
        self.points = np.column_stack([columns, rows, np.ones_like(rows)]).astype(np.float32)
        x = ((columns - (width - 1) / 2) / self.side)[:, None]
        y = ((rows - (height - 1) / 2) / self.side)[:, None]
        across, down = self.side * across[rows, columns], self.side * down[rows, columns]
        by_parameter = (across * x + down * y, down * x - across * y, across, down)
        self.jacobian = np.stack(by_parameter, -1)

    def starts(self) -> Iterator[Similarity]:
        """Yield, for each zoom, the shifts at which the most gradients point the same way."""
        width, height = self.size
        fixed = np.conj(np.fft.fft2(orientations(self.original)))
        reach = np.array([max(round(FARTHEST * length), 1) for length in (height, width)])
        top, left = np.array([height // 2, width // 2]) - reach
        for zoom in ZOOMS:
            matrix = Similarity(zoom).matrix(self.size, self.edited.shape[1::-1])
            moving = np.fft.fft2(orientations(_seen_through(self.edited, matrix, self.size)))
            match = np.fft.fftshift(np.fft.ifft2(fixed * moving).real)
            near = match[top : top + 2 * reach[0] + 1, left : left + 2 * reach[1] + 1].copy()
            for _ in range(SHIFTS):
                row, column = np.unravel_index(near.argmax(), near.shape)
                shift = zoom * np.array([column - reach[1], row - reach[0]]) / self.side
                yield Similarity(zoom, 0.0, *shift)
                near[max(row - 2, 0) : row + 3, max(column - 2, 0) : column + 3] = -np.inf

    def cost(self, where: Similarity) -> float:
        """The mean over the points of how much they differ, each at most by 1."""
        residual, inside = self._residual(where, LAST_SCALE)
        square = (residual**2).mean(1)
        return float((square / (1 + square))[inside].mean()) if inside.any() else 1.0

    def fitted(self, where: Similarity) -> Similarity:
        """The similarity that fits best near this one."""
        scale = FIRST_SCALE
        for _ in range(STEPS):
            residual, inside = self._residual(where, scale)
            weights = inside * geman_mcclure(residual, scale)
            if self.rim and scale <= 2 * LAST_SCALE:
                weights *= ~self._near_edited(residual)
            weighted = (self.jacobian * weights[:, None, None]).reshape(-1, 4)
            hessian = weighted.T @ self.jacobian.reshape(-1, 4)
            damping = (1e-6 * np.trace(hessian) + 1e-9) * np.eye(4)
            step = np.linalg.solve(hessian + damping, weighted.T @ residual.ravel())
            where = where.after_undoing(step)
            if scale == LAST_SCALE and np.abs(step).max() * self.side < CLOSE:
                break
            scale = max(scale / NARROWING, LAST_SCALE)
        return where

    def _residual(self, where: Similarity, scale: float) -> tuple[np.ndarray, np.ndarray]:
        """By how much the edit's points differ `(N, 6)`, in units of the noise, after a gain and a
        bias for each colour; and which of them the edit reaches `(N,)`.
        """
        size = self.edited.shape[1::-1]
        at = (self.points @ where.matrix(self.size, size).T).astype(np.float32)
        inside = np.min((at >= 0) & (at <= np.array(size) - 1), axis=1)
        seen = cv2.remap(self.edited, at[None, :, 0], at[None, :, 1], cv2.INTER_LINEAR)[0]
        gains, biases = _gains_and_biases(seen[:, :3], self.wanted[:, :3], inside, scale)
        return seen * np.tile(gains, 2) + np.r_[biases, 0, 0, 0] - self.wanted, inside

    def _near_edited(self, residual: np.ndarray) -> np.ndarray:
        """Which points lie in or around patches of three blocks and more that were edited."""
        far = (residual[:, :3] ** 2).mean(1) > EDITED**2
        patches = cv2.morphologyEx(
            far.reshape(self.grid).astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3))
        )
        return cv2.dilate(patches, np.ones((2 * self.rim + 1,) * 2)).ravel() > 0


def features(picture: np.ndarray, factor: float) -> np.ndarray:
    """The picture's colours and their details after shrinking, float32 `(H, W, 6)`, in units of the
    noise.
    """
    height, width = (max(round(factor * length), 1) for length in picture.shape[:2])
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), BLUR)
    detail = small - cv2.GaussianBlur(small, (0, 0), DETAIL)
    return np.concatenate([small / COLOUR_NOISE, detail / DETAIL_NOISE], -1)


def gradients(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Across and down, a pixel."""
    across, down = (cv2.Sobel(picture, -1, *d, scale=0.125) for d in ((1, 0), (0, 1)))
    return across, down


def steepest_points(steepness: np.ndarray, grid: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the steepest pixel of each block of the grid."""
    height, width = (BLOCK * count for count in grid)
    blocks = steepness[:height, :width].reshape(grid[0], BLOCK, grid[1], BLOCK)
    inside = blocks.swapaxes(1, 2).reshape(*grid, -1).argmax(-1)
    rows, columns = BLOCK * np.indices(grid)
    return (rows + inside // BLOCK).ravel(), (columns + inside % BLOCK).ravel()


def orientations(picture: np.ndarray) -> np.ndarray:
    """The gradients of the features' luma as complex numbers, shorter than 1: the flat ones say
    little.
    """
    across, down = gradients(COLOUR_NOISE * picture[..., :3].mean(-1))
    gradient = across + 1j * down
    return gradient / (np.abs(gradient) + FLAT)


def _seen_through(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """What features show through a matrix, their colours alone; see `warped`."""
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(
        picture[..., :3], matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE
    )


def _gains_and_biases(
    colours: np.ndarray, wanted: np.ndarray, inside: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """The gain and the bias `(3,)` that bring most colours `(N, 3)` to those wanted; flat pictures
    keep a gain of 1.
    """
    weights = inside.astype(float)
    gains, biases = np.ones(3), np.zeros(3)
    for _ in range(4):
        total = weights.sum() + 1e-9
        mean, wanted_mean = weights @ colours / total, weights @ wanted / total
        variance = weights @ (colours - mean) ** 2
        covariance = weights @ ((colours - mean) * (wanted - wanted_mean))
        gains = (covariance + 10 * total) / (variance + 10 * total)
        biases = wanted_mean - gains * mean
        weights = inside * geman_mcclure(colours * gains + biases - wanted, scale)
    return gains, biases
