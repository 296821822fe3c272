"""Pasting an edit: the original outside the mask, the edit inside, nothing in between."""

import pytest
import torch
from scipy import ndimage

from diffedit_core.paste import blend_weight, paste


def random_picture(seed: int, channels: int = 3) -> torch.Tensor:
    return torch.rand(40, 50, channels, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(40, 50)
    mask[10:30, 15:40] = 1
    return mask


@pytest.mark.parametrize("feather", [0, 3])
@pytest.mark.parametrize("channels", [3, 4])
def test_outside_the_mask_is_the_original_bit_for_bit(mask, feather, channels):
    original, edited = random_picture(0, channels), random_picture(1)
    edited[0, 0] = torch.nan  # whatever is there
    pasted = paste(original, edited, mask, feather)
    assert torch.equal(pasted[mask == 0], original[mask == 0])
    assert torch.equal(pasted[..., 3:], original[..., 3:])
    assert (pasted[..., :3] != original[..., :3])[mask == 1].any(-1).all()


def test_without_feather_the_inside_is_the_edit(mask):
    original = random_picture(0)
    edited = original.clone()
    edited[15:25, 20:30] = random_picture(1)[15:25, 20:30]
    torch.testing.assert_close(paste(original, edited, mask, feather=0), edited)


def test_a_shift_of_all_colours_is_taken_back(mask):
    """What the autoencoder has done to the whole picture is no part of the edit."""
    original = 0.2 + 0.6 * random_picture(0)
    edited = original + torch.tensor([0.05, -0.03, 0.01])
    torch.testing.assert_close(paste(original, edited, mask, feather=2), original)


def test_an_edit_that_reaches_a_little_beyond_the_mask_shifts_no_colours(mask):
    original = 0.2 + 0.6 * random_picture(0)
    edited = original.clone()
    edited[8:32, 13:42] = 1
    inside = paste(original, edited, mask, feather=0)[mask == 1]
    assert (inside == 1).all()


@pytest.mark.parametrize("feather", [0, 1, 5])
def test_the_weight_falls_evenly_to_the_edge_of_the_mask(mask, feather):
    depth = torch.from_numpy(ndimage.distance_transform_edt(mask.numpy()))
    expected = (depth / (feather + 1)).clamp(max=1).float()
    torch.testing.assert_close(blend_weight(mask, feather), expected)
    grey = blend_weight(0.5 * mask, feather)
    torch.testing.assert_close(grey, 0.5 * expected)


def test_the_border_of_the_picture_is_no_edge():
    whole = torch.ones(20, 30)
    assert torch.equal(blend_weight(whole, 5), whole)
    half = whole.clone()
    half[:, 15:] = 0
    assert (blend_weight(half, 5)[:, 0] == 1).all()


def test_a_full_mask_is_the_edit_and_an_empty_one_the_original():
    original, edited = random_picture(0), random_picture(1)
    assert torch.equal(paste(original, edited, torch.ones(40, 50), 3), edited)
    assert torch.equal(paste(original, edited, torch.zeros(40, 50), 3), original)


def test_nothing_leaves_the_range():
    original = torch.ones(40, 50, 3)
    edited = torch.full((40, 50, 3), 0.9)
    mask = torch.zeros(40, 50)
    mask[:20] = 1
    edited[:10] = 1
    pasted = paste(original, edited, mask, 0)
    assert pasted.min() >= 0 and pasted.max() <= 1
