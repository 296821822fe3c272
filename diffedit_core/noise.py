"""Noise that belongs to an image, not to its place in a batch."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def noise_like(
    latent: Tensor, seed: int, draw: int = 0, indices: Sequence[int] | None = None
) -> Tensor:
    """Standard normal noise of latent's shape, drawn on the CPU for each image by itself.

    latent: `[B, C, ...]`.  seed, draw: any integers from 0.  indices: the number of each image in
    the batch it came from, so that an image taken out of its batch keeps its noise; 0, 1, 2, ...
    by default.
    """
    indices = range(len(latent)) if indices is None else indices
    noise = [_image_noise(latent.shape[1:], seed, index, draw) for index in indices]
    return torch.stack(noise).to(latent)


def _image_noise(shape: torch.Size, seed: int, index: int, draw: int) -> Tensor:
    # SeedSequence mixes the three numbers, so that neighbouring seeds, images and draws share
    # no noise; adding them would.
    state = np.random.SeedSequence([seed, index, draw]).generate_state(1, np.uint64)
    generator = torch.Generator().manual_seed(int(state[0]))
    return torch.randn(shape, generator=generator)
