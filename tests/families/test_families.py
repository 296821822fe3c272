"""Every class of ComfyUI's list of models: run through all stages, refused, or named with a reason.

In plain `make test` a few families stand for the rest; `make test-families` runs all of them.
"""

from dataclasses import replace

import pytest
import torch

from tests.families.stages import Stages, relative
from tests.families.zoo import FAMILIES, NOT_BUILT, REFUSED
from tests.one_sentence import assert_one_sentence

STOCK = 1e-6
"""Of the latent's norm: our DDIM step and ComfyUI's Euler step differ by rounding alone."""


def test_every_class_of_comfyuis_list_is_decided(nodes):
    from comfy.supported_models import models

    run, refused = ({one.config for one in some.values()} for some in (FAMILIES, REFUSED))
    known = {one.__name__ for one in models}
    for name in sorted(known - run - refused - NOT_BUILT.keys()):
        pytest.fail(f"decide about it: {name}")
    assert run | refused | NOT_BUILT.keys() == known
    assert not run & refused and not (run | refused) & NOT_BUILT.keys()


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(name, marks=() if family.quick else pytest.mark.families)
        for name, family in FAMILIES.items()
    ],
)
def stages(request, nodes) -> Stages:
    return Stages(nodes, FAMILIES[request.param])


def test_a_mask_has_the_size_of_the_picture(stages):
    mask, heat_map = stages.masks
    assert mask.shape == heat_map.shape == (len(stages.latent["samples"]), *stages.picture_size)
    assert mask.any() and 0 <= heat_map.min() < heat_map.max() <= 1


def test_the_mask_of_equal_prompts_is_empty(stages):
    mask, heat_map = stages.masks_of_equal_prompts
    assert not mask.any() and not heat_map.any()


def test_inversion_and_decoding_return_the_source(stages):
    assert stages.round_trip < stages.family.tolerance


def test_outside_the_mask_is_the_source_bit_for_bit(stages):
    edited, background, before, source = stages.halves(stages.decode(stages.left_half))
    assert torch.equal(background, source)
    assert edited.isfinite().all() and (edited != before).float().mean() > 0.99


def test_flow_edit_keeps_what_is_outside_the_mask_bit_for_bit(stages):
    flow_edited = stages.flow_edit(stages.left_half, stages.target, cfg=2.0)
    edited, background, before, source = stages.halves(flow_edited)
    assert torch.equal(background, source)
    assert edited.isfinite().all() and (edited != before).float().mean() > 0.99


def test_flow_edit_between_equal_prompts_returns_the_source(stages):
    returned = stages.flow_edit(stages.everywhere, stages.source, cfg=1.0)
    assert relative(returned, stages.latent["samples"]) < 1e-5


def test_a_stock_sampler_goes_on_from_the_inverted_latent(stages):
    if stages.family.no_stock:
        pytest.skip(stages.family.no_stock)
    assert stages.stock < STOCK


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize(
    "node", ["DiffEditMask", "DDIMInvert", "DiffEditNoiseTrajectory", "DiffEditFlowEdit"]
)
def test_what_cannot_be_edited_is_refused(nodes, name, node):
    stages = Stages(nodes, REFUSED[name])
    prompts = {
        "DiffEditMask": {"source": stages.source, "target": stages.target},
        "DDIMInvert": {"conditioning": stages.source},
        "DiffEditNoiseTrajectory": {},
        "DiffEditFlowEdit": {
            "source": stages.source,
            "target": stages.target,
            "negative": stages.source,
            "mask": torch.ones(1, 8, 8),
        },
    }
    with pytest.raises(ValueError) as error:
        stages.call(node, latent={"samples": torch.ones(stages.family.latent)}, **prompts[node])
    assert_one_sentence(error, "model")
    assert stages.family.refused in str(error.value)


@pytest.mark.parametrize("name", ["Flux", "QwenImage", "LTXV"])
def test_a_prompt_of_another_text_encoder_is_refused_by_the_network(nodes, name):
    stages = Stages(nodes, replace(FAMILIES[name], context=24))
    with pytest.raises(ValueError) as error:
        stages.invert()
    assert_one_sentence(error, "model")


def test_a_prompt_without_its_pooled_embedding(nodes):
    stages = Stages(nodes, FAMILIES["SD3"])
    context, _ = stages.source[0]
    with pytest.raises(ValueError) as error:
        stages.invert(conditioning=[[context, {}]])
    assert_one_sentence(error, "model")


def test_networks_see_falling_noise_levels(nodes):
    """Some look up where among them they are."""
    stages, seen = Stages(nodes, FAMILIES["SD3"]), []
    stages.model.model.diffusion_model.register_forward_pre_hook(
        lambda network, args, options: seen.append(options["transformer_options"]["sample_sigmas"]),
        with_kwargs=True,
    )
    for stage in ("masks", "inverted", "edited"):
        getattr(stages, stage)
        assert seen and all((sigmas[1:] < sigmas[:-1]).all() for sigmas in seen)
        seen.clear()
