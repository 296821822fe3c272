"""The channels of a latent as a picture."""

import math

import torch.nn.functional as F
from torch import Tensor


def channel_grid(latent: Tensor, scale: int) -> Tensor:
    """Return a grid of the channels of each latent as grey pictures `[N, H, W, 3]` in 0..1, N being
    the latents, or all frames of all videos.

    latent: `[B, C, h, w]` or `[B, C, frames, h, w]`, finite.  Grey is 0 and white the largest
    magnitude of the latent, black its negative.  scale: pixels to a cell.  A white line parts the
    channels; the places that are left over are white.
    """
    if latent.ndim == 5:
        latent = latent.transpose(1, 2).flatten(0, 1)
    channels = latent.shape[1]
    columns = math.ceil(math.sqrt(channels))
    largest = latent.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
    cells = F.interpolate(latent / largest, scale_factor=scale, mode="nearest")
    # Each with a line below and to its right, and as many as make whole rows.
    cells = F.pad(cells, (0, 1, 0, 1, 0, -channels % columns), value=1.0)
    rows = cells.unflatten(1, (-1, columns))  # [N, rows, columns, height, width]
    grid = rows.transpose(2, 3).flatten(3).flatten(1, 2)[:, :-1, :-1]
    return (grid / 2 + 0.5)[..., None].expand(-1, -1, -1, 3).contiguous()
