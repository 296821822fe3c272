"""Inpainting a masked region from its surroundings."""

import numpy as np
import pytest

from diffedit_core.inpaint import inpaint


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).random((40, 50, 3), np.float32)


@pytest.fixture
def hole() -> np.ndarray:
    mask = np.zeros((40, 50), bool)
    mask[12:28, 15:30] = True
    return mask


def test_outside_it_is_the_picture_bit_for_bit(picture, hole):
    assert np.array_equal(inpaint(picture, hole)[~hole], picture[~hole])


def test_nothing_of_the_thing_is_left(picture, hole):
    without = picture.copy()
    without[hole] = 0
    assert np.array_equal(inpaint(picture, hole), inpaint(without, hole))


def test_a_slope_is_carried_on(hole):
    slope = np.repeat(np.linspace(0.2, 0.8, 50, dtype=np.float32)[None, :, None], 40, 0)
    slope = slope.repeat(3, 2)
    error = np.abs(inpaint(slope * ~hole[..., None], hole) - slope)[hole]
    one_colour = np.abs(slope[hole] - slope[hole].mean())
    assert error.mean() < one_colour.mean() / 2


def test_an_empty_mask_changes_nothing(picture, hole):
    assert np.array_equal(inpaint(picture, np.zeros_like(hole)), picture)
