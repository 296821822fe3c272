from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage

from diffedit_core.refine import Refinement, binary_mask, finish, gray_mask, refined_mask

OFF = Refinement(blur=0, snap=0, method="value", threshold=0.5, fill_holes=False)


def made(gray: np.ndarray, **settings: Any) -> np.ndarray:
    """The binary mask with everything off but the settings."""
    return binary_mask(gray, replace(OFF, **settings))


def gray_of(rows: list[str]) -> np.ndarray:
    """A soft mask from a drawing: digits are tenths, a space is 0."""
    return np.array(
        [[round(25.5 * int(c)) for c in row.replace(" ", "0")] for row in rows], "uint8"
    )


def drawing(mask: np.ndarray) -> list[str]:
    return ["".join("9" if place else " " for place in row) for row in mask]


def square(value: float = 1.0) -> torch.Tensor:
    mask = torch.zeros(1, 32, 40)
    mask[:, 10:20, 12:24] = value
    return mask


def test_gray_is_the_mask_to_the_nearest_of_256_values():
    soft = torch.rand(3, 20, 30, generator=torch.Generator().manual_seed(0))
    gray = gray_mask(soft, OFF)
    assert gray.dtype == np.uint8
    assert np.abs(gray / 255 - soft.numpy()).max() <= 0.5 / 255 + 1e-6
    assert gray_mask(torch.tensor([[[0.0, 1.0]]]), OFF).tolist() == [[[0, 255]]]


@pytest.mark.parametrize("sigma", [0.5, 2.0, 6.0])
def test_blur_is_a_gaussian_in_pixels(sigma):
    soft = torch.rand(1, 40, 30, generator=torch.Generator().manual_seed(0))
    expected = 255 * ndimage.gaussian_filter(soft[0].double().numpy(), sigma, mode="nearest")
    assert np.abs(gray_mask(soft, replace(OFF, blur=sigma))[0] - expected).max() < 0.51


def test_what_is_lighter_than_the_threshold_is_foreground():
    gray = gray_of(["234"])
    assert made(gray, threshold=0.31).tolist() == [[False, False, True]]
    assert made(gray, threshold=0.29).tolist() == [[False, True, True]]


def test_hysteresis_reaches_down_from_the_foreground():
    gray = gray_of(["4 44 ", "4 4  ", "   6 ", "44 34"])
    assert drawing(made(gray)) == ["     ", "     ", "   9 ", "     "]
    # Down to 0.35 and over corners: not to the 4s on the left, and the 3 is too dark.
    found = made(gray, hysteresis=0.3)
    assert drawing(found) == ["  99 ", "  9  ", "   9 ", "    9"]


# Each drawing comes out otherwise if the two stages change places.


def test_hysteresis_comes_before_open():
    gray = gray_of(["     ", " 444 ", " 474 ", " 444 ", "     "])
    assert made(gray, hysteresis=0.5, open=1).sum() == 5
    assert not made(gray, open=1).any()


def test_open_comes_before_close():
    # A speck beside a block: opening takes it off before closing could bridge the gap to it.
    block = gray_of(["         "] * 2 + [" 99999 9 "] + [" 99999   "] * 4 + ["         "] * 2)
    found = made(block, open=1, close=1)
    assert not found[:, 6:].any() and found[4, 1:6].all()


def test_close_comes_before_fill_holes():
    # A hole with a way out on the left, which closing bars.
    wall, hole, way_out = " 999999 ", " 999  9 ", "      9 "
    gray = gray_of(["        ", wall, hole, way_out, hole, wall, "        "])
    assert not made(gray, fill_holes=True)[3, 4]
    assert made(gray, fill_holes=True, close=1)[3, 4]


def test_fill_holes_comes_before_min_area():
    ring = np.zeros((20, 20), np.uint8)
    ring[5:15, 5:15] = 255
    ring[6:14, 6:14] = 0
    # The ring has 36 pixels, filled 100; 12.5 percent are 50.
    filled = made(ring, fill_holes=True, min_area=12.5)
    assert filled.sum() == 100
    assert not made(ring, min_area=12.5).any()


def test_min_area_is_in_percent_of_the_picture():
    gray = np.zeros((20, 50), np.uint8)
    gray[2, 2:11] = gray[10, 2:12] = 255  # 9 and 10 of 1000 pixels
    found = made(gray, min_area=1.0)
    assert found.sum() == 10 and found[10, 2:12].all()


def test_keep_largest_comes_before_grow():
    # Growing would make the two components on the right one, the largest.
    gray = gray_of(["            ", " 999  99 99 ", "            "])
    found = made(gray, keep_largest=1, grow=1)
    assert found[:, :5].any() and not found[:, 5:].any()


