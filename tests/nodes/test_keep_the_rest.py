"""Keep The Rest on scenes whose true change is known, drifted by known amounts."""

import cv2
import numpy as np
import pytest
import torch

from benchmarks.cases import Case, make_case
from benchmarks.distortion import distorted, distortion
from benchmarks.metrics import iou
from benchmarks.pack import as_image
from lab.scenes import edit
from tests.one_sentence import assert_one_sentence
from tools.in_process import defaults

SIZE = 250
SEEDS = (7_700_001, 7_700_003, 7_700_004)
DISC = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [make_case(edit(seed, "replace"), SIZE) for seed in SEEDS]


@pytest.fixture
def keep(nodes):
    def run(original: torch.Tensor, edited: torch.Tensor, **widgets: int):
        given = {**defaults(nodes.DiffEditKeepTheRest), **widgets}
        return nodes.DiffEditKeepTheRest.execute(original=original, edited=edited, **given)

    return run


def drifted(case: Case, seed: int) -> torch.Tensor:
    return as_image([distorted(case.target.rgb, distortion(seed, (SIZE, SIZE)))])


@pytest.mark.parametrize("number", range(len(SEEDS)))
def test_the_change_is_found_and_everything_else_stays(keep, cases, number):
    case = cases[number]
    original, edited = as_image([case.source.rgb]), drifted(case, number)
    image, mask, heat_map, aligned = keep(original, edited, grow=0).result
    assert iou(mask[0].numpy() > 0.5, case.region) > 0.75
    assert torch.equal(image[mask == 0], original[mask == 0])
    assert heat_map[0][torch.from_numpy(case.region)].mean() > 0.3
    # Of the new thing, in the colours that the picture had before the edit.
    taken = (mask[0] > 0) & torch.from_numpy(cv2.erode(case.region.astype(np.uint8), DISC) > 0)
    assert taken.any()
    assert (image - as_image([case.target.rgb]))[0][taken].abs().mean() < 0.02
    assert aligned.shape == original.shape


def test_no_edit_at_all(keep, cases):
    original = as_image([cases[0].source.rgb])
    noise = 0.01 * torch.randn(original.shape, generator=torch.Generator().manual_seed(0))
    found = keep(original, (original + noise).clamp(0, 1))
    image, mask, heat_map, _ = found.result
    assert torch.equal(image, original)
    assert not mask.any() and not heat_map.any()
    assert "nothing has changed" in found.ui["diffedit_text"][0]


def test_each_edit_gets_its_own(keep, cases):
    """One original for several edits; a batch is no more than its pictures one by one."""
    original, edited = as_image([cases[0].source.rgb]), drifted(cases[0], 0)
    other = as_image([cases[0].target.rgb[: edited.shape[1], : edited.shape[2]]])
    other = torch.nn.functional.pad(
        other.movedim(-1, 1),
        (0, edited.shape[2] - other.shape[2], 0, edited.shape[1] - other.shape[1]),
        mode="replicate",
    ).movedim(1, -1)
    together = keep(original, torch.cat([edited, other])).result
    for number, one in enumerate((edited, other)):
        for batch, alone in zip(together, keep(original, one).result, strict=True):
            assert torch.equal(batch[number : number + 1], alone)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_and_transparent_originals(keep, cases, channels):
    original = as_image([cases[0].source.rgb])
    if channels == 1:
        original = original.mean(-1, keepdim=True)
    else:
        original = torch.cat([original, torch.rand(1, SIZE, SIZE, 1)], -1)
    image, mask, *_ = keep(original, drifted(cases[0], 0)).result
    assert image.shape == (1, SIZE, SIZE, max(channels, 3))
    assert torch.equal(image[..., 3:], original[..., 3:])
    rest = original.expand(-1, -1, -1, max(channels, 3))
    assert torch.equal(image[mask == 0], rest[mask == 0])


@pytest.mark.parametrize("size", [(1, 5000), (8, 8), (1, 1), (300, 2)])
def test_pictures_of_any_shape(keep, size):
    original = torch.rand(1, *size, 3, generator=torch.Generator().manual_seed(0))
    image, mask, *_ = keep(original, original).result
    assert torch.equal(image, original) and not mask.any()


NAN = torch.full((1, 40, 40, 3), torch.nan)
PICTURES = torch.rand(2, 40, 40, 3)


@pytest.mark.parametrize(
    ("name", "original", "edited"),
    [
        ("original", NAN, PICTURES),
        ("edited", PICTURES, NAN),
        ("edited", PICTURES, PICTURES[:0]),
        ("original", PICTURES, torch.rand(3, 40, 40, 3)),
        ("original", PICTURES, PICTURES[:1]),
    ],
)
def test_what_does_not_belong_together(keep, name, original, edited):
    with pytest.raises(ValueError) as error:
        keep(original, edited)
    assert_one_sentence(error, name)


def test_pictures_of_different_things(keep):
    generator = torch.Generator().manual_seed(0)
    one, other = (
        torch.nn.functional.interpolate(
            torch.rand(1, 3, 12, 12, generator=generator), (240, 240), mode="bicubic"
        ).movedim(1, -1)
        for _ in range(2)
    )
    with pytest.raises(ValueError, match="too little in common") as error:
        keep(one, other)
    assert_one_sentence(error, "edited")
