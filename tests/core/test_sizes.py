"""Masks resized between the image's size and the latent's."""

import pytest
import torch

from diffedit_core.sizes import image_sized, latent_frames, latent_sized


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 24)])
@pytest.mark.parametrize("factor", [4, 8, 16])
def test_a_binary_mask_survives_enlarging_and_shrinking(size, factor):
    mask = torch.rand(3, *size, generator=torch.Generator().manual_seed(1)).round()
    large = [factor * side for side in size]
    assert torch.equal(latent_sized(image_sized(mask, large, "nearest"), size), mask)


def test_a_cell_is_foreground_once_half_of_it_is():
    mask = torch.zeros(1, 8, 32)
    mask[:, :, :8] = 1  # all of the first cell
    mask[:, :, 8:12] = 1  # half of the second
    mask[:, :, 16:18] = 1  # a quarter of the third
    mask[:, 0, 24] = 1  # a pixel of the fourth
    expected = torch.tensor([1, 1, 0.5, 1 / 32])
    torch.testing.assert_close(latent_sized(mask, (1, 4))[0, 0], expected)
    torch.testing.assert_close(latent_sized(0.3 * mask, (1, 4))[0, 0], 0.3 * expected)


def test_a_grey_mask_stays_as_grey():
    grey = torch.full((2, 50, 31), 0.4)
    torch.testing.assert_close(latent_sized(grey, (9, 13)), torch.full((2, 9, 13), 0.4))
    gradient = torch.linspace(0, 1, 64).expand(1, 64, 64)
    found = latent_sized(gradient, (8, 8))
    assert (found >= torch.nn.functional.avg_pool2d(gradient, 8)).all()
    assert (found <= torch.nn.functional.max_pool2d(gradient, 8)).all()


def test_frames_of_a_video_are_averaged_as_its_latent_groups_them():
    masks = torch.tensor([1.0, 0, 0, 1, 1, 0, 0, 0, 0])[:, None, None]
    assert latent_frames(masks, 4).flatten().tolist() == [1, 0.5, 0]
