"""Whole edits with every widget at its default, on scenes whose truth is known."""

import numpy as np
import pytest

from benchmarks import checker
from benchmarks.quality import Case, Ours, Result, checker_accuracy, make_case, psnr, summary

FIRST_SEED = 3_000_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [make_case(FIRST_SEED + index) for index in range(8)]


@pytest.fixture(scope="module")
def results(nodes, cases) -> list[Result]:
    return Ours(nodes).run(cases)


def test_edits_reach_their_targets(cases, results):
    measured = summary(cases, results, checker.load())
    assert measured["mask_iou"] > 0.6
    assert measured["edit_success"] >= 0.75
    assert measured["background_psnr"] > 29
    assert measured["round_trip_psnr"] > 40


def test_the_judge_knows_true_renderings(cases):
    assert checker_accuracy(cases, checker.load()) == 1


def test_measures_see_a_failed_edit(cases):
    """A source handed in as the edit is no success, and a mask beside the thing has no overlap."""
    pictures = [case.source.rgb for case in cases]
    masks = [~case.region for case in cases]
    failed = [Result(mask, rgb, rgb, rgb, 0) for mask, rgb in zip(masks, pictures, strict=True)]
    measured = summary(cases, failed, checker.load())
    assert measured["edit_success"] == 0
    assert measured["mask_iou"] == 0
    assert measured["background_psnr"] == 100


def test_psnr_of_one_level_in_ten():
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)
    assert psnr(black, grey) == pytest.approx(-20 * np.log10(0.2))
