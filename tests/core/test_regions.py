"""The shapes of masks against definitions that are slow and plain."""

import numpy as np
import pytest
from scipy import ndimage

from diffedit_core import regions


def blobs(seed: int, shape: tuple[int, int] = (23, 31), sigma: float = 1.2) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, sigma) > 0.05


def disc(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 <= radius**2


def parts_of(mask: np.ndarray) -> list[np.ndarray]:
    """The 8-connected parts, in the order of their first pixel, by walking from pixel to pixel."""
    left, parts = mask.copy(), []
    for start in zip(*np.nonzero(mask), strict=True):
        if not left[start]:
            continue
        part, edge = np.zeros_like(mask), [start]
        while edge:
            y, x = edge.pop()
            if left[y, x]:
                left[y, x], part[y, x] = False, True
                near = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
                edge += [
                    (b, a) for b, a in near if 0 <= b < mask.shape[0] and 0 <= a < mask.shape[1]
                ]
        parts.append(part)
    return parts


@pytest.mark.parametrize("radius", [1, 2, 5, 7, 40])
def test_grow_takes_in_all_within_the_radius(radius):
    mask = blobs(0)
    places = np.argwhere(np.ones_like(mask))
    distances = ((places[:, None] - np.argwhere(mask)) ** 2).sum(-1)
    expected = (distances <= radius**2).any(1).reshape(mask.shape)
    assert np.array_equal(regions.grow(mask, radius), expected)
    assert np.array_equal(regions.grow(~mask, -radius), ~expected)


def test_grow_is_exact_in_a_large_picture():
    rng = np.random.default_rng(0)
    mask = np.zeros((1500, 2000), bool)
    mask[rng.integers(0, 1500, 15), rng.integers(0, 2000, 15)] = True
    squared = np.rint(ndimage.distance_transform_edt(~mask) ** 2)
    for radius in (17, 65, 256):
        assert np.array_equal(regions.grow(mask, radius), squared <= radius**2)


@pytest.mark.parametrize("radius", [-3, 0, 3])
def test_empty_and_full_stay_so(radius):
    full = np.ones((6, 9), bool)
    assert regions.grow(full, radius).all()
    assert not regions.grow(~full, radius).any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radius", [1, 2, 4])
def test_open_and_close(seed, radius):
    mask = blobs(seed)
    shrunk = ndimage.binary_erosion(mask, disc(radius), border_value=True)
    assert np.array_equal(
        regions.opened(mask, radius), ndimage.binary_dilation(shrunk, disc(radius))
    )
    grown = ndimage.binary_dilation(mask, disc(radius))
    assert np.array_equal(
        regions.closed(mask, radius), ndimage.binary_erosion(grown, disc(radius), border_value=True)
    )


@pytest.mark.parametrize("seed", range(1, 5))
def test_filled_takes_in_what_is_enclosed(seed):
    mask = blobs(seed, sigma=0.8)
    filled = regions.filled(mask)
    assert np.array_equal(filled, ndimage.binary_fill_holes(mask))
    assert (filled & ~mask).any()


def test_a_hole_leaks_over_edges_not_over_corners():
    ring = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    assert regions.filled(ring)[1, 1]
    ring[0, 1] = False
    assert not regions.filled(ring)[1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_touched_by_keeps_the_parts_with_a_seed(seed):
    mask = blobs(seed)
    seeds = mask & (np.random.default_rng(seed).random(mask.shape) < 0.01)
    expected = sum((part for part in parts_of(mask) if (part & seeds).any()), np.zeros_like(mask))
    assert np.array_equal(regions.touched_by(mask, seeds), expected)


@pytest.mark.parametrize("min_area", [1, 5, 12.5, 10_000])
def test_without_specks(min_area):
    mask = blobs(1)
    parts = parts_of(mask)
    assert {part.sum() < 12.5 for part in parts} == {True, False}
    expected = sum((part for part in parts if part.sum() >= min_area), np.zeros_like(mask))
    assert np.array_equal(regions.without_specks(mask, min_area), expected)


@pytest.mark.parametrize("count", [1, 2, 4, 100])
def test_largest(count):
    mask = blobs(2)
    parts = sorted(parts_of(mask), key=lambda part: -part.sum())
    assert np.array_equal(regions.largest(mask, count), sum(parts[:count], np.zeros_like(mask)))


def test_of_equally_large_parts_the_upper_left_one_is_kept():
    # The second part begins further left, but a row below.
    mask = np.array([[0, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    assert np.array_equal(np.argwhere(regions.largest(mask, 1)), [[0, 3], [1, 3]])
    assert regions.largest(mask, 2)[1, 0] and not regions.largest(mask, 2)[3, 0]
