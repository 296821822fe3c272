"""What counts as changed, and what does not."""

import cv2
import numpy as np
import pytest

from diffedit_core.picture_difference import HALF, picture_difference


@pytest.fixture
def original() -> np.ndarray:
    rng = np.random.default_rng(0)
    blobs = cv2.resize(rng.uniform(0.2, 0.8, (8, 10, 3)), (200, 160))
    blobs[60:100, 80:130] = (0.8, 0.2, 0.1)
    return blobs.astype(np.float32)


def test_the_same_picture_has_not_changed(original):
    assert not picture_difference(original, original).any()


def test_a_change_has_the_heat_of_its_difference(original):
    """By OpenCV's L*a*b*: its distance d makes d / (d + HALF)."""
    edited = original.copy()
    edited[60:100, 80:130] = (0.1, 0.2, 0.8)
    heat = picture_difference(original, edited)
    lab = cv2.cvtColor(np.float32([[(0.8, 0.2, 0.1), (0.1, 0.2, 0.8)]]), cv2.COLOR_RGB2LAB)[0]
    distance = np.linalg.norm(lab[0] - lab[1])
    np.testing.assert_allclose(heat[65:95, 85:125], distance / (distance + HALF), rtol=1e-4)
    heat[58:102, 78:132] = 0
    assert not heat.any()


def slightly_moved(picture: np.ndarray) -> np.ndarray:
    return np.roll(picture, (1, -1), (0, 1))


def blurred(picture: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), 0.8)


def noisy(picture: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, 0.01, picture.shape)
    return (picture + noise).astype(np.float32)


@pytest.mark.parametrize("redrawn", [slightly_moved, blurred, noisy])
def test_what_an_autoencoder_does_is_no_change(original, redrawn):
    assert not picture_difference(original, redrawn(original))[3:-3, 3:-3].any()


def test_nothing_is_known_where_the_edit_does_not_reach(original):
    edited = 1 - original
    edited[:, 150:] = np.nan
    heat = picture_difference(original, edited)
    assert not heat[:, 150:].any() and heat[:, :140].mean() > 0.2
    assert np.isfinite(heat).all()
