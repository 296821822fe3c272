"""DDIM inversion: from an image's latent up to the noise that would decode to it.

Step 2 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2), with the implicit step solved
by fixed-point iteration (AIDI, Pan et al., arXiv 2309.04907; ReNoise, Garibi et al.,
arXiv 2403.14602) from where the step before was heading (Uni-Inv, Jiao et al., arXiv 2504.13109).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from .denoiser import Denoiser, StepCallback, require_finite

# Smaller residuals are the rounding of a network in half precision; that they grow means nothing.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Inversion:
    """An image's trajectory up to noise, and how exactly it was found.

    trajectory: `[steps + 1, B, C, ...]` on the CPU, the latent at every sigma, the first being the
    source itself.  residuals: `[steps, B]`, the relative change of x by each step's last useful
    iteration.  converged: bool `[steps, B]`, False where iterating led away from a solution.
    calls: for each step, how often the denoiser was evaluated.
    """

    trajectory: Tensor
    residuals: Tensor
    converged: Tensor
    calls: list[int]


@dataclass(frozen=True)
class InversionStep:
    """One step of an `Inversion`; residual and converged are `[B]`."""

    x: Tensor
    denoised: Tensor
    residual: Tensor
    converged: Tensor
    calls: int


def encoding_sigmas(sigmas: Sequence[float], strength: float) -> list[float]:
    """Return the noise levels of an inversion up to `strength`: the low end of a schedule.

    sigmas: a schedule as samplers use it, falling to 0.  strength: the fraction of its steps to
    take, 0..1, rounded to whole steps.

    The sigmas returned rise from 0.  Only the 0 is left where the strength is too low for a single
    step.
    """
    steps = round(strength * (len(sigmas) - 1))
    return [float(sigma) for sigma in reversed(sigmas)][: steps + 1]


def invert(
    denoiser: Denoiser,
    latent: Tensor,
    sigmas: Sequence[float],
    iterations: int = 1,
    tolerance: float = 0.0,
    extrapolate: bool = True,
    callback: StepCallback | None = None,
) -> Inversion:
    """Encode a clean latent up through the noise levels `sigmas`, under "positive".

    latent: `[B, C, ...]`.  sigmas: rising from 0.  iterations, tolerance, errors: see
    `invert_step`.  extrapolate: start each step but the first with the direction of the step
    before, instead of the network's input; one evaluation then does about what two do without.
    Beside the model, only the latest latent and the first guess are on the source's device.
    """
    trajectory = torch.empty(len(sigmas), *latent.shape, dtype=latent.dtype)
    trajectory[0] = x = latent
    guess = None
    residuals, converged, calls = [], [], []
    for number, (sigma_from, sigma_to) in enumerate(pairwise(sigmas)):
        step = invert_step(denoiser, x, sigma_from, sigma_to, iterations, tolerance, guess)
        if extrapolate and number + 2 < len(sigmas):
            ahead = (sigmas[number + 2] - sigma_to) / (sigma_to - sigma_from)
            guess = step.x + ahead * (step.x - x)
        trajectory[number + 1] = x = step.x
        residuals.append(step.residual.cpu())
        converged.append(step.converged.cpu())
        calls.append(step.calls)
        if callback:
            callback(number, step.denoised, x)
    return Inversion(trajectory, torch.stack(residuals), torch.stack(converged), calls)


def invert_step(
    denoiser: Denoiser,
    x_from: Tensor,
    sigma_from: float,
    sigma_to: float,
    iterations: int,
    tolerance: float = 0.0,
    guess: Tensor | None = None,
) -> InversionStep:
    """Find the `x` at `sigma_to` that one DDIM step brings down to `x_from`.

    The exact inverse is implicit, `x = x_from + (sigma_to - sigma_from) * d(x, sigma_to)` with
    `d = (x - denoised) / sigma_to`; each iteration puts the last result in on the right, and
    approaches the exact inverse.  An iteration's change of x is the error with which the x before
    it decodes to `x_from`.  Where that grows, or is not finite, an image keeps its best x.

    iterations: at least 1.  tolerance: an image is finished as soon as an iteration changes it by
    no more than this fraction of its size (root mean square); the step ends when all are finished.
    guess: the x to start from; by default what keeps the network's input as it is, which makes a
    single iteration the usual DDIM inversion (diffusers' DDIMInverseScheduler).

    Raises ValueError where the denoiser's first prediction is not finite.
    """

    def iterated(x: Tensor) -> tuple[Tensor, Tensor]:
        (denoised,) = denoiser.denoise(x, sigma_to, ("positive",))
        return x_from + (sigma_to - sigma_from) * (x - denoised) / sigma_to, denoised

    if guess is None:
        guess = x_from * (denoiser.input_scale(sigma_from) / denoiser.input_scale(sigma_to))
    x, denoised = iterated(guess)
    require_finite(denoised, sigma_to)
    # One measure for the whole step: an x that runs away must not hide behind its own size.
    size = _norms(x).clamp(min=torch.finfo(x.dtype).tiny)
    residual = _norms(x - guess) / size
    shrinks = torch.ones_like(residual, dtype=torch.bool)
    best = kept = x
    calls = 1
    while calls < iterations and (residual > tolerance).any():
        following, denoised = iterated(x)
        calls += 1
        change = _norms(following - x) / size
        finished = residual <= tolerance
        shrinks = change < residual  # not so for NaN
        improves = shrinks & ~finished
        best = _per_image(improves, x, best)
        kept = _per_image(finished, kept, _per_image(improves, following, best))
        residual = torch.where(improves, change, residual)
        x = _per_image(change.isfinite(), following, best)
    converged = shrinks | (residual <= max(tolerance, ROUNDING))
    return InversionStep(kept, denoised, residual, converged, calls)


def _norms(x: Tensor) -> Tensor:
    """The Euclidean norm of each image of `[B, C, ...]`: `[B]`."""
    return torch.linalg.vector_norm(x.flatten(1), dim=1)


def _per_image(choice: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`a` for the images where `choice` `[B]` is True, `b` for the others."""
    return torch.where(choice.reshape(-1, *[1] * (a.ndim - 1)), a, b)
