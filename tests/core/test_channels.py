import pytest
import torch

from diffedit_core.channels import channel_grid


def latent(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4, 16])
@pytest.mark.parametrize("scale", [1, 3])
def test_every_cell_is_where_it_belongs(channels, scale):
    values = latent(2, channels, 5, 7)
    grid = channel_grid(values, scale)
    columns = {1: 1, 3: 2, 4: 2, 16: 4}[channels]
    for index in range(2):
        largest = values[index].abs().max()
        for channel in range(channels):
            top = channel // columns * (5 * scale + 1)
            left = channel % columns * (7 * scale + 1)
            part = grid[index, top : top + 5 * scale : scale, left : left + 7 * scale : scale]
            expected = 0.5 + 0.5 * values[index, channel] / largest
            torch.testing.assert_close(part, expected[..., None].expand(-1, -1, 3))
    assert grid.min() >= 0 and grid.max() <= 1


def test_frames_are_pictures_of_their_own():
    video = latent(2, 4, 3, 5, 7)
    frames = torch.cat([video[index].transpose(0, 1) for index in range(2)])
    assert torch.equal(channel_grid(video, 2), channel_grid(frames, 2))


def test_an_empty_latent_is_grey():
    assert (channel_grid(torch.zeros(1, 4, 2, 2), 1)[0, 0, 0] == 0.5).all()
