"""Prompts that act only somewhere, or only at some noise levels."""

import pytest
import torch

from tests.one_sentence import assert_one_sentence

LEFT = torch.zeros(1, 72, 104)
LEFT[..., :52] = 1


def limited(prompt: list, **options) -> list:
    return [[context, {**rest, **options}] for context, rest in prompt]


def in_region(prompt: list, region: torch.Tensor) -> list:
    """As Conditioning Set Mask makes it."""
    return limited(prompt, mask=region, mask_strength=1.0)


def in_left_area(prompt: list) -> list:
    """As Conditioning Set Area makes it: 9 rows, 6 columns, from the top left."""
    return limited(prompt, area=(9, 6, 0, 0), strength=1.0)


@pytest.mark.parametrize("limit", [lambda prompt: in_region(prompt, LEFT), in_left_area])
@pytest.mark.parametrize("name", ["source", "target"])
def test_a_prompt_for_a_region_limits_the_mask_to_it(find_mask, prompts, latent, limit, name):
    image = torch.rand(2, 72, 104, 3, generator=torch.Generator().manual_seed(0))
    whole, _ = find_mask(latent, image=image).result[:2]
    mask, heat = find_mask(latent, image=image, **{name: limit(getattr(prompts, name))}).result[:2]
    right = 56 if limit is not in_left_area else 48
    assert whole[..., right:].any()
    assert not mask[..., right:].any() and not heat[..., right:].any()
    assert mask[..., :right].any()


def test_both_prompts_may_act_in_different_regions_that_overlap(find_mask, prompts, latent):
    right = 1 - torch.roll(LEFT, -16, dims=-1)  # from column 36 on
    source, target = in_region(prompts.source, LEFT), in_region(prompts.target, right)
    _, heat = find_mask(latent, source=source, target=target).result[:2]
    columns = heat.amax((0, 1)) > 0
    assert columns[40:48].all() and not columns[:32].any() and not columns[56:].any()


@pytest.mark.parametrize("limited_ones", [("source", "target"), ("target",), ("source",)])
def test_prompts_that_never_act_where_they_are_compared(find_mask, prompts, latent, limited_ones):
    early = {"start_percent": 0.0, "end_percent": 0.2}
    given = {name: limited(getattr(prompts, name), **early) for name in limited_ones}
    with pytest.raises(ValueError, match="there is nothing to compare") as error:
        find_mask(latent, **given)
    assert_one_sentence(error, limited_ones[-1])


def test_prompts_that_never_act_together(find_mask, prompts, latent):
    far_right = 1 - torch.roll(LEFT, 16, dims=-1).maximum(LEFT)
    source, target = in_region(prompts.source, LEFT), in_region(prompts.target, far_right)
    with pytest.raises(ValueError, match="never acts where source does"):
        find_mask(latent, source=source, target=target)


def test_a_prompt_that_acts_at_one_of_the_noise_levels(find_mask, prompts, latent):
    """There the heat map is that of this noise level alone."""
    early = limited(prompts.target, start_percent=0.0, end_percent=0.5)
    heat = find_mask(latent, target=early, draws=4).result[1]
    manual = {"recipe": "auto", "spread": 0.0}
    assert heat.any()
    alone = find_mask(latent, strength=0.7, recipe=manual, draws=4).result[1]
    correlation = torch.corrcoef(torch.stack([heat.flatten(), alone.flatten()]))[0, 1]
    assert correlation > 0.9


@pytest.mark.parametrize(
    "limit",
    [
        lambda prompt: in_region(prompt, LEFT),
        in_left_area,
        lambda prompt: limited(prompt, start_percent=0.0, end_percent=0.5),
    ],
)
def test_an_inversion_wants_a_prompt_everywhere(stages, prompts, latent, limit, half_mask):
    part = limit(prompts.source)
    with pytest.raises(ValueError, match="left without a prompt") as error:
        stages.invert(latent, conditioning=part)
    assert_one_sentence(error, "conditioning")
    with pytest.raises(ValueError) as error:
        stages.invert(latent, conditioning=prompts.source, negative=part, cfg=2.0)
    assert_one_sentence(error, "negative")
    inverted = stages.invert(latent, conditioning=part + prompts.empty)
    assert inverted["samples"].isfinite().all()
    default = [[context, {**rest, "default": True}] for context, rest in prompts.empty]
    inverted = stages.invert(latent, conditioning=part + default)
    assert inverted["samples"].isfinite().all()


def test_an_edit_wants_prompts_only_inside_the_mask(stages, prompts, latent):
    target = in_region(prompts.target, LEFT)
    inverted = stages.invert(latent)
    with pytest.raises(ValueError, match="left without a prompt") as error:
        stages.sample(inverted, positive=target, mask=torch.ones(1, 72, 104))
    assert_one_sentence(error, "positive")
    inside = torch.zeros(1, 72, 104)
    inside[..., :48] = 1
    edited = stages.sample(inverted, positive=target, mask=inside)["samples"]
    everywhere = stages.sample(inverted, mask=inside)["samples"]
    torch.testing.assert_close(edited[..., :4], everywhere[..., :4], atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize("name", ["source", "target", "source_negative", "target_negative"])
def test_regions_and_pictures_in_the_mask(find_mask, prompts, latent, name):
    three = in_region(prompts.source, LEFT.repeat(3, 1, 1))
    negatives = {"source_negative": prompts.empty, "target_negative": prompts.source}
    with pytest.raises(ValueError, match="3 regions for 2 pictures") as error:
        find_mask(latent, **{**negatives, name: three})
    assert_one_sentence(error, name)


@pytest.mark.parametrize("name", ["conditioning", "negative"])
def test_regions_and_pictures_in_the_inversion(stages, prompts, latent, name):
    three = in_region(prompts.source, LEFT.repeat(3, 1, 1))
    given = {"conditioning": prompts.source, "negative": prompts.empty, "cfg": 2.0}
    with pytest.raises(ValueError, match="3 regions for 2 pictures") as error:
        stages.invert(latent, **{**given, name: three})
    assert_one_sentence(error, name)


@pytest.mark.parametrize("name", ["positive", "negative"])
def test_regions_and_pictures_in_the_edit(stages, prompts, latent, half_mask, name):
    three = in_region(prompts.source, LEFT.repeat(3, 1, 1))
    with pytest.raises(ValueError, match="3 regions for 2 pictures") as error:
        stages.sample(stages.invert(latent), mask=half_mask, **{name: three})
    assert_one_sentence(error, name)
