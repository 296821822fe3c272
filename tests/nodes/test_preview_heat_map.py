"""The heat map in colour: cold places show the picture, hotter ones less and less of it."""

import pytest
import torch


@pytest.fixture
def preview(nodes):
    def run(heat_map, image=None):
        return nodes.DiffEditPreviewHeatMap.execute(heat_map=heat_map, image=image).result[0]

    return run


def test_cold_shows_the_picture_and_hot_covers_it(preview):
    heat = torch.linspace(0, 1, 256).expand(1, 8, 256)
    black, white = torch.zeros(1, 8, 256, 3), torch.ones(1, 8, 256, 3)
    shown = preview(heat, white)
    assert torch.equal(shown[..., 0, :], white[..., 0, :])
    # What is left of the picture, whatever the colour over it.
    left = (shown - preview(heat, black))[0, 0, :, 0]
    assert (left.diff() < 0).all()
    assert left[-1] == pytest.approx(0.15, abs=1e-6)


def test_alone_it_grows_brighter_with_the_heat(preview):
    luma = torch.tensor([0.299, 0.587, 0.114])
    brightness = (preview(torch.linspace(0, 1, 256).expand(1, 4, 256)) @ luma)[0, 0]
    assert brightness[0] < 0.05 and brightness[-1] > 0.9
    assert (brightness.diff() >= -0.01).all()


def test_a_picture_for_each_heat_map_or_one_for_all(preview):
    heat = torch.zeros(2, 16, 24)
    assert preview(heat, torch.rand(1, 16, 24, 3)).shape == (2, 16, 24, 3)
    with pytest.raises(ValueError, match=r"^image: "):
        preview(heat, torch.rand(3, 16, 24, 3))
    with pytest.raises(ValueError, match=r"^heat_map: it contains NaN"):
        preview(heat * torch.nan)
