"""Join Edits: several edits of a picture in one pass."""

from collections.abc import Callable
from itertools import permutations
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

from benchmarks import checker
from benchmarks.several import rights, two_edits
from diffedit_core.sizes import latent_sized
from tests.families.zoo import FAMILIES
from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults

FIRST_SEED = 3_000_000
SIZE = 72, 104  # of the pictures in `latent`


class Edit(NamedTuple):
    """What Join Edits takes of an edit, and what it gives."""

    mask: Tensor
    target: list[Any]
    heat: Tensor | None = None


Join = Callable[[Edit, Edit], Edit]


@pytest.fixture
def join(nodes) -> Join:
    def run(a: Edit, b: Edit) -> Edit:
        inputs = {"mask_a": a.mask, "target_a": a.target, "heat_map_a": a.heat}
        inputs |= {"mask_b": b.mask, "target_b": b.target, "heat_map_b": b.heat}
        return Edit(*nodes.DiffEditJoinEdits.execute(**inputs).result)

    return run


@pytest.fixture
def one(prompts) -> Edit:
    return Edit(box(16, 48, 0, 40), prompts.target)


@pytest.fixture
def two(demo) -> Edit:
    return Edit(box(24, 64, 56, 96), demo.encode("a blue cup"))


def box(top: int, bottom: int, left: int, right: int) -> Tensor:
    mask = torch.zeros(1, *SIZE)
    mask[:, top:bottom, left:right] = 1
    return mask


def random_edit(seed: int) -> Edit:
    """One for each of two pictures; its prompt is known by its number."""
    coarse = torch.rand(2, 2, 6, 8, generator=torch.Generator().manual_seed(seed))
    heat, soft = torch.nn.functional.interpolate(coarse, SIZE, mode="bilinear").unbind(1)
    return Edit((soft - 0.5).clamp(min=0), [[torch.tensor([[[float(seed)]]]), {}]], heat)


def regions(edit: Edit) -> dict[float, Tensor]:
    """Where each prompt acts, by its number."""
    return {float(context): options["mask"] for context, options in edit.target}


def test_every_place_belongs_to_the_hottest_edit_that_covers_it(join):
    edits = [random_edit(seed) for seed in range(3)]
    joined = join(join(edits[0], edits[1]), edits[2])
    masks = torch.stack([edit.mask for edit in edits])
    covered = masks > 0
    inside = covered.any(0)
    assert covered.all(0).any() and not inside.all()
    heats = torch.stack([edit.heat for edit in edits]).where(covered, -1)
    found = torch.stack(list(regions(joined).values()))
    assert torch.equal(found.sum(0), torch.ones_like(joined.mask))
    assert torch.equal(found.argmax(0)[inside], heats.argmax(0)[inside])
    assert torch.equal(joined.mask, masks.amax(0))
    assert torch.equal(joined.heat[inside], heats.amax(0)[inside])


def test_the_order_of_the_edits_does_not_matter(join):
    edits = [random_edit(seed) for seed in range(3)]
    expected = join(join(edits[0], edits[1]), edits[2])
    inside = expected.mask > 0
    for a, b, c in permutations(edits):
        for joined in (join(join(a, b), c), join(a, join(b, c))):
            assert torch.equal(joined.mask, expected.mask)
            for number, region in regions(expected).items():
                assert torch.equal(regions(joined)[number][inside], region[inside])


def test_without_heat_maps_the_lighter_mask_has_the_place(join, one, two):
    ramp = torch.linspace(0.1, 0.9, SIZE[1]).expand(1, *SIZE)
    joined = join(one._replace(mask=ramp), two._replace(mask=ramp.flip(-1)))
    right_half = (torch.arange(SIZE[1]) >= SIZE[1] / 2).float().expand(1, *SIZE)
    assert torch.equal(joined.target[0][1]["mask"], right_half)
    assert torch.equal(joined.heat, joined.mask)


