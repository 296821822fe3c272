"""Edits that were moved by known amounts, and put back."""

import cv2
import numpy as np
import pytest

from diffedit_core.alignment import Similarity, alignment, find_similarity, warped
from tests.one_sentence import assert_one_sentence


def random_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Soft blobs of many sizes, as in a photograph."""
    rng = np.random.default_rng(seed)
    noise = sum(
        scale * cv2.resize(rng.standard_normal((64 // scale, 64 // scale, 3)), (width, height))
        for scale in (1, 2, 4, 8, 16)
    )
    return (0.5 + 0.02 * noise).clip(0, 1).astype(np.float32)


def moved(picture: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    flags = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT}
    return cv2.warpAffine(picture, matrix, size, **flags).clip(0, 1)


def apart(found: np.ndarray, true: np.ndarray, size: tuple[int, int]) -> float:
    """The largest distance, in pixels, at the corners of a picture."""
    corners = [(x, y, 1) for x in (0, size[0] - 1) for y in (0, size[1] - 1)]
    return float(np.linalg.norm(np.array(corners) @ (found - true).T, axis=1).max())


@pytest.mark.parametrize(
    "where",
    [
        Similarity(),
        Similarity(u=0.04, v=-0.04),
        Similarity(p=1.06),
        Similarity(p=0.94, u=-0.03),
        Similarity(q=np.sin(np.radians(1))),
        Similarity(0.95, -0.015, 0.03, 0.04),
    ],
    ids=["as it was", "shift", "zoom in", "zoom out", "turn", "all"],
)
@pytest.mark.parametrize("size", [(320, 240), (200, 300)])
def test_a_moved_picture_is_found_to_a_tenth_of_a_pixel(where, size):
    original = random_picture(*size[::-1])
    edited = moved(original, where.matrix(size), size)
    edited[80:140, 90:160] = random_picture(60, 70, seed=1)
    edited = 0.9 * edited**1.1 + 0.03
    assert apart(alignment(original, edited), where.matrix(size), size) < 0.1


@pytest.mark.parametrize("edited_size", [(640, 480), (160, 120), (336, 240), (304, 256)])
def test_an_edit_of_another_size(edited_size):
    """As a model makes it that has sizes of its own: the picture stretched to them."""
    original = random_picture(240, 320)
    edited = cv2.resize(original, edited_size, interpolation=cv2.INTER_AREA)
    across, down = edited_size[0] / 320, edited_size[1] / 240
    true = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2]])
    found = alignment(original, edited)
    assert apart(found, true, (320, 240)) < 0.3 * max(across, 1)
    back = warped(edited, found, (320, 240))
    assert np.nanmean(np.abs(back - original)) < 0.01


def test_a_cropped_edit_keeps_its_proportions():
    original = random_picture(240, 320)
    edited = original[:, 40:280]
    true = np.array([[1.0, 0, -40], [0, 1, 0]])
    found = alignment(original, edited)
    assert apart(found, true, (320, 240)) < 0.2
    back = warped(edited, found, (320, 240))
    assert np.isnan(back[:, :39]).all() and np.isnan(back[:, 281:]).all()
    np.testing.assert_allclose(back[2:-2, 42:278], original[2:-2, 42:278], atol=0.02)


def test_half_of_the_picture_may_have_changed():
    original = random_picture(240, 320)
    where = Similarity(1.02, 0.0, 0.02, 0.01)
    edited = moved(original, where.matrix((320, 240)), (320, 240))
    edited[40:200, 40:280] = random_picture(160, 240, seed=1)
    assert apart(alignment(original, edited), where.matrix((320, 240)), (320, 240)) < 0.3


def test_pictures_of_different_things_are_refused():
    with pytest.raises(ValueError) as error:
        alignment(random_picture(240, 320), random_picture(240, 320, seed=1))
    assert_one_sentence(error, "edited")


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (1, 5000), (700, 3), (40, 40)])
def test_pictures_that_say_nothing_lie_as_they_are(size):
    grey = np.full((*size, 3), 0.4, np.float32)
    where, cost = find_similarity(grey, grey)
    assert apart(where.matrix(size), np.eye(2, 3), size) < 1e-6
    assert cost == 0


def test_what_the_edit_does_not_reach_is_nan():
    picture = random_picture(20, 30)
    seen = warped(picture, np.array([[1.0, 0, 5], [0, 1, -4]]), (30, 20))
    np.testing.assert_array_equal(seen[4:, :25], picture[:16, 5:])
    assert np.isnan(seen[:4]).all() and np.isnan(seen[:, 25:]).all()


def test_a_larger_picture_is_averaged_not_sampled():
    stripes = np.zeros((200, 200, 3), np.float32)
    stripes[:, ::2] = 1
    seen = warped(stripes, np.array([[4.0, 0, 1.5], [0, 4, 1.5]]), (50, 50))
    np.testing.assert_allclose(seen, 0.5, atol=1e-6)


@pytest.mark.parametrize("size", [(5000, 1), (1, 5000), (64, 2000)])
def test_sizes_that_never_belong_together(size):
    """Nothing is found, and no picture is made that has the longer side of each."""
    other = np.full((size[1], size[0], 3), 0.5, np.float32)
    seen = warped(other, alignment(np.full((*size, 3), 0.5, np.float32), other), size[::-1])
    assert np.isfinite(seen).all()
