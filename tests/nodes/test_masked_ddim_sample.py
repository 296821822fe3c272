"""Masked DDIM Sample's options, on the demo model."""

import pytest
import torch

from diffedit_core.sizes import latent_sized

OPTIONS = [
    {},
    {"steps": 2},
    {"eta": 1.0, "seed": 5},
    {"mask_mode": "differential"},
    {"start": 0.5, "mask_mode": "differential", "eta": 0.5},
]


@pytest.fixture
def inverted(stages, latent) -> dict:
    return stages.invert(latent)


@pytest.fixture
def soft_mask() -> torch.Tensor:
    """Black on the left, then ever lighter; another one for each picture."""
    ramp = torch.linspace(-1, 1, 104).clamp(min=0).expand(72, 104)
    return torch.stack([ramp, ramp.flip(0, 1)])


@pytest.mark.parametrize("options", OPTIONS)
def test_outside_the_mask_is_the_source_whatever_the_options(
    stages, latent, inverted, soft_mask, options
):
    edited = stages.sample(inverted, mask=soft_mask, **options)["samples"]
    source = latent["samples"]
    outside = (latent_sized(soft_mask, (9, 13))[:, None] == 0).expand_as(source)
    assert torch.equal(edited[outside].view(torch.int32), source[outside].view(torch.int32))
    assert (edited[~outside] != source[~outside]).float().mean() > 0.95


@pytest.mark.parametrize(
    ("options", "steps"),
    [({}, 4), ({"start": 0.5}, 2), ({"steps": 3}, 3), ({"start": 0.5, "steps": 1}, 1)],
)
def test_start_and_steps_say_how_often_the_model_is_asked(
    stages, inverted, half_mask, count_forwards, options, steps
):
    sizes, _ = count_forwards()
    stages.sample(inverted, mask=half_mask, **options)
    assert len(sizes) == steps


def test_a_start_below_the_top_is_an_inversion_of_that_strength(stages, latent, half_mask):
    higher, lower = (stages.invert(latent, strength=strength) for strength in (0.8, 0.4))
    started = stages.sample(higher, mask=half_mask, start=0.5)["samples"]
    torch.testing.assert_close(started, stages.sample(lower, mask=half_mask)["samples"])


def test_a_full_mask_is_comfyuis_own_sampler(stages, demo, prompts, inverted):
    """Its `euler` is DDIM."""
    from comfy import sample, samplers

    sigmas = torch.tensor(inverted["diffedit_trajectory"].sigmas).flip(0)
    expected = sample.sample_custom(
        demo.model,
        torch.zeros_like(inverted["samples"]),
        7.5,
        samplers.sampler_object("euler"),
        sigmas,
        prompts.target,
        prompts.empty,
        inverted["samples"],
    )
    ours = stages.sample(inverted, mask=torch.ones(72, 104))["samples"]
    torch.testing.assert_close(ours, expected, atol=1e-3, rtol=1e-3)


def test_the_seed_chooses_the_noise_that_eta_renews(stages, inverted, half_mask):
    def edited(eta, seed):
        return stages.sample(inverted, mask=half_mask, eta=eta, seed=seed)["samples"]

    assert torch.equal(edited(0.8, 1), edited(0.8, 1))
    assert not torch.equal(edited(0.8, 1), edited(0.8, 2))
    assert torch.equal(edited(0.0, 1), edited(0.0, 2))


def test_a_start_without_a_step(stages, inverted, half_mask):
    with pytest.raises(ValueError, match=r"^start: [^\n]*\.$"):
        stages.sample(inverted, mask=half_mask, start=0.1)


def test_differential_begins_later_where_the_mask_is_darker(stages, inverted):
    grey = stages.sample(inverted, mask=torch.full((72, 104), 0.5), mask_mode="differential")[
        "samples"
    ]
    later = stages.sample(inverted, mask=torch.ones(72, 104), start=0.5)["samples"]
    torch.testing.assert_close(grey, later)


def test_a_prompt_for_each_picture(stages, demo, prompts, latent, half_mask):
    other = demo.encode("a blue cup")
    both = [[torch.cat([prompts.target[0][0], other[0][0]]), {}]]
    inverted = stages.invert(latent)
    together = stages.sample(inverted, positive=both, mask=half_mask)["samples"]
    for image, positive in enumerate((prompts.target, other)):
        alone = stages.sample(inverted, positive=positive, mask=half_mask)["samples"]
        torch.testing.assert_close(together[image], alone[image], atol=1e-4, rtol=1e-4)


def test_prompts_that_do_not_belong_to_the_pictures(stages, prompts, inverted, half_mask):
    three = [[prompts.target[0][0].expand(3, -1, -1), {}]]
    with pytest.raises(ValueError, match=r"^positive: there are 3 prompts for 2 pictures"):
        stages.sample(inverted, positive=three, mask=half_mask)
