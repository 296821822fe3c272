"""DDIM inversion: from an image's latent up to the noise that would decode to it.

Step 2 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2), with the implicit step solved
by fixed-point iteration (AIDI, Pan et al., arXiv 2309.04907; ReNoise, Garibi et al.,
arXiv 2403.14602).
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import Denoiser, StepCallback


def encoding_levels(sigmas: Sequence[float], strength: float) -> list[float]:
    """The levels an image climbs to reach `strength`: the lowest part of a sampling schedule.

    sigmas: a schedule as samplers use it, falling to 0.  strength: the share of its steps to
    take, 0..1, rounded to whole steps.

    Returns the levels in rising order, the first being 0.  Only the 0 is left where the strength
    is too low for a single step.
    """
    steps = round(strength * (len(sigmas) - 1))
    return [float(sigma) for sigma in reversed(sigmas)][: steps + 1]


def invert(
    denoiser: Denoiser,
    latent: Tensor,
    sigmas: Sequence[float],
    iterations: int = 2,
    callback: StepCallback | None = None,
) -> Tensor:
    """Encode a clean latent up through the levels `sigmas`, under the "positive" condition.

    latent: `[B, C, ...]`.  sigmas: rising from 0.  iterations: see `invert_step`.

    Returns the trajectory `[levels, B, C, ...]`: the latent at every level, its first entry being
    `latent` itself.  Costs `iterations` predictions a step.
    """
    trajectory = [latent]
    for step, (sigma_from, sigma_to) in enumerate(pairwise(sigmas)):
        x, denoised = invert_step(denoiser, trajectory[-1], sigma_from, sigma_to, iterations)
        trajectory.append(x)
        if callback:
            callback(step, denoised, x)
    return torch.stack(trajectory)


def invert_step(
    denoiser: Denoiser, x_from: Tensor, sigma_from: float, sigma_to: float, iterations: int
) -> tuple[Tensor, Tensor]:
    """Find the `x` at `sigma_to` that one DDIM step brings down to `x_from`.

    The exact inverse is implicit, `x = x_from + (sigma_to - sigma_from) * d(x, sigma_to)` with
    `d = (x - denoised) / sigma_to`; each iteration puts the last answer in on the right.  The
    first one starts from what keeps the network's input as it is, which makes a single iteration
    the usual DDIM inversion (diffusers' DDIMInverseScheduler); more approach the exact inverse.

    iterations: at least 1.  Returns `x` and the last `denoised`.
    """
    x = x_from * (denoiser.input_scale(sigma_from) / denoiser.input_scale(sigma_to))
    for _ in range(iterations):
        (denoised,) = denoiser.denoise(x, sigma_to, ("positive",))
        x = x_from + (sigma_to - sigma_from) * (x - denoised) / sigma_to
    return x, denoised
