"""Fresh noise: a trajectory without inversion, and the random part of a sampling step."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .denoiser import Denoiser


def noised_trajectory(
    denoiser: Denoiser, latent: Tensor, sigmas: Sequence[float], noise: Tensor
) -> Tensor:
    """The image at every level under one fixed noise, as Blended Latent Diffusion has it (Avrahami
    et al., arXiv 2206.02779, section 4.1); no prediction is needed.

    latent, noise: `[B, C, ...]`.  sigmas: rising from 0.

    Returns `[levels, B, C, ...]` on the CPU, the first being `latent` itself.
    """
    trajectory = torch.empty(len(sigmas), *latent.shape, dtype=latent.dtype)
    trajectory[0] = latent
    for level, sigma in enumerate(sigmas[1:], start=1):
        trajectory[level] = denoiser.noise_scaling(sigma, noise, latent)
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
    """Exchange a part of x's noise for fresh `noise`, as DDIM with `eta` does (Song et al.,
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
    share = eta * (1 - ratio**2).sqrt()
    image = denoiser.noise_scaling(sigma_to, nothing, denoised)
    fresh = denoiser.noise_scaling(sigma_to, noise, nothing)
    return image + (1 - share**2).sqrt() * (x - image) + share * fresh
