import pytest
import torch

from diffedit_core.refine import refine

OFF = {"method": "value", "threshold": 0.5, "blur": 0.0, "fill_holes": False, "grow": 0}


def square(value: float = 1.0) -> torch.Tensor:
    mask = torch.zeros(1, 32, 40)
    mask[:, 10:20, 12:24] = value
    return mask


def test_otsu_finds_the_level_between_two_groups():
    noise = 0.1 * torch.rand(1, 32, 40, generator=torch.Generator().manual_seed(0))
    mask = 0.1 + 0.15 * square() + noise
    assert torch.equal(refine(mask, **{**OFF, "method": "otsu"}), square())
    assert not refine(mask, **OFF).any()


@pytest.mark.parametrize("method", ["otsu", "value"])
def test_empty_stays_empty_and_full_stays_full(method):
    options = {"method": method, "blur": 3.0, "fill_holes": True, "grow": 5}
    assert not refine(torch.zeros(2, 16, 16), **options).any()
    assert refine(torch.ones(2, 16, 16), **options).all()


@pytest.mark.parametrize(("value", "taken"), [(0.3, False), (0.7, True)])
def test_otsu_cuts_an_even_mask_at_one_half(value, taken):
    assert refine(torch.full((1, 8, 8), value), **{**OFF, "method": "otsu"}).any() == taken


def test_a_clean_mask_passes_unchanged():
    assert torch.equal(refine(square(), **{**OFF, "method": "otsu"}), square())
    assert torch.equal(refine(square()[0], **OFF), square())


def test_what_lies_above_the_threshold_is_in():
    mask = torch.tensor([[[0.2, 0.3, 0.4]]])
    assert refine(mask, **{**OFF, "threshold": 0.3}).tolist() == [[[0.0, 0.0, 1.0]]]


def test_blur_sinks_specks_and_keeps_the_object():
    speckled = square()
    speckled[:, 2, 2] = 1
    refined = refine(speckled, **{**OFF, "blur": 1.5})
    assert not refined[:, :6, :6].any()
    assert refined[:, 15, 18].all()


def test_fill_holes_takes_in_what_is_enclosed_only():
    ring = square()
    ring[:, 13:16, 15:20] = 0
    assert torch.equal(refine(ring, **{**OFF, "fill_holes": True}), square())
    ring[:, 13, :20] = 0
    assert torch.equal(refine(ring, **{**OFF, "fill_holes": True}), ring)


def test_grow_widens_by_a_disc():
    point = torch.zeros(1, 21, 21)
    point[:, 10, 10] = 1
    y, x = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    disc = (x**2 + y**2 <= 36).float()[None]
    assert torch.equal(refine(point, **{**OFF, "grow": 6}), disc)


def test_holes_are_filled_before_growing():
    # Open on the left: growing closes it, and filling must come before that.
    ring = square()
    ring[:, 13, :20] = 0
    grown = refine(ring, **{**OFF, "fill_holes": True, "grow": 1})
    assert torch.equal(grown, refine(ring, **{**OFF, "grow": 1}))


def test_each_mask_is_refined_by_itself():
    faint, strong = square(0.3), square(1.0).flip(2)
    together = refine(torch.cat([faint, strong]), method="otsu", blur=2.0, grow=2)
    assert torch.equal(together[:1], refine(faint, method="otsu", blur=2.0, grow=2))
    assert torch.equal(together[1:], refine(strong, method="otsu", blur=2.0, grow=2))
