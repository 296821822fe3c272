import numpy as np
import pytest

from diffedit_core.refine import binary_stage
from diffedit_core.thresholds import AUTOMATIC, find_cut, mean, otsu, quantile, triangle

METHODS = [*AUTOMATIC, "quantile", "value"]


def above(levels: np.ndarray, cut: float) -> np.ndarray:
    return levels > 255 * cut


def scene(seed: int) -> np.ndarray:
    """A light thing on dark, scattered ground."""
    rng = np.random.default_rng(seed)
    soft = rng.normal(0.12, 0.05, (40, 50))
    soft[10:22, 15:30] = rng.normal(0.6, 0.15, (12, 15))
    return np.rint(255 * soft.clip(0, 1)).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_otsu_leaves_the_least_variance_within_the_two_groups(seed):
    levels = scene(seed)

    def variance_within(inside: np.ndarray) -> float:
        groups = [levels[inside], levels[~inside]]
        return sum(len(group) * group.var() for group in groups if len(group))

    every_cut = [variance_within(levels > level) for level in range(255)]
    assert variance_within(above(levels, otsu(levels))) == pytest.approx(min(every_cut))


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_triangle_is_the_deepest_bar_below_the_line_from_the_peak(seed, flipped):
    levels = scene(seed)
    if flipped:
        levels = 255 - levels
    counts = np.bincount(levels.ravel(), minlength=256)
    peak, (low, high) = counts.argmax(), np.flatnonzero(counts)[[0, -1]]
    end = high if high - peak > peak - low else low
    bars = np.arange(min(peak, end), max(peak, end) + 1)
    line = np.interp(bars, *zip(*sorted([(peak, counts[peak]), (end, 0)]), strict=True))
    deepest = bars[np.argmax(line - counts[bars])]
    # To a bar: whether a bar belongs to the peak or to the thing is convention.
    assert abs(255 * triangle(levels) - 0.5 - deepest) <= 1


def test_mean_is_one_and_a_half_times_the_mean():
    levels = scene(0)
    assert mean(levels) == pytest.approx(1.5 * levels.mean() / 255)
    assert find_cut(levels, "mean", 0.0) == mean(levels)


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_quantile_keeps_out_the_darkest_share(share):
    """Of distinct values exactly; of tied ones no fewer, and all alike."""
    distinct = np.random.default_rng(0).permutation(256).astype(np.uint8).reshape(16, 16)
    out = (~above(distinct, quantile(distinct, share))).sum()
    assert out == max(np.ceil(share * 256), 1)
    tied = scene(1)
    cut = quantile(tied, share)
    assert (~above(tied, cut)).mean() >= share
    one_lower = above(tied, cut - 1 / 255)
    assert (~one_lower).mean() < share or share == 0


def test_value_is_the_threshold_itself():
    assert find_cut(scene(0), "value", 0.31) == 0.31


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("threshold", [0.0, 0.5])
def test_nothing_is_in_an_empty_mask(method, threshold):
    empty = np.zeros((9, 7), np.uint8)
    assert not binary_stage(empty, method=method, threshold=threshold, close=2, grow=3).any()


@pytest.mark.parametrize("method", ["otsu", "triangle"])
@pytest.mark.parametrize(("level", "taken"), [(76, False), (255, True)])
def test_an_even_mask_is_cut_at_one_half(method, level, taken):
    even = np.full((8, 8), level, np.uint8)
    assert above(even, find_cut(even, method, 0.0)).all() == taken


@pytest.mark.parametrize("method", ["otsu", "triangle", "mean"])
def test_a_clean_mask_passes_unchanged(method):
    clean = np.zeros((20, 20), np.uint8)
    clean[4:9, 5:16] = 255
    assert np.array_equal(above(clean, find_cut(clean, method, 0.0)), clean > 0)
