"""Paste Edit on pictures of any size, and on what VAE Encode has left of them."""

import pytest
import torch

from tests.one_sentence import assert_one_sentence


@pytest.fixture
def paste(nodes):
    def run(original, edited, mask, feather: int = 0, window=None):
        given = {"original": original, "edited": edited, "mask": mask, "window": window}
        return nodes.DiffEditPaste.execute(feather=feather, **given).result

    return run


def random_pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(149, 187), (149, 184), (144, 191), (8, 9)])
def test_what_vae_encode_has_cropped_is_put_where_it_was(paste, demo, size):
    """Against ComfyUI's own crop of a picture: unchanged, it fits without a trace."""
    original = random_pictures(1, *size, 3)
    cropped = demo.vae.vae_encode_crop_pixels(original)
    mask = torch.ones(cropped.shape[:3])
    pasted, at_full_size = paste(original, cropped, mask)
    torch.testing.assert_close(pasted, original, atol=1e-6, rtol=0)
    assert at_full_size.shape == original.shape[:3] and int(at_full_size.sum()) == mask.numel()
    negative, _ = paste(original, 1 - cropped, mask)
    assert torch.equal(negative[at_full_size == 0], original[at_full_size == 0])
    assert (negative != original)[at_full_size > 0].any(-1).float().mean() > 0.99


def test_an_edit_of_another_size_is_stretched(paste):
    small = torch.nn.functional.interpolate(torch.rand(1, 3, 4, 5), scale_factor=4)
    original = torch.zeros(1, 64, 80, 3)
    mask = torch.zeros(1, 16, 20)
    mask[:, 4:12, 5:15] = 1
    pasted, at_full_size = paste(original, small.movedim(1, -1), mask)
    assert pasted.shape == original.shape
    assert at_full_size[0, 20:44, 24:56].min() > 0.99
    assert not at_full_size[0, :12].any() and not at_full_size[0, :, 64:].any()
    assert torch.equal(pasted[at_full_size == 0], original[at_full_size == 0])


def test_each_picture_gets_its_own(paste):
    original, edited = random_pictures(3, 24, 32, 4), random_pictures(3, 24, 32, 3, seed=1)
    mask = torch.zeros(3, 24, 32)
    for number in range(3):
        mask[number, 4 * number : 4 * number + 8, 8:20] = 1
    together, _ = paste(original, edited, mask, 1)
    for number in range(3):
        one = slice(number, number + 1)
        alone, _ = paste(original[one], edited[one], mask[one], 1)
        assert torch.equal(together[one], alone)
    one_edit, _ = paste(original, edited[:1], mask[:1], 1)
    assert torch.equal(one_edit[:1], together[:1])


NAN = torch.full((1, 24, 32, 3), torch.nan)
PICTURES = torch.rand(2, 24, 32, 3)
MASKS = torch.ones(2, 24, 32)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("original", (NAN, PICTURES[:1], MASKS[:1])),
        ("original", (PICTURES[:0], PICTURES, MASKS)),
        ("edited", (PICTURES, NAN, MASKS)),
        ("edited", (PICTURES, PICTURES[:0], MASKS)),
        ("edited", (PICTURES[:1], PICTURES, MASKS[:1])),
        ("mask", (PICTURES, PICTURES, torch.ones(3, 24, 32))),
        ("mask", (PICTURES, PICTURES, torch.full((1, 24, 32), torch.nan))),
    ],
)
def test_what_does_not_belong_together(paste, name, given):
    with pytest.raises(ValueError) as error:
        paste(*given)
    assert_one_sentence(error, name)


def test_an_edit_of_other_proportions(paste):
    with pytest.raises(ValueError, match="other proportions") as error:
        paste(torch.rand(1, 64, 80, 3), torch.rand(1, 20, 80, 3), torch.ones(1, 64, 80))
    assert_one_sentence(error, "edited")


def test_nothing_to_paste_into(paste):
    with pytest.raises(ValueError, match="window from Edit Window") as error:
        paste(None, torch.rand(1, 64, 80, 3), None)
    assert_one_sentence(error, "original")


def test_without_a_mask_all_of_the_edit_is_pasted(paste):
    original, edited = random_pictures(1, 24, 32, 3), random_pictures(1, 24, 32, 3, seed=1)
    pasted, whole = paste(original, edited, None)
    assert torch.equal(pasted, edited) and whole.all()
