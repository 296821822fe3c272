"""Colours that were changed by a known curve, and brought back."""

import numpy as np
import pytest

from diffedit_core.colour_match import match_colours

GAIN, GAMMA = np.float32([1.08, 0.95, 0.92]), np.float32([0.9, 1.1, 1.05])


@pytest.fixture
def original() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.05, 0.85, (90, 120, 3)).astype(np.float32)


@pytest.fixture
def edited(original) -> np.ndarray:
    return GAIN * original**GAMMA


def test_a_gain_and_a_gamma_are_undone(original, edited):
    np.testing.assert_allclose(match_colours(original, edited), original, atol=2e-3)


@pytest.mark.parametrize("colour", [(1, 0, 0), (0, 1, 0), (1, 1, 1), (0, 0, 0)])
def test_what_was_edited_has_no_say(original, edited, colour):
    edited[20:80, 30:90] = colour
    matched = match_colours(original, edited)
    np.testing.assert_allclose(matched[:20], original[:20], atol=5e-3)


def test_a_picture_in_its_own_colours_stays(original):
    np.testing.assert_allclose(match_colours(original, original), original, atol=1e-4)


def test_of_one_shade_only_the_gain_is_known():
    grey = np.full((40, 40, 3), 0.5, np.float32)
    edited = 0.9 * grey
    edited[10:20, 10:20] = (1.0, 0.2, 0.1)
    matched = match_colours(grey, edited)
    np.testing.assert_allclose(matched[:10], grey[:10], atol=1e-3)
    expected = edited[12:18, 12:18].clip(0, 0.9) / 0.9
    np.testing.assert_allclose(matched[12:18, 12:18], expected, atol=1e-4)


def test_what_is_not_known_stays_so(original, edited):
    edited[:, 100:] = np.nan
    matched = match_colours(original, edited)
    assert np.isnan(matched[:, 100:]).all()
    np.testing.assert_allclose(matched[:, :100], original[:, :100], atol=2e-3)
    assert np.isnan(match_colours(original, np.full_like(original, np.nan))).all()
