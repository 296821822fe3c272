"""DiffEdit Mask on the demo model: what it gives, and what it costs."""

import pytest
import torch

from tools.in_process import defaults

AUTO = {"recipe": "auto", "spread": 0.2}
IMAGE = torch.rand(2, 72, 104, 3, generator=torch.Generator().manual_seed(0))  # of the latent
MANUAL = {"recipe": "manual", "spread": 0.0, "extremes": 0.0, "clamp": 0.0, "stretch": False}


def test_masks_are_image_sized_and_normalised(find_mask, latent):
    mask, heat_map = find_mask(latent).result[:2]
    assert mask.shape == heat_map.shape == (2, 72, 104)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert heat_map.min() >= 0 and heat_map.max() <= 1
    assert mask.device.type == heat_map.device.type == "cpu"
    assert mask.dtype == heat_map.dtype == torch.float32


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_a_draw_costs_two_evaluations(find_mask, count_forwards, latent, spread):
    sizes, _ = count_forwards()
    found = find_mask(latent, draws=6, recipe={"recipe": "auto", "spread": spread})
    assert sum(sizes) == 2 * 6 * 2
    assert found.ui["draws"] == [6, 6]


def test_draws_share_a_call_as_far_as_memory_allows(
    find_mask, count_forwards, demo, latent, monkeypatch
):
    import comfy.model_management

    recipe = {"recipe": "auto", "spread": 0.0}
    sizes, _ = count_forwards()
    _, together = find_mask(latent, draws=6, recipe=recipe).result[:2]
    assert sizes == [2 * 2 * 6]

    # ComfyUI's estimate for one draw of both pictures under both prompts, and its reserve.
    one_draw = 1.5 * demo.model.model.memory_required([4, *latent["samples"].shape[1:]])
    for room, expected in ((2.5, [8, 8, 8]), (1.1, [4] * 6), (0.1, [2] * 12)):
        free = room * one_draw
        monkeypatch.setattr(
            comfy.model_management,
            "get_free_memory",
            lambda device=None, torch_free_too=False, free=free: (
                (free, free) if torch_free_too else free
            ),
        )
        sizes.clear()
        _, apart = find_mask(latent, draws=6, recipe=recipe).result[:2]
        assert sizes == expected
        torch.testing.assert_close(apart, together, atol=1e-3, rtol=0)


def test_different_negative_prompts_cost_four_evaluations_and_change_the_mask(
    find_mask, count_forwards, demo, prompts, latent
):
    sizes, _ = count_forwards()
    _, plain = find_mask(latent).result[:2]
    assert sum(sizes) == 2 * 2 * 2

    sizes.clear()
    same = {"source_negative": prompts.empty, "target_negative": demo.encode("")}
    _, cancelled = find_mask(latent, **same).result[:2]
    assert sum(sizes) == 2 * 2 * 2
    assert torch.equal(cancelled, plain)

    sizes.clear()
    different = {"source_negative": prompts.empty, "target_negative": demo.encode("a red cup")}
    _, pushed = find_mask(latent, **different).result[:2]
    assert sum(sizes) == 4 * 2 * 2
    assert (pushed - plain).abs().mean() > 0.01

    _, weak = find_mask(latent, **different, cfg=1.0).result[:2]
    torch.testing.assert_close(weak, plain, atol=1e-3, rtol=0)


def test_adaptive_draws_are_fewer_and_reported(find_mask, count_forwards, latent):
    sizes, _ = count_forwards()
    found = find_mask(latent, draws=100, adaptive=True)
    assert sum(sizes) == 2 * 2 * max(found.ui["draws"])
    assert all(4 <= draws < 100 for draws in found.ui["draws"])


@pytest.mark.parametrize("adaptive", [False, True])
def test_an_image_does_not_depend_on_its_batch(find_mask, latent, adaptive):
    together = find_mask(latent, draws=20, adaptive=adaptive)
    second = {"samples": latent["samples"][1:], "batch_index": [1]}
    alone = find_mask(second, draws=20, adaptive=adaptive)
    torch.testing.assert_close(together.result[1][1:], alone.result[1], atol=1e-3, rtol=0)
    assert together.ui["draws"][1:] == alone.ui["draws"]


def test_one_prompt_for_each_picture(find_mask, demo, latent):
    """Each picture of a batch gets what it gets alone under its own pair of prompts."""
    pairs = [("a red ball", "a blue ball"), ("a bowl of red apples", "a bowl of green pears")]
    contexts = [
        torch.cat([demo.encode(text)[0][0] for text in texts]) for texts in zip(*pairs, strict=True)
    ]
    source, target = ([[context, {}]] for context in contexts)
    _, together = find_mask(latent, source=source, target=target, draws=4).result[:2]
    for index, (one, other) in enumerate(pairs):
        alone = {"samples": latent["samples"][index : index + 1], "batch_index": [index]}
        prompts = {"source": demo.encode(one), "target": demo.encode(other)}
        _, expected = find_mask(alone, **prompts, draws=4).result[:2]
        torch.testing.assert_close(together[index : index + 1], expected, atol=1e-3, rtol=0)
    assert (together[0] - together[1]).abs().mean() > 0.02


