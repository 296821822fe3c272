"""Gaussian noise: drawn for each image, added to a latent, exchanged within a sampling step."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from .denoiser import Denoiser


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
    generator = torch.Generator("cpu").manual_seed(int(state[0]))
    return torch.randn(shape, generator=generator, dtype=torch.float32, device="cpu")


def noised_trajectory(
    denoiser: Denoiser, latent: Tensor, sigmas: Sequence[float], noise: Tensor
) -> Tensor:
    """Return the image at every noise level under one fixed noise, as in Blended Latent Diffusion
    (Avrahami et al., arXiv 2206.02779, section 4.1); no prediction is needed.

    latent, noise: `[B, C, ...]`.  sigmas: rising from 0.

    Returns `[steps + 1, B, C, ...]` on the CPU, the first being `latent` itself.
    """
    trajectory = torch.empty(len(sigmas), *latent.shape, dtype=latent.dtype)
    trajectory[0] = latent
    for index, sigma in enumerate(sigmas[1:], start=1):
        trajectory[index] = denoiser.noise_scaling(sigma, noise, latent)
    return trajectory


def renew_noise(
    denoiser: Denoiser,
    x: Tensor,
    denoised: Tensor,
    sigma_from: float,
    sigma_to: float,
    eta: float,
    noise: Tensor,
) -> Tensor:
    """Exchange a fraction of x's noise for fresh `noise`, as DDIM with `eta` does (Song et al.,
    arXiv 2010.02502, equations 12 and 16).

    x: the deterministic step's result at `sigma_to`.  denoised: its prediction at `sigma_from`.
    eta: 0..1, where 0 keeps all noise and 1 exchanges as much as DDPM does.
    """
    nothing = torch.zeros_like(x)
    signal_from, signal_to = (
        denoiser.noise_scaling(sigma, nothing, torch.ones_like(x))
        for sigma in (sigma_from, sigma_to)
    )
    ratio = (sigma_to / signal_to) / (sigma_from / signal_from)
    weight = eta * (1 - ratio**2).sqrt()
    image = denoiser.noise_scaling(sigma_to, nothing, denoised)
    fresh = denoiser.noise_scaling(sigma_to, noise, nothing)
    return image + (1 - weight**2).sqrt() * (x - image) + weight * fresh
