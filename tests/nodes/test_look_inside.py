"""The nodes that only show: what they show is what there is."""

import pytest
import torch


def test_levels_are_those_of_the_trajectory(nodes, stages, latent):
    inverted = stages.invert(latent)
    trajectory = inverted["diffedit_trajectory"]
    levels = len(trajectory.sigmas)

    def show(latent: dict, count: int):
        return nodes.DiffEditTrajectoryLevels.execute(latent=latent, count=count)

    everything = show(inverted, 64)
    by_picture = everything.result[0]["samples"].unflatten(0, (2, levels))
    assert torch.equal(by_picture.transpose(0, 1), trajectory.latents)
    (text,) = everything.ui["diffedit_text"]
    assert text == "sigma " + ", ".join(f"{sigma:.2f}" for sigma in trajectory.sigmas)

    (ends,) = show(inverted, 2).result
    assert torch.equal(ends["samples"][::2], latent["samples"])
    assert torch.equal(ends["samples"][1::2], inverted["samples"])
    (end,) = show(inverted, 1).result
    assert torch.equal(end["samples"], inverted["samples"])
    with pytest.raises(ValueError, match="^latent: it carries no trajectory"):
        show(latent, 6)


def test_each_threshold_takes_what_is_above_it(nodes):
    heat = torch.rand(2, 9, 11, generator=torch.Generator().manual_seed(0))
    (masks,) = nodes.DiffEditMaskAtThresholds.execute(heat_map=heat, count=4).result
    by_picture = masks.unflatten(0, (2, 4))
    for number, threshold in enumerate((0.2, 0.4, 0.6, 0.8)):
        assert torch.equal(by_picture[:, number], (heat > threshold).float())
    with pytest.raises(ValueError, match="^heat_map: it contains NaN"):
        nodes.DiffEditMaskAtThresholds.execute(heat_map=heat * torch.nan, count=4)


def test_channels_of_what_is_no_picture_are_refused(nodes):
    def show(latent: dict):
        return nodes.DiffEditLatentChannels.execute(latent=latent, scale=4)

    (image,) = show({"samples": torch.randn(2, 4, 6, 8)}).result
    assert image.shape == (2, 2 * 24 + 1, 2 * 32 + 1, 3)
    with pytest.raises(ValueError, match="^latent: it is not that of a picture"):
        show({"samples": torch.randn(2, 4, 6)})
    with pytest.raises(ValueError, match="^latent: it contains NaN"):
        show({"samples": torch.full((1, 4, 2, 2), torch.nan)})
