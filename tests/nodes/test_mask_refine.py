"""Mask Refine as a node: whatever masks come in, and what it tells the editor."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from diffedit_core.refine import Refinement, binary_mask, gray_mask
from diffedit_core.thresholds import AUTOMATIC
from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults

OFF = {"blur": 0.0, "snap": 0, "method": "value", "fill_holes": False}


@pytest.fixture
def refine(nodes, in_editor, temp_folder):
    """Mask Refine on a mask, its widgets at their defaults unless told otherwise."""

    def run(mask: torch.Tensor, **inputs: Any) -> Any:
        node = in_editor(nodes.MaskRefine)
        return node.execute(mask=mask, **{**defaults(nodes.MaskRefine), **inputs})

    return run


@pytest.fixture
def pixels():
    """Reads a picture that the node made for the editor."""
    import folder_paths

    def read(picture: dict[str, str]) -> np.ndarray:
        assert picture["type"] == "temp" and picture["subfolder"] == ""
        file = Image.open(Path(folder_paths.get_temp_directory()) / picture["filename"])
        assert not {"gamma", "srgb", "icc_profile"} & file.info.keys()
        return np.asarray(file)

    return read


def soft_masks(count: int = 3) -> torch.Tensor:
    noise = torch.rand(count, 1, 6, 8, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=(48, 64), mode="bicubic")[:, 0].clamp(0, 1)


@pytest.mark.parametrize("shape", [(48, 64), (1, 48, 64), (3, 48, 64), (3, 1, 48, 64)])
def test_any_shape_of_mask(refine, shape):
    masks = soft_masks(3 if shape[0] == 3 else 1)
    (refined,) = refine(masks.reshape(shape)).result
    assert refined.dtype == torch.float32 and refined.device.type == "cpu"
    assert torch.equal(refined, refine(masks).result[0])
    assert 0 < refined.mean() < 1


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.uint8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_any_dtype_of_mask(refine, dtype):
    clean = soft_masks() > 0.6
    assert torch.equal(refine(clean.to(dtype), **OFF).result[0], clean.float())


def test_values_beyond_black_and_white_are_taken_for_them(refine):
    mask = soft_masks()
    wild = torch.where(mask > 0.9, 3.0, torch.where(mask < 0.1, -2.0, mask))
    tame = torch.where(mask > 0.9, 1.0, torch.where(mask < 0.1, 0.0, mask))
    assert torch.equal(refine(wild).result[0], refine(tame).result[0])


def test_a_mask_does_not_depend_on_its_batch(refine):
    masks, other, image = soft_masks(), soft_masks().flip(0), torch.rand(3, 48, 64, 3)
    together = refine(masks, other=other, image=image, combine="subtract", feather=2.0).result[0]
    for i in range(3):
        one = slice(i, i + 1)
        (alone,) = refine(
            masks[one], other=other[one], image=image[one], combine="subtract", feather=2.0
        ).result
        assert torch.equal(together[one], alone)


@pytest.mark.parametrize("method", [*AUTOMATIC, "quantile", "value"])
def test_empty_in_empty_out(refine, method):
    wide_open = {"method": method, "threshold": 0.0, "hysteresis": 1.0, "close": 5, "grow": 9}
    image = torch.rand(1, 48, 64, 3, generator=torch.Generator().manual_seed(0))
    assert not refine(torch.zeros(2, 48, 64), image=image, **wide_open).result[0].any()


@pytest.mark.parametrize("size", [(48, 64), (6, 8), (100, 31)])
@pytest.mark.parametrize("count", [1, 3])
def test_other_of_any_size_and_one_for_all(refine, count, size):
    masks, other = soft_masks(3), torch.ones(count, *size)
    (alone,) = refine(masks).result
    assert torch.equal(refine(masks, other=other, combine="intersect").result[0], alone)
    assert not refine(masks, other=other, combine="subtract").result[0].any()
    assert refine(masks, other=other, combine="add").result[0].all()
    assert torch.equal(
        refine(masks, other=other, combine="intersect", invert=True).result[0], 1 - alone
    )


@pytest.mark.parametrize("count", [2, 4])
def test_too_few_or_too_many_others(refine, count):
    with pytest.raises(ValueError, match=f"{count} masks for 3") as error:
        refine(soft_masks(3), other=torch.ones(count, 48, 64))
    assert_one_sentence(error, "other")


def test_pictures_that_belong_to_other_masks(refine):
    with pytest.raises(ValueError, match="2 pictures for 3 masks") as error:
        refine(soft_masks(3), image=torch.rand(2, 48, 64, 3))
    assert_one_sentence(error, "image")


def test_nan_in_other(refine):
    with pytest.raises(ValueError, match="NaN") as error:
        refine(soft_masks(), other=torch.full((1, 48, 64), torch.nan))
    assert_one_sentence(error, "other")


def test_the_mask_snaps_to_the_picture_only_with_snap(refine):
    masks, image = soft_masks(1), soft_masks(1)[..., None].flip(2).repeat(1, 1, 1, 3)
    plain = refine(masks).result[0]
    assert torch.equal(refine(masks, image=image, snap=0).result[0], plain)
    assert not torch.equal(refine(masks, image=image, snap=8).result[0], plain)


def test_the_editor_gets_what_it_needs_to_make_the_same_mask(refine, pixels):
    masks = soft_masks()
    settings = {"method": "otsu", "threshold": 0.3, "hysteresis": 0.2, "open": 1, "close": 2}
    settings |= {"fill_holes": True, "min_area": 0.5, "keep_largest": 2, "grow": -1}
    refinement = Refinement(blur=1.5, **settings)
    output = refine(masks, blur=1.5, **settings)
    shown = output.ui["diffedit_masks"]
    assert len(shown) == len(masks)
    for mask, one, soft in zip(output.result[0], shown, masks, strict=True):
        gray = pixels(one["gray"])
        assert gray.dtype == np.uint8
        assert np.array_equal(gray, gray_mask(soft[None], refinement)[0])
        assert Refinement(**one["settings"]) == refinement
        assert one["thresholds"] == {method: rule(gray) for method, rule in AUTOMATIC.items()}
        assert np.array_equal(binary_mask(gray, refinement), mask.numpy() > 0)
        assert one["picture"] is None


@pytest.mark.parametrize("count", [1, 3])
def test_the_editor_gets_the_pictures(refine, pixels, count):
    # VAE Encode crops a picture to whole cells, around its middle.
    image = torch.randint(0, 256, (count, 50, 68, 4)) / 255
    shown = refine(soft_masks(3), image=image).ui["diffedit_masks"]
    for i, one in enumerate(shown):
        expected = (255 * image[i % count, 1:49, 2:66, :3]).round()
        assert np.array_equal(pixels(one["picture"]), expected.numpy())


def test_cancel_ends_it_between_two_masks(refine, monkeypatch):
    import comfy.model_management as management
    import comfy.utils

    done = []

    def on_progress(value, total, preview, node_id=None):
        done.append((value, total))
        management.interrupt_current_processing()

    monkeypatch.setattr(comfy.utils, "PROGRESS_BAR_HOOK", on_progress)
    with pytest.raises(management.InterruptProcessingException):
        refine(torch.ones(8, 8, 8))
    assert done == [(1, 8)]


def test_the_editor_gets_no_more_than_some_of_a_long_batch(refine):
    output = refine(torch.ones(40, 8, 8))
    assert len(output.result[0]) == 40
    assert len(output.ui["diffedit_masks"]) == 16
