import numpy as np
import pytest

from diffedit_core.refine import Refinement, binary_mask
from diffedit_core.thresholds import AUTOMATIC, find_threshold, mean, otsu, quantile, triangle

METHODS = [*AUTOMATIC, "quantile", "value"]


def foreground(gray: np.ndarray, threshold: float) -> np.ndarray:
    return gray > 255 * threshold


def scene(seed: int) -> np.ndarray:
    """A light thing on dark, scattered background."""
    rng = np.random.default_rng(seed)
    soft = rng.normal(0.12, 0.05, (40, 50))
    soft[10:22, 15:30] = rng.normal(0.6, 0.15, (12, 15))
    return np.rint(255 * soft.clip(0, 1)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_otsu_leaves_the_least_variance_within_the_two_groups(seed):
    gray = scene(seed)

    def variance_within(inside: np.ndarray) -> float:
        groups = [gray[inside], gray[~inside]]
        return sum(len(group) * group.var() for group in groups if len(group))

    every_threshold = [variance_within(gray > value) for value in range(255)]
    assert variance_within(foreground(gray, otsu(gray))) == pytest.approx(min(every_threshold))


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_triangle_is_the_deepest_bin_below_the_line_from_the_peak(seed, flipped):
    gray = scene(seed)
    if flipped:
        gray = 255 - gray
    counts = np.bincount(gray.ravel(), minlength=256)
    peak, (low, high) = counts.argmax(), np.flatnonzero(counts)[[0, -1]]
    end = high if high - peak > peak - low else low
    bins = np.arange(min(peak, end), max(peak, end) + 1)
    line = np.interp(bins, *zip(*sorted([(peak, counts[peak]), (end, 0)]), strict=True))
    deepest = bins[np.argmax(line - counts[bins])]
    # To a bin: whether a bin belongs to the peak or to the thing is convention.
    assert abs(255 * triangle(gray) - 0.5 - deepest) <= 1


def test_mean_is_one_and_a_half_times_the_mean():
    gray = scene(0)
    assert mean(gray) == pytest.approx(1.5 * gray.mean() / 255)
    assert find_threshold(gray, "mean", 0.0) == mean(gray)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_quantile_is_above_the_darkest_fraction(fraction):
    """Of distinct values exactly; of tied ones no fewer, and all alike."""
    distinct = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(16, 16)
    out = (~foreground(distinct, quantile(distinct, fraction))).sum()
    assert out == max(np.ceil(fraction * 256), 1)
    tied = scene(1)
    threshold = quantile(tied, fraction)
    assert (~foreground(tied, threshold)).mean() >= fraction
    one_lower = foreground(tied, threshold - 1 / 255)
    assert (~one_lower).mean() < fraction or fraction == 0


def test_value_is_the_threshold_itself():
    assert find_threshold(scene(0), "value", 0.31) == 0.31


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_an_empty_mask_has_no_foreground(method, threshold):
    empty = np.zeros((9, 7), np.uint8)
    settings = Refinement(method=method, threshold=threshold, close=2, grow=3)
    assert not binary_mask(empty, settings).any()


@pytest.mark.parametrize("method", ["otsu", "triangle"])
@pytest.mark.parametrize(("value", "taken"), [(76, False), (255, True)])
def test_the_threshold_of_a_uniform_mask_is_one_half(method, value, taken):
    uniform = np.full((8, 8), value, np.uint8)
    assert foreground(uniform, find_threshold(uniform, method, 0.0)).all() == taken


@pytest.mark.parametrize("method", ["otsu", "triangle", "mean"])
def test_a_clean_mask_passes_unchanged(method):
    clean = np.zeros((20, 20), np.uint8)
    clean[4:9, 5:16] = 255
    assert np.array_equal(foreground(clean, find_threshold(clean, method, 0.0)), clean > 0)
