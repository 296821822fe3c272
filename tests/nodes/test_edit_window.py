"""Edit Window and Paste Edit: there and back."""

import pytest
import torch

from tests.one_sentence import assert_one_sentence


@pytest.fixture
def cut(nodes, demo):
    def run(image, mask, context: float = 0.5, around: str = "all"):
        region = {"image": image, "mask": mask, "context": context, "around": around}
        return nodes.DiffEditWindow.execute(model=demo.model, **region).result[:3]

    return run


@pytest.fixture
def paste(nodes):
    def run(edited, window, mask=None, feather: int = 0):
        given = {"edited": edited, "mask": mask, "window": window}
        return nodes.DiffEditPaste.execute(feather=feather, **given).result

    return run


def smooth(count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    """Pictures that survive being enlarged and shrunk."""
    small = torch.rand(count, channels, 6, 8, generator=torch.Generator().manual_seed(0))
    large = torch.nn.functional.interpolate(small, (height, width), mode="bicubic")
    return large.clamp(0, 1).movedim(1, -1)


def box(height: int, width: int, top: int, left: int, rows: int, columns: int) -> torch.Tensor:
    mask = torch.zeros(1, height, width)
    mask[:, top : top + rows, left : left + columns] = 1
    return mask


BOXES = [(200, 300, 60, 90), (0, 0, 20, 20), (380, 570, 20, 30), (10, 10, 380, 580), (399, 0, 1, 1)]


@pytest.mark.parametrize("place", BOXES)
def test_a_window_comes_back_without_a_trace(cut, paste, place):
    original, mask = smooth(1, 400, 600, channels=4), box(400, 600, *place)
    image, window_mask, window = cut(original, mask)
    assert image.shape[:3] == window_mask.shape and image.shape[-1] == 3
    assert image.shape[1] % 16 == image.shape[2] % 16 == 0
    assert image.shape[1] * image.shape[2] == pytest.approx(192**2, rel=0.3)
    pasted, whole = paste(image, window, window_mask)
    assert pasted.shape == original.shape
    assert torch.equal(pasted[whole == 0], original[whole == 0])
    assert (whole > 0).float().mean() < (mask > 0).float().mean() + 0.1
    torch.testing.assert_close(pasted, original, atol=0.03, rtol=0)


@pytest.mark.parametrize("place", BOXES)
def test_only_the_masked_region_changes(cut, paste, place):
    original, mask = smooth(1, 400, 600), box(400, 600, *place)
    image, window_mask, window = cut(original, mask)
    edited = image.clone()
    edited[window_mask > 0] = 1 - edited[window_mask > 0]
    pasted, whole = paste(edited, window, window_mask)
    changed = (pasted != original).any(-1)
    assert changed.any() and not changed[whole == 0].any()
    inside = mask > 0
    middle = tuple(index[len(index) // 2] for index in inside.nonzero(as_tuple=True))
    assert changed[middle]


def test_a_mask_of_the_whole_picture_is_taken_where_the_window_is(cut, paste):
    original, mask = smooth(1, 400, 600), box(400, 600, 200, 300, 60, 90)
    image, _, window = cut(original, mask)
    pasted, whole = paste(1 - image, window, mask)
    assert torch.equal(whole, mask)
    assert torch.equal((pasted != original).any(-1), mask > 0)


def test_an_edit_upscaled_on_the_way(cut, paste):
    original, mask = smooth(1, 400, 600), box(400, 600, 200, 300, 60, 90)
    image, window_mask, window = cut(original, mask)
    twice = torch.nn.functional.interpolate(image.movedim(-1, 1), scale_factor=2, mode="bicubic")
    pasted, whole = paste(twice.movedim(1, -1), window, window_mask)
    assert (whole > 0.5).float().sum() == pytest.approx(60 * 90, rel=0.1)
    torch.testing.assert_close(pasted, original, atol=0.03, rtol=0)


def test_each_picture_of_a_batch_has_a_window_of_one_size(cut, paste):
    original = smooth(2, 200, 300)
    masks = torch.cat([box(200, 300, 20, 30, 40, 50), box(200, 300, 150, 250, 30, 20)])
    image, window_mask, window = cut(original, masks)
    assert len(image) == len(window_mask) == 2
    pasted, whole = paste(1 - image, window, window_mask)
    for number in range(2):
        one = slice(number, number + 1)
        assert torch.equal(pasted[one][whole[one] == 0], original[one][whole[one] == 0])
        assert (whole[number] * masks[number]).sum() > 0.9 * masks[number].sum()


def test_of_several_regions_all_or_the_largest(cut):
    original = smooth(1, 200, 300)
    mask = torch.maximum(box(200, 300, 10, 10, 40, 40), box(200, 300, 150, 250, 20, 20))
    (around_all,) = cut(original, mask)[2].windows
    (around_one,) = cut(original, mask, around="largest")[2].windows
    assert around_all.height > 150 and around_all.width > 250
    assert around_one.height < 100 and around_one.width < 100


def test_a_heat_map_will_do(cut):
    y, x = torch.meshgrid(torch.arange(200), torch.arange(300), indexing="ij")
    heat = torch.exp(-((y - 60) ** 2 + (x - 200) ** 2) / 400)[None]
    (window,) = cut(smooth(1, 200, 300), heat, context=0.2)[2].windows
    middle = window.top + window.height / 2, window.left + window.width / 2
    assert middle == pytest.approx((60, 200), abs=4)
    assert max(window.height, window.width) < 120


@pytest.mark.parametrize("size", [(5000, 40), (40, 5000), (9, 700)])
def test_a_very_long_picture(cut, paste, size):
    original = smooth(1, *size)
    mask = torch.zeros(1, *size)
    mask[:, size[0] // 2, size[1] // 2] = 1
    image, window_mask, window = cut(original, mask)
    pasted, whole = paste(1 - image, window, window_mask)
    assert torch.equal(pasted[whole == 0], original[whole == 0]) and (whole > 0).any()


def test_an_empty_mask_is_the_whole_picture(cut):
    (window,) = cut(smooth(1, 200, 300), torch.zeros(1, 200, 300))[2].windows
    assert (window.height, window.width) == (200, 300)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("image", (torch.full((1, 40, 50, 3), torch.nan), torch.ones(1, 40, 50))),
        ("image", (torch.rand(0, 40, 50, 3), torch.ones(1, 40, 50))),
        ("mask", (torch.rand(2, 40, 50, 3), torch.ones(3, 40, 50))),
        ("mask", (torch.rand(1, 40, 50, 3), torch.full((1, 40, 50), torch.nan))),
    ],
)
def test_what_does_not_belong_together(cut, name, given):
    with pytest.raises(ValueError) as error:
        cut(*given)
    assert_one_sentence(error, name)


def test_two_windows_of_one_picture_pasted_one_after_the_other(cut, nodes):
    original = smooth(1, 300, 300)
    first, second = box(300, 300, 20, 20, 40, 40), box(300, 300, 200, 200, 40, 40)
    pasted = original
    for mask in (first, second):
        image, window_mask, window = cut(original, mask)
        given = {"edited": 1 - image, "mask": window_mask, "window": window, "original": pasted}
        pasted, _ = nodes.DiffEditPaste.execute(feather=0, **given).result
    changed = (pasted != original).any(-1).float()
    assert (changed * first).sum() > 0.9 * first.sum()
    assert (changed * second).sum() > 0.9 * second.sum()


def test_a_window_of_another_picture(cut, nodes):
    image, _, window = cut(smooth(1, 200, 300), box(200, 300, 90, 100, 40, 40))
    for other in (smooth(1, 300, 200), smooth(2, 200, 300)):
        with pytest.raises(ValueError, match="window is from") as error:
            nodes.DiffEditPaste.execute(edited=image, feather=0, original=other, window=window)
        assert_one_sentence(error, "original")


def test_the_edit_of_another_window(cut, paste):
    _, _, window = cut(smooth(1, 200, 300), box(200, 300, 90, 0, 20, 300))
    with pytest.raises(ValueError, match="other proportions") as error:
        paste(torch.rand(1, 192, 192, 3), window)
    assert_one_sentence(error, "edited")
    _, _, window = cut(smooth(2, 200, 300), box(200, 300, 90, 100, 40, 40))
    with pytest.raises(ValueError, match="3 pictures for 2") as error:
        paste(torch.rand(3, 192, 192, 3), window)
    assert_one_sentence(error, "edited")
    with pytest.raises(ValueError, match="other proportions") as error:
        paste(torch.rand(2, 192, 192, 3), window, torch.rand(2, 50, 120))
    assert_one_sentence(error, "mask")
