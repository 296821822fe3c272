"""Every mistake gets one sentence that names the input; a right result follows all the same."""

import pytest
import torch

from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults


@pytest.fixture
def invert(nodes, demo):
    """DDIMInvert, with its defaults and four steps unless told otherwise."""

    def run(latent, **inputs):
        fixed = {**defaults(nodes.DDIMInvert), "model": demo.model, "steps": 4, "strength": 0.5}
        return nodes.DDIMInvert.execute(**{**fixed, "latent": latent, **inputs}).result[0]

    return run


@pytest.fixture
def inverted(invert, latent) -> dict:
    return invert(latent)


@pytest.fixture
def sample(nodes, demo, prompts):
    def run(latent, mask, **inputs):
        fixed = {**defaults(nodes.MaskedDDIMSample), "model": demo.model}
        fixed |= {"positive": prompts.target, "negative": prompts.empty}
        arguments = {**fixed, "latent": latent, "mask": mask, **inputs}
        return nodes.MaskedDDIMSample.execute(**arguments).result[0]

    return run


MASK = torch.ones(1, 72, 104)


def broken(latent: dict, value: float) -> dict:
    samples = latent["samples"].clone()
    samples[0, 0, 0, 0] = value
    return {"samples": samples}


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_nan_in_the_latent(invert, find_mask, latent, value):
    with pytest.raises(ValueError) as error:
        find_mask(broken(latent, value))
    assert_one_sentence(error, "latent")
    with pytest.raises(ValueError) as error:
        invert(broken(latent, value))
    assert_one_sentence(error, "latent")


def test_nan_in_the_mask(nodes, sample, inverted):
    mask = MASK.clone()
    mask[0, 3, 3] = torch.nan
    with pytest.raises(ValueError) as error:
        sample(inverted, mask)
    assert_one_sentence(error, "mask")
    with pytest.raises(ValueError) as error:
        nodes.MaskRefine.execute(mask=mask, **defaults(nodes.MaskRefine))
    assert_one_sentence(error, "mask")


def test_a_latent_without_a_trajectory(sample, latent):
    with pytest.raises(ValueError, match="DDIM Invert") as error:
        sample(latent, MASK)
    assert_one_sentence(error, "latent")


@pytest.mark.parametrize(
    "change",
    [
        lambda samples: torch.nn.functional.interpolate(samples, scale_factor=2),
        lambda samples: samples[:1],
        lambda samples: samples.flip(-1),
    ],
    ids=["resized", "taken from its batch", "flipped"],
)
def test_a_latent_changed_since_its_inversion(sample, inverted, change):
    with pytest.raises(ValueError, match="after DDIM Invert") as error:
        sample({**inverted, "samples": change(inverted["samples"])}, MASK)
    assert_one_sentence(error, "latent")


def test_too_many_masks(sample, inverted):
    with pytest.raises(ValueError, match="3 masks for 2 pictures") as error:
        sample(inverted, MASK.repeat(3, 1, 1))
    assert_one_sentence(error, "mask")


def test_a_latent_of_another_kind_of_model(find_mask):
    with pytest.raises(ValueError, match="16 channels") as error:
        find_mask({"samples": torch.ones(1, 16, 8, 8)})
    assert_one_sentence(error, "latent")


def test_a_prompt_of_another_kind_of_model(find_mask, sample, latent, inverted):
    foreign = [[torch.zeros(1, 77, 768), {}]]
    with pytest.raises(ValueError, match="width 768") as error:
        find_mask(latent, source=foreign)
    assert_one_sentence(error, "source")
    with pytest.raises(ValueError) as error:
        sample(inverted, MASK, positive=foreign)
    assert_one_sentence(error, "positive")


def test_strength_without_effect(invert, find_mask, latent):
    with pytest.raises(ValueError) as error:
        find_mask(latent, strength=0.0)
    assert_one_sentence(error, "strength")
    for steps, strength in ((50, 0.0), (1, 0.3)):
        with pytest.raises(ValueError) as error:
            invert(latent, steps=steps, strength=strength)
        assert_one_sentence(error, "strength")


@pytest.mark.parametrize(("attribute", "value"), [("adm_channels", 2816), ("context_dim", None)])
def test_a_model_that_cannot_go_without_conditioning(
    invert, demo, latent, monkeypatch, attribute, value
):
    if attribute == "adm_channels":
        monkeypatch.setattr(demo.model.model, attribute, value)
    else:
        monkeypatch.setitem(demo.model.model.model_config.unet_config, attribute, value)
    with pytest.raises(ValueError, match="CLIP Text Encode") as error:
        invert(latent)
    assert_one_sentence(error, "conditioning")


def test_several_latents_in_one(nodes, find_mask, latent):
    from comfy.nested_tensor import NestedTensor

    with pytest.raises(ValueError) as error:
        find_mask({"samples": NestedTensor([latent["samples"], latent["samples"]])})
    assert_one_sentence(error, "latent")


def test_an_empty_latent_is_brought_to_the_models_channels(find_mask):
    mask, _ = find_mask({"samples": torch.zeros(1, 16, 8, 8), "downscale_ratio_spacial": 8}).result[
        :2
    ]
    assert mask.shape == (1, 64, 64)


def test_pictures_that_do_not_belong_to_the_latent(find_mask, latent):
    with pytest.raises(ValueError, match="3 pictures for 2") as error:
        find_mask(latent, image=torch.zeros(3, 72, 104, 3))
    assert_one_sentence(error, "image")


def test_nan_in_the_picture(find_mask, latent):
    with pytest.raises(ValueError) as error:
        find_mask(latent, image=torch.full((2, 72, 104, 3), torch.nan))
    assert_one_sentence(error, "image")


@pytest.mark.parametrize("name", ["source", "target"])
def test_prompts_that_do_not_belong_to_the_latent(find_mask, prompts, latent, name):
    context, options = prompts.source[0]
    with pytest.raises(ValueError, match="3 prompts for 2") as error:
        find_mask(latent, **{name: [[context.expand(3, -1, -1), options]]})
    assert_one_sentence(error, name)


@pytest.mark.parametrize("name", ["source_negative", "target_negative"])
def test_a_negative_prompt_on_one_side_alone(find_mask, prompts, latent, name):
    (other,) = {"source_negative", "target_negative"} - {name}
    with pytest.raises(ValueError) as error:
        find_mask(latent, **{name: prompts.empty})
    assert_one_sentence(error, other)
