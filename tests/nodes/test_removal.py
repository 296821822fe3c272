"""Removing things by the benchmark's recipe, on scenes whose truth is known."""

import numpy as np
import pytest

from benchmarks.cases import Case, removals_of
from benchmarks.metrics import ssim
from benchmarks.pack import as_bytes
from benchmarks.removal import Remover, figures, laid_over

FIRST_SEED = 3_000_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [*removals_of(2, 2, FIRST_SEED), *removals_of(1, 1, FIRST_SEED)]


def test_removals_come_near_the_truth(nodes, cases):
    remover = Remover(nodes)
    image, prompts = remover.pictures(cases), remover.prompts(cases)
    _, masks = remover.masks(image, remover.encoded(image), prompts)
    (filled,) = remover.call("DiffEditFillMask", image=image, mask=masks)
    sources = [case.source.rgb for case in cases]
    removed = laid_over(sources, remover.removed(image, masks, prompts), masks)

    untouched, ours = figures(cases, sources), figures(cases, removed)
    painted = figures(cases, laid_over(sources, as_bytes(filled), masks))
    assert ours["psnr_inside"] > untouched["psnr_inside"] + 8
    assert ours["ssim_inside"] > untouched["ssim_inside"] + 0.2
    assert ours["psnr_inside"] > painted["psnr_inside"] + 1
    for source, picture, mask in zip(sources, removed, masks.numpy(), strict=True):
        assert np.array_equal(picture[mask == 0], source[mask == 0])


def test_the_region_is_all_that_a_removal_changes(cases):
    for case in cases:
        change = np.abs(case.source.rgb.astype(int) - case.target.rgb).max(-1)
        assert change[~case.region].max() <= 8
        thing = case.source.things[case.edit.index]
        assert (case.region & thing).sum() > 0.9 * thing.sum()
        assert 1.2 * thing.sum() < case.region.sum() < 4 * thing.sum()  # it has a shadow


def test_the_caption_names_what_stays(cases):
    for case in cases:
        source, target = case.edit.source, case.edit.target
        removed = source.things[case.edit.index].words
        staying = [thing.words for thing in source.things if thing.words != removed]
        assert removed not in target.caption
        assert all(words in target.caption for words in staying)
        assert target.caption.endswith(source.table)


def test_ssim_of_flat_greys():
    """Without texture, only the means count: their term in closed form."""
    everywhere = np.ones((16, 16), bool)
    a, b = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 150 + c1) / (100**2 + 150**2 + c1)
    assert ssim(a, b, everywhere) == pytest.approx(expected)


def test_ssim_knows_sign_and_place():
    a = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    left, right = np.zeros((2, 32, 32), bool)
    left[:, :10], right[:, 22:] = True, True
    b = a.copy()
    b[:, 16:] = 255 - b[:, 16:]
    assert ssim(a, b, left) == pytest.approx(1)
    assert ssim(a, b, right) < -0.8