def test_a_single_step_makes_each_edit_in_its_own_region(stages, join, latent, one, two):
    """Up to the edges of masks that end within cells."""
    one, two = one._replace(mask=box(13, 50, 3, 41)), two._replace(mask=box(21, 61, 50, 99))
    inverted = stages.invert(latent, steps=1, strength=1.0)
    together, first, second = (
        stages.sample(inverted, mask=edit.mask, positive=edit.target)["samples"]
        for edit in (join(one, two), one, two)
    )
    in_one = latent_sized(one.mask, (9, 13))[:, None] > 0
    torch.testing.assert_close(together, first.where(in_one, second), atol=1e-4, rtol=1e-4)


def test_two_edits_of_one_target_are_one_edit(stages, join, latent, prompts):
    a, b = (Edit(box(*edges), prompts.target) for edges in ((13, 50, 3, 45), (21, 61, 42, 99)))
    inverted = stages.invert(latent)
    joined = join(a, b)
    together = stages.sample(inverted, mask=joined.mask, positive=joined.target)["samples"]
    plain = stages.sample(inverted, mask=torch.maximum(a.mask, b.mask))["samples"]
    torch.testing.assert_close(together, plain, atol=1e-4, rtol=1e-4)


def test_an_edit_joined_with_an_empty_mask_is_that_edit_alone(stages, join, latent, one, two):
    inverted = stages.invert(latent)
    joined = join(one, two._replace(mask=torch.zeros_like(two.mask)))
    together = stages.sample(inverted, mask=joined.mask, positive=joined.target)["samples"]
    alone = stages.sample(inverted, mask=one.mask)["samples"]
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_a_mask_that_leaks_onto_the_other_thing_changes_nothing(stages, join, latent, one, two):
    clean = join(one._replace(heat=one.mask), two._replace(heat=two.mask))
    leak = Edit(torch.maximum(one.mask, two.mask), one.target, one.mask + 0.4 * two.mask)
    leaking = join(leak, two._replace(heat=two.mask))
    inverted = stages.invert(latent)
    expected, found = (
        stages.sample(inverted, mask=edit.mask, positive=edit.target)["samples"]
        for edit in (clean, leaking)
    )
    assert torch.equal(found, expected)


def test_cost_of_two_edits(stages, join, count_forwards, latent, one, two):
    inverted = stages.invert(latent)
    joined = join(one, two)
    sizes, _ = count_forwards()
    stages.sample(inverted, mask=joined.mask, positive=joined.target)
    # For each of two pictures: two targets and a negative.
    assert sum(sizes) == 2 * 3 * 4


def test_masks_for_each_picture_of_a_batch(stages, join, latent, one, two):
    swapped = torch.cat([one.mask, two.mask]), torch.cat([two.mask, one.mask])
    both = join(one._replace(mask=swapped[0]), two._replace(mask=swapped[1]))
    together = stages.sample(stages.invert(latent), mask=both.mask, positive=both.target)
    for image in range(2):
        alone = join(*(e._replace(mask=m[image]) for e, m in zip((one, two), swapped, strict=True)))
        inverted = stages.invert({"samples": latent["samples"][image : image + 1]})
        expected = stages.sample(inverted, mask=alone.mask, positive=alone.target)["samples"]
        found = together["samples"][image : image + 1]
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_a_prompt_with_a_region_of_its_own_keeps_to_it(stages, join, latent, one, two):
    """As from Conditioning Set Mask, which takes a mask of any size."""
    upper = (torch.arange(SIZE[0]) < 40).float()[:, None].expand(1, *SIZE)
    large = upper.repeat_interleave(2, 1).repeat_interleave(2, 2)
    bounded = join(one, two._replace(target=[[two.target[0][0], {"mask": large}]]))
    halved = join(one, two._replace(mask=two.mask * upper))
    assert halved.mask.sum() < torch.maximum(one.mask, two.mask).sum()
    assert torch.equal(bounded.mask, halved.mask)
    inverted = stages.invert(latent)
    found, expected = (
        stages.sample(inverted, mask=edit.mask, positive=edit.target)["samples"]
        for edit in (bounded, halved)
    )
    assert torch.equal(found, expected)