def test_grow_below_zero_shrinks_but_not_from_the_border():
    gray = np.zeros((9, 9), np.uint8)
    gray[0:6, 0:6] = 255
    found = made(gray, grow=-2)
    assert np.array_equal(np.argwhere(found).max(0), [3, 3]) and found[0, 0]


def test_stages_that_are_off_change_nothing():
    gray = np.random.default_rng(0).integers(0, 256, (30, 40)).astype(np.uint8)
    assert np.array_equal(made(gray), gray > 127.5)


OTHER = torch.tensor([[[0.0, 0.3, 0.7, 1.0]]])


@pytest.mark.parametrize(
    ("combine", "expected"),
    [
        ("add", [[1, 1, 1, 1], [0, 0.3, 0.7, 1]]),
        ("subtract", [[1, 0.7, 0.3, 0], [0, 0, 0, 0]]),
        ("intersect", [[0, 0.3, 0.7, 1], [0, 0, 0, 0]]),
    ],
)
def test_combine(combine, expected):
    binary = np.array([[[True] * 4], [[False] * 4]])
    combined = finish(binary, OTHER, combine)
    torch.testing.assert_close(combined, torch.tensor(expected, dtype=torch.float32)[:, None])
    torch.testing.assert_close(finish(binary, OTHER, combine, invert=True), 1 - combined)


def test_each_mask_is_combined_with_its_own():
    binary = np.zeros((2, 3, 4), bool)
    other = torch.stack([torch.zeros(3, 4), torch.ones(3, 4)])
    assert torch.equal(finish(binary, other, "add"), other)


@pytest.mark.parametrize("size", [(8, 10), (64, 80), (15, 21)])
def test_other_is_brought_to_the_size_of_the_mask(size):
    halves = torch.zeros(1, *size)
    halves[..., : size[1] // 2] = 1
    combined = finish(np.zeros((1, 32, 40), bool), halves, "add")
    assert combined.shape == (1, 32, 40)
    assert combined[..., :15].min() == 1 and combined[..., 25:].max() == 0


def test_feather_is_a_gaussian_edge():
    binary = np.zeros((1, 30, 61), bool)
    binary[..., 30:] = True
    feathered = finish(binary, feather=4.0)
    # The middle of pixel 30 lies half a pixel inside of the edge.
    expected = torch.special.ndtr((torch.arange(61) - 29.5) / 4.0)
    assert (feathered - expected).abs().max() < 2e-3
    assert feathered.min() >= 0 and feathered.max() <= 1


def test_feather_comes_last():
    binary, other = np.zeros((1, 30, 40), bool), torch.zeros(1, 30, 40)
    binary[:, 5:25, 5:20] = True
    other[:, 10:20, 12:30] = 1
    hard = ~(binary[0] & (other[0].numpy() == 0))
    expected = ndimage.gaussian_filter(hard.astype(float), 2.0, mode="nearest")
    finished = finish(binary, other, "subtract", invert=True, feather=2.0)
    assert np.abs(finished[0].numpy() - expected).max() < 2e-3


def test_each_mask_is_made_by_itself():
    faint, strong = square(0.3), square(1.0).flip(2)
    together = refined_mask(torch.cat([faint, strong]))
    assert torch.equal(together, torch.cat([refined_mask(faint), refined_mask(strong)]))
    assert 0.5 < together.sum() / (2 * square().sum()) < 1.5


def test_the_refined_mask_of_an_empty_map_is_empty():
    assert not refined_mask(torch.zeros(2, 16, 16), picture=torch.rand(2, 16, 16, 3)).any()


def test_otsu_finds_a_faint_thing_in_noise():
    noise = 0.1 * torch.rand(1, 32, 40, generator=torch.Generator().manual_seed(0))
    (gray,) = gray_mask(0.1 + 0.15 * square() + noise, OFF)
    assert np.array_equal(binary_mask(gray, Refinement(fill_holes=False)), square()[0] > 0)
    assert not made(gray).any()


@pytest.mark.parametrize("size", [4, 64])
@pytest.mark.parametrize("dark", [0.0, 0.2])
def test_a_mask_of_two_values_keeps_its_edges(size, dark):
    """Beside a picture whose own edges are elsewhere."""
    painted = torch.full((1, 192, 160), dark)
    painted[:, 70 : 70 + size, 50 : 50 + size] = 1
    picture = torch.rand(1, 192, 160, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(refined_mask(painted, picture=picture), (painted > 0.5).float())
