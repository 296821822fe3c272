"""The shapes of masks against definitions that are slow and plain."""

import numpy as np
import pytest
from scipy import ndimage

from diffedit_core import morphology


def blobs(seed: int, shape: tuple[int, int] = (23, 31), sigma: float = 1.2) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return ndimage.gaussian_filter(noise, sigma) > 0.05


def disc(radius: int) -> np.ndarray:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return x**2 + y**2 <= radius**2


def components_of(mask: np.ndarray) -> list[np.ndarray]:
    """The 8-connected components, in the order of their first pixel, by a walk over the pixels."""
    left, components = mask.copy(), []
    for start in zip(*np.nonzero(mask), strict=True):
        if not left[start]:
            continue
        component, edge = np.zeros_like(mask), [start]
        while edge:
            y, x = edge.pop()
            if left[y, x]:
                left[y, x], component[y, x] = False, True
                near = [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
                edge += [
                    (b, a) for b, a in near if 0 <= b < mask.shape[0] and 0 <= a < mask.shape[1]
                ]
        components.append(component)
    return components


@pytest.mark.parametrize("radius", [1, 2, 5, 7, 40])
def test_grow_adds_all_within_the_radius(radius):
    mask = blobs(0)
    places = np.argwhere(np.ones_like(mask))
    distances = ((places[:, None] - np.argwhere(mask)) ** 2).sum(-1)
    expected = (distances <= radius**2).any(1).reshape(mask.shape)
    assert np.array_equal(morphology.grow(mask, radius), expected)
    assert np.array_equal(morphology.grow(~mask, -radius), ~expected)


def test_grow_is_exact_in_a_large_picture():
    rng = np.random.default_rng(0)
    mask = np.zeros((1500, 2000), bool)
    mask[rng.integers(0, 1500, 15), rng.integers(0, 2000, 15)] = True
    squared = np.rint(ndimage.distance_transform_edt(~mask) ** 2)
    for radius in (17, 65, 256):
        assert np.array_equal(morphology.grow(mask, radius), squared <= radius**2)


@pytest.mark.parametrize("radius", [-3, 0, 3])
def test_empty_and_full_stay_so(radius):
    full = np.ones((6, 9), bool)
    assert morphology.grow(full, radius).all()
    assert not morphology.grow(~full, radius).any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("radius", [1, 2, 4])
def test_open_and_close(seed, radius):
    mask = blobs(seed)
    shrunk = ndimage.binary_erosion(mask, disc(radius), border_value=True)
    assert np.array_equal(
        morphology.opening(mask, radius), ndimage.binary_dilation(shrunk, disc(radius))
    )
    grown = ndimage.binary_dilation(mask, disc(radius))
    assert np.array_equal(
        morphology.closing(mask, radius),
        ndimage.binary_erosion(grown, disc(radius), border_value=True),
    )


@pytest.mark.parametrize("seed", range(1, 5))
def test_fill_holes_adds_what_is_enclosed(seed):
    mask = blobs(seed, sigma=0.8)
    filled = morphology.fill_holes(mask)
    assert np.array_equal(filled, ndimage.binary_fill_holes(mask))
    assert (filled & ~mask).any()


def test_a_hole_leaks_over_edges_not_over_corners():
    ring = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], bool)
    assert morphology.fill_holes(ring)[1, 1]
    ring[0, 1] = False
    assert not morphology.fill_holes(ring)[1, 1]


@pytest.mark.parametrize("seed", range(5))
def test_reconstruct_keeps_the_components_with_a_seed(seed):
    mask = blobs(seed)
    seeds = mask & (np.random.default_rng(seed).random(mask.shape) < 0.01)
    expected = sum(
        (component for component in components_of(mask) if (component & seeds).any()),
        np.zeros_like(mask),
    )
    assert np.array_equal(morphology.reconstruct(mask, seeds), expected)


@pytest.mark.parametrize("min_area", [1, 5, 12.5, 10_000])
def test_remove_small(min_area):
    mask = blobs(1)
    components = components_of(mask)
    assert {component.sum() < 12.5 for component in components} == {True, False}
    expected = sum(
        (component for component in components if component.sum() >= min_area), np.zeros_like(mask)
    )
    assert np.array_equal(morphology.remove_small(mask, min_area), expected)


@pytest.mark.parametrize("count", [1, 2, 4, 100])
def test_largest(count):
    mask = blobs(2)
    components = sorted(components_of(mask), key=lambda component: -component.sum())
    assert np.array_equal(
        morphology.largest(mask, count), sum(components[:count], np.zeros_like(mask))
    )


def test_of_equally_large_components_the_upper_left_one_is_kept():
    # The second component begins further left, but a row below.
    mask = np.array([[0, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    assert np.array_equal(np.argwhere(morphology.largest(mask, 1)), [[0, 3], [1, 3]])
    assert morphology.largest(mask, 2)[1, 0] and not morphology.largest(mask, 2)[3, 0]
