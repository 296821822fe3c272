"""Who a place belongs to, against a slow and plain search for the nearest covered place."""

import pytest
import torch
from scipy import ndimage

from diffedit_core.partition import first_region


def blobs(seed: int, images: int = 2, shape: tuple[int, int] = (13, 17)) -> torch.Tensor:
    """Masks of zeros and ones with a few components each."""
    noise = torch.randn(images, *shape, generator=torch.Generator().manual_seed(seed)).numpy()
    return torch.from_numpy(ndimage.gaussian_filter(noise, (0, 1.5, 1.5)) > 0.1).float()


def heats(seed: int, images: int = 2, shape: tuple[int, int] = (13, 17)) -> torch.Tensor:
    """Of five values, so that many are equal."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(5, (images, *shape), generator=generator) / 4


def squared_distance(mask: torch.Tensor, place: torch.Tensor) -> int:
    return int(((mask.nonzero() - place) ** 2).sum(1).min())


@pytest.mark.parametrize("seed", range(3))
def test_the_nearer_mask_then_the_stronger_heat_then_the_first(seed):
    mask_a, mask_b = blobs(seed), blobs(seed + 10)
    heat_a, heat_b = heats(seed), heats(seed + 10)
    assert (mask_a * mask_b).any()
    found = first_region(mask_a, mask_b, heat_a, heat_b)
    for index in torch.ones_like(mask_a).nonzero():
        image, place = int(index[0]), index[1:]
        rank_a, rank_b = (
            (-squared_distance(mask[image], place), float(heat[tuple(index)]))
            for mask, heat in ((mask_a, heat_a), (mask_b, heat_b))
        )
        assert found[tuple(index)] == (rank_a >= rank_b)


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_edits_does_not_matter_inside_the_masks(seed):
    mask_a, mask_b = blobs(seed), blobs(seed + 10)
    heat_a, heat_b = heats(seed) + 0.01, heats(seed + 10)  # never equal
    first = first_region(mask_a, mask_b, heat_a, heat_b)
    second = first_region(mask_b, mask_a, heat_b, heat_a)
    inside = torch.maximum(mask_a, mask_b) > 0
    assert torch.equal(first[inside], ~second[inside])


def test_a_mask_that_leaks_onto_the_other_thing_does_not_take_it():
    thing_a, thing_b = torch.zeros(2, 1, 12, 30)
    thing_a[:, 3:9, 3:9] = thing_b[:, 3:9, 20:27] = 1
    heat_a, heat_b = 0.9 * thing_a + 0.4 * thing_b, 0.8 * thing_b
    leaking = torch.maximum(thing_a, thing_b)
    first = first_region(leaking, thing_b, heat_a, heat_b)
    assert first[thing_a > 0].all() and not first[thing_b > 0].any()


def test_an_empty_mask_gets_nothing():
    mask, empty = torch.zeros(2, 1, 5, 7)
    mask[0, 2, 2] = 1
    heat = torch.ones(1, 5, 7)
    assert first_region(mask, empty, 0 * heat, heat).all()
    assert not first_region(empty, mask, heat, 0 * heat).any()


def test_each_picture_by_itself():
    masks = blobs(1), blobs(2), heats(1), heats(2)
    together = first_region(*masks)
    for image in range(2):
        alone = first_region(*(mask[image : image + 1] for mask in masks))
        assert torch.equal(together[image : image + 1], alone)