def test_an_empty_source_prompt_is_a_reference_too(find_mask, prompts, latent):
    mask, heat_map = find_mask(latent, source=prompts.empty).result[:2]
    assert mask.any() and not mask.all() and heat_map.std() > 0.05


def test_full_strength_compares_in_pure_noise(find_mask, latent):
    for spread in (0.0, 0.2):
        _, heat_map = find_mask(
            latent, strength=1.0, recipe={"recipe": "auto", "spread": spread}
        ).result[:2]
        assert heat_map.isfinite().all() and heat_map.any()


@pytest.mark.parametrize("recipe", ["auto", "paper", "diffusers", "blog"])
def test_equal_prompts_give_an_empty_mask(find_mask, demo, prompts, latent, recipe):
    chosen = AUTO if recipe == "auto" else {"recipe": recipe}
    for same in (prompts.source, demo.encode("a bowl of red apples")):
        mask, heat_map = find_mask(latent, target=same, recipe=chosen, image=IMAGE).result[:2]
        assert not mask.any() and not heat_map.any()


@pytest.mark.parametrize("image", [None, IMAGE])
def test_auto_is_what_mask_refine_makes_of_the_heat_map(nodes, find_mask, latent, image):
    mask, heat_map = find_mask(latent, image=image).result[:2]
    settings = defaults(nodes.MaskRefine)
    (refined,) = nodes.MaskRefine.execute(mask=heat_map, image=image, **settings).result
    assert torch.equal(mask, refined)
    assert 0 < mask.mean() < 1


@pytest.mark.parametrize("name", ["paper", "diffusers", "blog"])
def test_classic_recipes_cut_cells_at_one_noise_level(find_mask, latent, name):
    """Each is a case of the manual recipe."""
    manual = {
        "paper": {"extremes": 0.5, "stretch": True, "threshold": 0.5},
        "diffusers": {"clamp": 3.0, "threshold": 0.5},
        "blog": {"stretch": True, "threshold": 0.1},
    }[name]
    chosen = find_mask(latent, recipe={"recipe": name}).result[:2]
    by_hand = find_mask(latent, recipe={**MANUAL, **manual}).result[:2]
    for one, other in zip(chosen, by_hand, strict=True):
        assert torch.equal(one, other)
    cells = chosen[0].reshape(2, 9, 8, 13, 8)
    assert torch.equal(cells.amin((2, 4)), cells.amax((2, 4)))


def test_the_preview_is_the_heat_over_the_picture(nodes):
    import sys

    heat_overlay = sys.modules[nodes.DiffEditMask.__module__].heat_overlay
    picture = IMAGE[:1]

    def change(heat: float) -> float:
        shown = heat_overlay(torch.full((1, 72, 104), heat), picture)
        return float((shown - picture).abs().mean())

    assert change(0.0) == 0
    assert 0.02 < change(0.05) < change(1.0) / 2
    hot = torch.ones(1, 72, 104)
    assert (heat_overlay(hot, picture) - heat_overlay(hot, None)).abs().max() < 0.2


def test_pictures_are_cropped_as_vae_encode_crops_them(nodes, demo, find_mask):
    """A picture whose sides are no multiples of 8 stays in place under its mask."""
    import sys

    pictures = sys.modules[nodes.DiffEditMask.__module__].pictures
    image = torch.rand(1, 77, 107, 4, generator=torch.Generator().manual_seed(1))
    expected = demo.vae.vae_encode_crop_pixels(image)[..., :3]
    size = expected.shape[1:3]
    assert size != image.shape[1:3]
    assert torch.equal(pictures(image, 1, size), expected)
    find_mask({"samples": demo.vae.encode(image[..., :3])}, image=image)


def test_predictions_can_be_decoded(nodes, demo):
    """What the model takes the picture for looks like the picture under its own prompt, and like
    what it should become under the other: greener where there are pears.
    """
    (image,) = nodes.DiffEditDemoPicture.execute(picture="source.png").result
    given = {
        "source": demo.encode("a blue bowl of oranges on a wooden table"),
        "target": demo.encode("a blue bowl of pears on a wooden table"),
        "latent": {"samples": demo.vae.encode(image)},
    }
    inputs = {**defaults(nodes.DiffEditMask), **given, "model": demo.model, "image": image}
    mask, _, source, target = nodes.DiffEditMask.execute(**inputs).result
    before, after = (demo.vae.decode(one["samples"]) for one in (source, target))
    assert (before - image).abs().mean() < 0.05
    inside = mask[0] > 0
    green = [(one[0, ..., 1] - one[0, ..., 0])[inside].mean() for one in (before, after)]
    assert green[1] > green[0] + 0.1
    assert (after - before)[0][~inside].abs().mean() < 0.02