def test_a_prompt_keeps_its_other_options(join, one, two):
    weak = [[two.target[0][0], {"mask": torch.ones(1, 9, 13), "mask_strength": 0.5}]]
    _, (_, options) = join(one, two._replace(target=weak)).target
    assert options["mask_strength"] == 0.5


def test_a_video_takes_one_mask_for_each_edit(nodes, join):
    family = FAMILIES["WAN21_T2V"]
    model, source, target = family.model(), family.conditioning(1), family.conditioning(2)
    edits = [Edit(mask[:, :64, :96], target) for mask in (box(0, 40, 8, 50), box(24, 64, 48, 90))]
    inputs = {
        "model": model,
        "latent": {"samples": family.samples(model)},
        "conditioning": source,
        "steps": 4,
    }
    (inverted,) = nodes.DDIMInvert.execute(**{**defaults(nodes.DDIMInvert), **inputs}).result

    def sample(mask: Tensor, positive: list[Any]) -> Tensor:
        inputs = {"model": model, "positive": positive, "negative": source, "latent": inverted}
        fixed = defaults(nodes.MaskedDDIMSample)
        return nodes.MaskedDDIMSample.execute(**fixed, **inputs, mask=mask).result[0]["samples"]

    joined = join(*edits)
    plain = sample(joined.mask, target)
    torch.testing.assert_close(sample(joined.mask, joined.target), plain, atol=1e-4, rtol=1e-4)

    nine_frames = join(*(edit._replace(mask=edit.mask.repeat(9, 1, 1)) for edit in edits))
    with pytest.raises(ValueError, match=r"^positive: there are 9 regions for 3 frames[^\n]*\.$"):
        sample(joined.mask, nine_frames.target)


@pytest.mark.parametrize(
    ("name", "field", "value", "said"),
    [
        ("mask_b", "mask", torch.ones(1, 64, 48), "48×64 pixels and mask_a is 104×72"),
        ("heat_map_b", "heat", torch.ones(1, 9, 13), "13×9 pixels"),
        ("mask_b", "mask", torch.ones(3, *SIZE), "there are 3 masks for 4 pictures"),
        ("heat_map_b", "heat", torch.full(SIZE, torch.nan), "NaN"),
        (
            "target_b",
            "target",
            [[torch.ones(1, 1, 1), {"mask": torch.ones(3, *SIZE)}]],
            "3 regions for 4",
        ),
    ],
)
def test_masks_that_do_not_belong_together(join, one, two, name, field, value, said):
    four = one._replace(mask=one.mask.repeat(4, 1, 1))
    with pytest.raises(ValueError, match=said) as error:
        join(four, two._replace(**{field: value}))
    assert_one_sentence(error, name)


def test_regions_and_pictures_that_do_not_belong_together(stages, join, latent, one, two):
    joined = join(one._replace(mask=one.mask.repeat(3, 1, 1)), two)
    with pytest.raises(ValueError, match="3 regions for 2 pictures") as error:
        stages.sample(stages.invert(latent), mask=one.mask, positive=joined.target)
    assert_one_sentence(error, "positive")


def test_no_mask_at_all(join, one, two):
    with pytest.raises(ValueError) as error:
        join(*(edit._replace(mask=edit.mask[:0]) for edit in (one, two)))
    assert_one_sentence(error, "mask_a")


def test_the_judge_knows_both_things_before_and_after():
    scenes, judge = two_edits(FIRST_SEED), checker.load()
    for case in (next(scenes) for _ in range(3)):
        assert rights(judge, case, case.target.rgb) == [True, True]
        assert rights(judge, case, case.source.rgb) == [False, False]
