import pytest
import torch

from diffedit_core.counting import CountingDenoiser
from diffedit_core.mask import (
    binary_mask,
    difference_map,
    image_sized,
    latent_sized,
    soft_mask,
)
from tests.core.gaussian_mixture import GaussianMixture

SIGMA = 1.5


def region(height: int = 8, width: int = 10) -> torch.Tensor:
    place = torch.zeros(height, width)
    place[2:5, 3:7] = 1
    return place


@pytest.fixture
def denoiser() -> GaussianMixture:
    """The prompts agree on the picture but for a region, where their means are one apart."""
    return GaussianMixture({"source": [0.0, 1.0], "positive": [region(), region() + 1.0]})


@pytest.fixture
def graded() -> GaussianMixture:
    """The prompts disagree everywhere, more so to the right."""
    return GaussianMixture({"source": [0.0], "positive": [torch.linspace(0, 1, 10), 0.5]})


@pytest.fixture
def latent() -> torch.Tensor:
    return torch.randn(3, 4, 8, 10, generator=torch.Generator().manual_seed(0))


def find_difference(denoiser, latent, **options):
    options = {"draws": 4, "seed": 0, **options}
    return difference_map(denoiser, latent, SIGMA, **options)


def find_mask(denoiser, latent, **options):
    return soft_mask(find_difference(denoiser, latent, **options))


def test_finds_the_region_that_the_prompts_disagree_about(denoiser, latent):
    mask = binary_mask(find_difference(denoiser, latent))
    assert torch.equal(mask, region().expand(3, -1, -1))


@pytest.mark.parametrize("shape", [(2, 7, 8, 10), (2, 3, 5, 8, 10), (2, 1, 8, 10)])
def test_any_channels_and_dimensions(denoiser, shape):
    mask = binary_mask(find_difference(denoiser, torch.zeros(shape)))
    assert torch.equal(mask, region().expand(2, -1, -1))


def test_two_evaluations_a_draw_and_image(denoiser, latent):
    counting = CountingDenoiser(denoiser)
    find_mask(counting, latent, draws=5)
    assert counting.evaluations == 2 * 5 * len(latent)


def test_an_image_does_not_depend_on_its_batch(graded, latent):
    together = find_mask(graded, latent)
    alone = find_mask(graded, latent[1:2], indices=[1])
    swapped = find_mask(graded, latent.flip(0), indices=[2, 1, 0])
    torch.testing.assert_close(together[1:2], alone)
    torch.testing.assert_close(together.flip(0), swapped)


def test_the_seed_matters_and_repeats(graded, latent):
    assert torch.equal(find_mask(graded, latent, seed=1), find_mask(graded, latent, seed=1))
    assert not torch.equal(find_mask(graded, latent, seed=1), find_mask(graded, latent, seed=2))


class Rescaled(GaussianMixture):
    """Answers a hundred times as much, as guidance would scale the difference."""

    def denoise(self, x, sigma, conds):
        return [100 * denoised for denoised in super().denoise(x, sigma, conds)]


def test_scaling_the_predictions_changes_nothing(graded, latent):
    soft = find_mask(graded, latent)
    assert 0 < soft.std() < 0.4
    torch.testing.assert_close(find_mask(Rescaled(graded.means), latent), soft)


def test_equal_prompts_give_an_empty_mask(latent):
    denoiser = GaussianMixture({"source": [0.0, 1.0], "positive": [0.0, 1.0]})
    soft = find_mask(denoiser, latent)
    assert torch.equal(soft, torch.zeros(3, 8, 10))


@pytest.mark.parametrize(("difference", "found"), [(1e-6, False), (1e-2, True)])
def test_rounding_is_no_difference(latent, difference, found):
    denoiser = GaussianMixture({"source": [0.0], "positive": [difference]})
    assert find_mask(denoiser, latent).any() == found


def test_an_image_without_difference_leaves_the_others_alone(denoiser, latent):
    place = torch.stack([region(), torch.zeros(8, 10)])[:, None]
    mixed = GaussianMixture({"source": [0.0, 1.0], "positive": [place, place + 1.0]})
    soft = find_mask(mixed, latent[:2])
    assert torch.equal(soft[0], find_mask(denoiser, latent[:1])[0])
    assert not soft[1].any()


def test_soft_mask_scales_to_the_largest_that_is_not_extreme():
    difference = torch.linspace(0, 1, 1001)[None, None]
    spiked = difference.clone()
    spiked[..., -3:] = 50.0  # fewer than the extremes
    expected = (difference / 0.995).clamp(max=1)
    torch.testing.assert_close(soft_mask(difference), expected)
    torch.testing.assert_close(soft_mask(spiked), expected)


def test_binary_mask_is_what_lies_above_one_and_a_half_times_the_mean():
    difference = torch.tensor([[[0.0, 0.0, 0.0, 4.0], [0.0, 1.0, 1.5, 1.51]], [[0.0] * 4] * 2])
    expected = torch.tensor([[[0, 0, 0, 1], [0, 0, 0, 1.0]], [[0.0] * 4] * 2])
    assert torch.equal(binary_mask(difference), expected)
    equal_to_it = torch.tensor([[[1.5, 0.5]]])
    assert binary_mask(equal_to_it).tolist() == [[[0.0, 0.0]]]


@pytest.mark.parametrize("size", [(1, 1), (7, 5), (16, 24)])
@pytest.mark.parametrize("factor", [4, 8, 16])
def test_a_binary_mask_survives_the_way_up_and_down(size, factor):
    mask = torch.rand(3, *size, generator=torch.Generator().manual_seed(1)).round()
    assert torch.equal(latent_sized(image_sized(mask, factor, "nearest"), size), mask)


def test_masks_of_other_sizes_are_averaged_by_area():
    mask = torch.zeros(1, 9, 9)
    mask[:, :, :3] = 1
    torch.testing.assert_close(latent_sized(mask, (1, 3))[0, 0], torch.tensor([1.0, 0.0, 0.0]))
    assert 0 < latent_sized(mask, (2, 2))[0, 0, 0] < 1
