"""Whole edits with every widget at its default, on scenes whose truth is known."""

import numpy as np
import pytest

from benchmarks import checker
from benchmarks.cases import KINDS, Case, edits_of, make_case
from benchmarks.metrics import best_iou, iou, precision, recall
from benchmarks.quality import Ours, Result, checker_accuracy, psnr, summary
from lab.scenes import edit

FIRST_SEED = 3_000_000


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [make_case(edit(FIRST_SEED + index)) for index in range(8)]


@pytest.fixture(scope="module")
def results(nodes, cases) -> list[Result]:
    return Ours(nodes).run(cases)


def test_edits_reach_their_targets(cases, results):
    measured = summary(cases, results, checker.load())
    assert measured["mask_iou"] > 0.75
    assert measured["edit_success"] >= 0.75
    assert measured["background_psnr"] > 29
    assert measured["round_trip_psnr"] > 40


def test_the_background_of_a_latent_is_exact(results):
    assert all(result.background_latent_error == 0 for result in results)


def test_the_judge_knows_true_renderings(cases):
    assert checker_accuracy(cases, checker.load()) == 1


def test_measures_see_a_failed_edit(cases):
    """A source handed in as the edit is no success, and a mask beside the thing has no overlap."""
    pictures = [case.source.rgb for case in cases]
    masks = [~case.region for case in cases]
    failed = [
        Result(mask, rgb, rgb, rgb, 0.0, 0) for mask, rgb in zip(masks, pictures, strict=True)
    ]
    measured = summary(cases, failed, checker.load())
    assert measured["edit_success"] == 0
    assert measured["mask_iou"] == 0
    assert measured["background_psnr"] == 100


def test_psnr_of_one_level_in_ten():
    black, grey = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 51, np.uint8)
    assert psnr(black, grey) == pytest.approx(-20 * np.log10(0.2))


def test_mask_measures():
    truth = np.zeros((4, 4), bool)
    truth[:2] = True
    mask = np.zeros((4, 4), bool)
    mask[1:, :2] = True
    assert iou(mask, truth) == 2 / 12
    assert precision(mask, truth) == 2 / 6
    assert recall(mask, truth) == 2 / 8
    assert precision(np.zeros_like(truth), truth) == 1  # an empty mask is nowhere wrong


def test_the_oracle_tries_every_threshold():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 6, (9, 9))
    truth = values + rng.integers(0, 4, (9, 9)) > 5
    expected = max(iou(values > threshold, truth) for threshold in range(-1, 6))
    assert best_iou(values, truth) == pytest.approx(expected)


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_edits_are_what_they_say(name):
    kind = KINDS[name]
    (one,) = edits_of(kind, 1, FIRST_SEED)
    assert len(one.source.things) == kind.things
    assert kind.name in (None, one.name)
    case = make_case(one)
    assert case.region.mean() < (0.1 if kind.scale < 1 else 0.5)
    outside = ~case.region
    changed = np.abs(case.source.rgb.astype(int) - case.target.rgb).max(-1) > 60
    assert (changed & outside).sum() < changed.sum() / 4  # but for shadows
