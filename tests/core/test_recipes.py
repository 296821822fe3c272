import pytest
import torch

from diffedit_core.recipes import RECIPES, Recipe, heat_map

RAMP = torch.linspace(1, 2, 1001)[None, None]


def test_auto_scales_to_the_largest_that_is_not_extreme():
    spiked = RAMP.clone()
    spiked[..., -3:] = 50.0  # fewer than the extremes
    expected = (RAMP / 1.995).clamp(max=1)
    torch.testing.assert_close(heat_map(RAMP, RECIPES["auto"]), expected)
    torch.testing.assert_close(heat_map(spiked, RECIPES["auto"]), expected)


def test_paper_stretches_between_the_extremes():
    spiked = RAMP.clone()
    spiked[..., -3:], spiked[..., :3] = 50.0, 0.0
    expected = ((RAMP - 1.005) / 0.99).clamp(0, 1)
    torch.testing.assert_close(heat_map(spiked, RECIPES["paper"]), expected)


def test_blog_stretches_from_the_smallest_to_the_largest():
    torch.testing.assert_close(heat_map(RAMP, RECIPES["blog"]), RAMP - 1)


def test_diffusers_cuts_at_one_and_a_half_times_the_mean():
    differences = torch.tensor([[[0.0, 0.0, 0.0, 4.0], [0.0, 1.0, 1.5, 1.51]], [[0.0] * 4] * 2])
    recipe = RECIPES["diffusers"]
    mask = heat_map(differences, recipe) > recipe.threshold
    assert mask.int().tolist() == [[[0, 0, 0, 1], [0, 0, 0, 1]], [[0] * 4] * 2]
    assert heat_map(differences, recipe).max() == 1  # what is beyond the clamp is white


@pytest.mark.parametrize("recipe", [*RECIPES.values(), Recipe(2.0, 0.1, True, 0.3)])
def test_every_recipe_stays_in_range_and_keeps_to_its_image(recipe):
    differences = torch.rand(3, 9, 7, generator=torch.Generator().manual_seed(0)) ** 4
    differences[1] = 0
    soft = heat_map(differences, recipe)
    assert soft.min() == 0 and soft.max() <= 1 and soft[0].max() > 0.5
    assert not soft[1].any()
    torch.testing.assert_close(heat_map(differences[2:], recipe), soft[2:])
    torch.testing.assert_close(heat_map(1000 * differences, recipe), soft)
