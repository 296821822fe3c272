"""Windows around regions: within the picture, around the region, of one size."""

import numpy as np
import pytest

from diffedit_core.window import (
    SMALLEST,
    Window,
    is_much_larger,
    is_nearly_whole,
    windows_around,
    working_size,
)


def mask_of(height: int, width: int, *boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    for top, left, rows, columns in boxes:
        mask[top : top + rows, left : left + columns] = True
    return mask


@pytest.mark.parametrize("context", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(20))
def test_a_window_holds_the_region_with_its_context_and_lies_in_the_picture(seed, context):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(40, 400, 2)
    rows, columns = rng.integers(1, height), rng.integers(1, width)
    top, left = rng.integers(0, height - rows), rng.integers(0, width - columns)
    (window,) = windows_around(
        [mask_of(height, width, (top, left, rows, columns))], (height, width), context
    )
    assert window.top >= 0 and window.top + window.height <= height
    assert window.left >= 0 and window.left + window.width <= width
    assert window.top <= top and top + rows <= window.top + window.height
    assert window.left <= left and left + columns <= window.left + window.width
    margin = 2 * context * max(rows, columns)
    assert window.height >= min(max(rows + margin, SMALLEST), height)
    assert window.width >= min(max(columns + margin, SMALLEST), width)
    assert window.height <= max(rows + margin + 1, SMALLEST)


def test_the_windows_of_a_batch_have_the_size_of_the_largest():
    masks = [mask_of(300, 400, (10, 10, 40, 60)), mask_of(300, 400, (200, 350, 80, 20))]
    first, second = windows_around(masks, (300, 400), 0.0)
    assert (first.height, first.width) == (second.height, second.width) == (80, 60)
    assert (second.top, second.left) == (200, 330)


def test_around_all_regions_or_the_largest():
    mask = mask_of(200, 300, (20, 20, 40, 40), (150, 250, 34, 34))
    (around_all,) = windows_around([mask], (200, 300), 0.0)
    (around_one,) = windows_around([mask], (200, 300), 0.0, only_largest=True)
    assert around_all == Window(20, 20, 164, 264)
    assert around_one == Window(20, 20, 40, 40)


def test_an_empty_mask_is_the_whole_picture():
    assert windows_around([mask_of(50, 5000)], (50, 5000), 0.5) == [Window(0, 0, 50, 5000)]


def test_a_region_of_one_pixel():
    (window,) = windows_around([mask_of(500, 500, (499, 0, 1, 1))], (500, 500), 0.5)
    assert window == Window(500 - SMALLEST, 0, SMALLEST, SMALLEST)


@pytest.mark.parametrize("size", [(1000, 1400), (95, 61), (333, 140)])
def test_a_mask_may_be_smaller_than_its_picture(size):
    """The window of a small mask holds what the window of the enlarged one holds."""
    small = mask_of(100, 140, (20, 30, 40, 50))
    rows, columns = (
        np.arange(side) * before // side for side, before in zip(size, (100, 140), strict=True)
    )
    (enlarged,) = windows_around([small[rows][:, columns]], size, 0.5)
    (window,) = windows_around([small], size, 0.5)
    for name in ("top", "left", "height", "width"):
        assert abs(getattr(window, name) - getattr(enlarged, name)) <= 4
    whole = mask_of(100, 140, (0, 0, 100, 140))
    assert windows_around([whole], size, 0.5) == [Window(0, 0, *size)]


def test_nearly_whole_and_much_larger():
    assert is_nearly_whole(Window(0, 0, 90, 90), (100, 100))
    assert not is_nearly_whole(Window(0, 0, 50, 100), (100, 100))
    assert is_much_larger((1024, 1024), 512) and is_much_larger((100, 5000), 512)
    assert not is_much_larger((512, 600), 512) and not is_much_larger((512, 512), 1024)
    assert not is_much_larger((9000, 9000), None)


@pytest.mark.parametrize("sides", [(100, 100), (333, 777), (50, 5000), (3000, 2000)])
@pytest.mark.parametrize(("liked", "multiple"), [(512, 64), (1024, 16), (192, 8)])
def test_the_working_size_has_the_models_area_and_whole_cells(sides, liked, multiple):
    height, width = working_size(sides, liked, multiple)
    assert height % multiple == width % multiple == 0
    if min(height, width) > 4 * multiple:
        assert height * width == pytest.approx(liked**2, rel=0.25)
        assert height / width == pytest.approx(sides[0] / sides[1], rel=0.25)


def test_without_a_liked_size_a_window_stays_as_large_as_it_is():
    assert working_size((101, 250), None, 8) == (104, 248)
