"""Masked decoding: the edit inside the mask, the image's own trajectory outside.

Step 3 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2).
"""

from collections.abc import Sequence

from torch import Tensor

from .blending import MaskMode, blend, linear
from .denoiser import Denoiser, StepCallback, require_finite
from .solvers import Solver, ddim


def decoding_indices(top: int, start: float = 1.0, steps: int = 0) -> list[int]:
    """Return which of a trajectory's latents 0..`top` to visit, rising from 0.

    start: the fraction 0..1 of the trajectory to begin at, rounded to a whole index.  steps: how
    many evenly spread steps to take from there; 0, or more than there are, takes every one.

    Only the 0 is left where `start` is too low for a single step.
    """
    first = round(start * top)
    steps = min(steps or first, first)
    return [0] + [round(step * first / steps) for step in range(1, steps + 1)]


def masked_decode(
    denoiser: Denoiser,
    trajectory: Tensor,
    sigmas: Sequence[float],
    mask: Tensor,
    solver: Solver = ddim,
    mask_mode: MaskMode = linear,
    callback: StepCallback | None = None,
) -> Tensor:
    """Sample down from the top of the trajectory under "positive", inside the mask.

    trajectory: `[steps + 1, B, C, ...]`, the latent at each of `sigmas`, which rise from 0.  mask:
    broadcasts against `[B, C, ...]`, 0 keeps the image and 1 edits it.  The work is done on the
    mask's device, where the trajectory's latents are brought one at a time.

    After each step the part outside the mask is put back from the trajectory at the sigma just
    reached.  Returns `[B, C, ...]`; where the mask is 0 it is `trajectory[0]`, bit for bit.
    Raises ValueError where a prediction is not finite.
    """
    top = len(sigmas) - 1
    x = trajectory[top].to(mask.device)
    state = None
    for index in range(top, 0, -1):
        sigma_from, sigma_to = sigmas[index], sigmas[index - 1]
        (denoised,) = denoiser.denoise(x, sigma_from, ("positive",))
        require_finite(denoised, sigma_from)
        x, state = solver(x, denoised, sigma_from, sigma_to, state)
        background = trajectory[index - 1].to(mask.device)
        x = blend(background, x, mask_mode(mask, (index - 1) / top))
        if callback:
            callback(top - index, denoised, x)
    return x
