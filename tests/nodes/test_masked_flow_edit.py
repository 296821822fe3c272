"""Masked FlowEdit, on the demo model."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tools.in_process import defaults

STEPS, STRENGTH = 5, 0.8


@pytest.fixture
def edit(nodes, demo, prompts, half_mask) -> Callable[..., torch.Tensor]:
    """The edited samples, with few steps and the defaults unless told otherwise."""
    given = {"model": demo.model, "steps": STEPS, "strength": STRENGTH, "mask": half_mask}
    given |= {"source": prompts.source, "target": prompts.target, "negative": prompts.empty}

    def run(latent: dict, **inputs: Any) -> torch.Tensor:
        node = nodes.DiffEditFlowEdit
        fixed = {**defaults(node), **given}
        return node.execute(**{**fixed, "latent": latent, **inputs}).result[0]["samples"]

    return run


def test_outside_the_mask_is_the_source_bit_for_bit(edit, latent):
    edited, source = edit(latent), latent["samples"]
    outside = torch.ones_like(source, dtype=torch.bool)
    outside[:, :, 2:6, :5] = False
    assert torch.equal(edited[outside].view(torch.int32), source[outside].view(torch.int32))
    assert (edited[~outside] != source[~outside]).float().mean() > 0.95


def test_equal_prompts_return_the_source(edit, prompts, latent):
    returned = edit(latent, target=prompts.source, cfg=1.0)
    torch.testing.assert_close(returned, latent["samples"], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("cfg", "evaluations"), [(7.5, 3), (1.0, 2)])
def test_cost(edit, latent, count_forwards, cfg, evaluations):
    sizes, _ = count_forwards()
    edit(latent, cfg=cfg)
    assert sum(sizes) == evaluations * round(STEPS * STRENGTH) * len(latent["samples"])


def test_the_seed_chooses_the_edit(edit, latent):
    assert torch.equal(edit(latent, seed=1), edit(latent, seed=1))
    assert not torch.equal(edit(latent, seed=1), edit(latent, seed=2))


def test_a_picture_taken_out_of_its_batch_keeps_its_edit(edit, latent):
    alone = edit({"samples": latent["samples"][1:], "batch_index": [1]})
    torch.testing.assert_close(alone, edit(latent)[1:], atol=1e-4, rtol=1e-4)


def test_guidance_needs_a_negative(edit, latent):
    with pytest.raises(ValueError, match=r"^negative: a cfg of 7.5 [^\n]*\.$"):
        edit(latent, negative=None)
    assert edit(latent, negative=None, cfg=1.0).isfinite().all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("source", "two"), ("mask", torch.ones(3, 8, 8)), ("strength", 0.0), ("sigmas", [])],
)
def test_bad_input_is_named(edit, prompts, latent, name, value):
    if value == "two":
        value = [[prompts.source[0][0].expand(3, -1, -1), {}]]
    value = torch.tensor(value) if value == [] else value
    with pytest.raises(ValueError, match=rf"^{name}: [^\n]*\.$"):
        edit(latent, **{name: value})


def test_a_prompt_for_a_region_has_to_reach_the_mask(edit, prompts, latent):
    somewhere = [[prompts.target[0][0], {"area": (2, 2, 0, 0), "strength": 1.0}]]
    with pytest.raises(ValueError, match=r"^target: it acts only in a region"):
        edit(latent, target=somewhere)
