import numpy as np
import pytest
from scipy import ndimage

from diffedit_core.guided_filter import FLATNESS, guided_filter


def test_is_the_damped_least_squares_fit_of_every_window():
    """Against the definition, window by window (He et al., equations 5 and 8)."""
    rng = np.random.default_rng(0)
    size, radius = 12, 2
    soft = rng.random((size, size)).astype(np.float32)
    picture = rng.random((size, size, 3)).astype(np.float32)
    fits = np.zeros((size, size, 4))
    for y in range(radius, size - radius):
        for x in range(radius, size - radius):
            window = np.s_[y - radius : y + radius + 1, x - radius : x + radius + 1]
            colours, values = picture[window].reshape(-1, 3), soft[window].ravel()
            spread = np.cov(colours.T, bias=True) + FLATNESS * np.eye(3)
            joint = (colours * values[:, None]).mean(0) - colours.mean(0) * values.mean()
            slope = np.linalg.solve(spread, joint)
            fits[y, x] = [*slope, values.mean() - slope @ colours.mean(0)]
    inside = np.s_[2 * radius : -2 * radius, 2 * radius : -2 * radius]
    mean = np.stack([ndimage.uniform_filter(fits[..., i], 2 * radius + 1) for i in range(4)], -1)
    expected = (mean[..., :3] * picture).sum(-1) + mean[..., 3]
    found = guided_filter(soft, picture, radius)
    np.testing.assert_allclose(found[inside], expected[inside].clip(0, 1), atol=1e-4)


def test_a_blurred_mask_takes_on_the_edges_of_the_picture():
    thing = np.zeros((64, 64), np.float32)
    thing[20:44, 12:50] = 1
    picture = np.stack([0.2 + 0.5 * thing, 0.7 - 0.3 * thing, 0.4 + 0 * thing], -1)
    soft = ndimage.gaussian_filter(thing, 5)
    assert ((soft > 0.5) != (thing > 0.5)).any()
    assert np.array_equal(guided_filter(soft, picture, 12) > 0.5, thing > 0.5)


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (40, 7)])
def test_small_and_flat_pictures_give_a_smooth_map(shape):
    soft = np.random.default_rng(0).random(shape).astype(np.float32)
    found = guided_filter(soft, np.full((*shape, 3), 0.5, np.float32), 24)
    assert found.shape == shape and np.isfinite(found).all()
    assert found.min() >= 0 and found.max() <= 1
    assert np.ptp(found) <= np.ptp(soft)
