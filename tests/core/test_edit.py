"""A whole edit in one call."""

from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from diffedit_core.diffusers_model import DiffusersModel
from diffedit_core.edit import diffedit
from tests.one_sentence import assert_one_sentence
from tools.comfy_server import PACK

PROMPTS = ("a blue bowl of oranges on a wooden table", "a blue bowl of apples on a wooden table")


@pytest.fixture(scope="module")
def pipe() -> Any:
    pipe = StableDiffusionPipeline.from_pretrained(PACK / "demo" / "model")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def edited(pipe) -> Any:
    """An edit of the demo's picture, of any size and mode, or of another picture."""

    def run(image: Any = None, **settings: Any) -> Any:
        image = Image.open(PACK / "web" / "pictures" / "source.png") if image is None else image
        return diffedit(pipe, image, *PROMPTS, **{"steps": 5, **settings})

    return run


def test_outside_the_mask_every_pixel_is_the_pictures_own(edited):
    image = Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB")
    picture, mask, heat_map = edited(image)
    source, after = np.asarray(image), np.asarray(picture)
    outside = mask.numpy() == 0
    assert np.array_equal(source[outside], after[outside])
    assert 0.02 < 1 - outside.mean() < 0.4
    assert heat_map[~outside].mean() > 3 * heat_map[outside].mean()
    # Apples are red and oranges orange: little green is left.
    assert after[~outside, 1].mean() < 0.75 * source[~outside, 1].mean()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_tensor_is_edited_as_the_picture_is(edited, dtype):
    image = Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB")
    tensor = torch.from_numpy(np.array(image)).to(dtype) / 255
    picture, mask, _ = edited(tensor)
    assert picture.dtype == dtype and picture.shape == tensor.shape
    assert torch.equal(picture[mask == 0], tensor[mask == 0])
    if dtype == torch.float32:
        expected = edited(image)
        assert torch.equal(mask, expected.mask)
        assert np.array_equal((255 * picture).round().numpy(), np.asarray(expected.picture))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("size", [(187, 149), (30, 40), (700, 300), (1, 900), (5000, 1)])
def test_any_size_and_mode(edited, mode, size):
    image = Image.open(PACK / "web" / "pictures" / "source.png").convert(mode).resize(size)
    picture, mask, heat_map = edited(image, steps=3)
    assert picture.size == image.size
    assert picture.mode == ("RGBA" if mode == "RGBA" else "RGB")
    assert mask.shape == heat_map.shape == size[::-1]
    outside = mask.numpy() == 0
    before = np.asarray(image.convert(picture.mode))
    assert np.array_equal(np.asarray(picture)[outside], before[outside])


def test_a_large_picture_is_edited_in_a_window(pipe):
    photo = Image.open(PACK / "web" / "pictures" / "large_photo.jpg").resize((480, 480))
    source = np.pad(np.asarray(photo), ((0, 120), (0, 120), (0, 0)), mode="edge")
    seen = []

    class Watched(DiffusersModel):
        def encode(self, pictures):
            seen.append(pictures.shape[1] * pictures.shape[2])
            return super().encode(pictures)

    caption = "a white bowl of {} and a red vase on a marble table"
    picture, mask, _ = diffedit(
        Watched(pipe), Image.fromarray(source), caption.format("oranges"), caption.format("pears")
    )
    assert max(seen) < 1.3 * 192**2 and len(seen) == 2  # to find, then to find again and edit
    found = mask.numpy() > 0.5
    assert found[180:300, 10:230].sum() > 0.9 * found.sum() > 3000
    assert np.array_equal(np.asarray(picture)[mask == 0], source[mask == 0])


def test_settings_act(edited):
    base, grown, other = edited(), edited(grow=6), edited(cfg=3.0)
    assert grown.mask.sum() > base.mask.sum()
    assert torch.equal(other.mask, base.mask)
    assert not np.array_equal(np.asarray(other.picture), np.asarray(base.picture))
    again = edited()
    assert np.array_equal(np.asarray(again.picture), np.asarray(base.picture))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("image", {"image": torch.full((16, 16, 3), torch.nan)}),
        ("image", {"image": torch.rand(3, 16, 16, 3)}),
        ("image", {"image": torch.rand(16, 16, 1)}),
        ("image", {"image": torch.rand(0, 16, 3)}),
        ("image", {"image": torch.zeros(16, 16, 3, dtype=torch.uint8)}),
        ("strength", {"strength": 0.0}),
    ],
)
def test_bad_input(edited, name, given):
    with pytest.raises(ValueError) as error:
        edited(**given)
    assert_one_sentence(error, name)
