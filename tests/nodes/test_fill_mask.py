"""Fill Mask, on pictures of noise."""

import pytest
import torch

from tests.one_sentence import assert_one_sentence


@pytest.fixture
def image() -> torch.Tensor:
    return torch.rand(3, 40, 50, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(1, 40, 50)
    mask[:, 12:28, 15:30] = 1
    return mask


@pytest.fixture
def fill(nodes):
    return lambda image, mask: nodes.DiffEditFillMask.execute(image=image, mask=mask).result[0]


def test_each_picture_is_filled_by_itself(fill, image, mask):
    masks = torch.cat([mask, mask.roll(5, -1), torch.zeros_like(mask)])
    together = fill(image, masks)
    for index in range(3):
        one = slice(index, index + 1)
        assert torch.equal(together[one], fill(image[one], masks[one]))
    assert torch.equal(fill(image, mask), fill(image, mask.expand(3, -1, -1)))


def test_whatever_is_lighter_than_middle_grey_is_filled(fill, image, mask):
    assert torch.equal(fill(image, 0.2 + 0.4 * mask), fill(image, mask))


def test_a_mask_of_another_size_is_scaled(fill, image, mask):
    larger = mask.repeat_interleave(3, 1).repeat_interleave(3, 2)
    assert torch.equal(fill(image, larger), fill(image, mask))


def test_a_mask_that_vae_encode_has_cropped_lies_where_it_belongs(fill, image, mask):
    """As of 50 by 40 pixels it would crop 5 and 2, half of them on the left and at the top."""
    assert torch.equal(fill(image, mask[:, 1:39, 2:47]), fill(image, mask))


def test_grey_pictures_become_rgb(fill, image, mask):
    grey = image[..., :1]
    assert torch.equal(fill(grey, mask), fill(grey.expand(-1, -1, -1, 3), mask))


def test_cancelling_stops_before_the_next_picture(fill, image, mask):
    import comfy.model_management as management

    management.interrupt_current_processing()
    with pytest.raises(management.InterruptProcessingException):
        fill(image, mask)


def test_transparency_is_dropped(fill, image, mask):
    transparent = torch.cat([image, torch.rand(3, 40, 50, 1)], -1)
    assert torch.equal(fill(transparent, mask), fill(image, mask))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("image", lambda image, mask: (image[:0], mask)),
        ("image", lambda image, mask: (image * torch.nan, mask)),
        ("mask", lambda image, mask: (image, mask * torch.nan)),
        ("mask", lambda image, mask: (image, mask.repeat(2, 1, 1))),
        ("mask", lambda image, mask: (image, torch.ones_like(mask))),
    ],
    ids=["no picture", "NaN picture", "NaN mask", "two masks for three", "all white"],
)
def test_mistakes_get_one_sentence(fill, image, mask, name, change):
    with pytest.raises(ValueError) as error:
        fill(*change(image, mask))
    assert_one_sentence(error, name)
