"""One sampling step: from `x` and its `denoised` at one noise level to `x` at a lower one.

In ComfyUI's sampling space `dx/dsigma = (x - denoised) / sigma` for every model family, so the
same steps serve eps-, v- and flow-models.

A solver keeps nothing between runs: what it has to remember from step to step is its state, which
it returns with `x` and is given back at the next step.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from .denoiser import Denoiser
from .noise import noise_like, renew_noise


class Solver(Protocol):
    def __call__(
        self, x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float, state: Any
    ) -> tuple[Tensor, Any]:
        """Return `x` at the lower `sigma_to`, and the state for the next step.

        state: what the step before returned; None at the first step.
        """
        ...


def ddim_step(x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float) -> Tensor:
    """Deterministic DDIM (Song et al., arXiv 2010.02502, equation 12); first order."""
    return denoised + (x - denoised) * (sigma_to / sigma_from)


def ddim(
    x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float, state: None
) -> tuple[Tensor, None]:
    """`ddim_step` as a solver."""
    return ddim_step(x, denoised, sigma_from, sigma_to), None


def stochastic_ddim(
    denoiser: Denoiser, eta: float, seed: int, indices: Sequence[int] | None = None
) -> Solver:
    """Return the solver for DDIM with fresh noise in every step.

    eta: 0..1, see `renew_noise`.  seed, indices: see `noise_like`.
    """

    def step(
        x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float, state: int | None
    ) -> tuple[Tensor, int]:
        steps_done = state or 0
        noise = noise_like(x, seed, draw=steps_done, indices=indices)
        x = ddim_step(x, denoised, sigma_from, sigma_to)
        x = renew_noise(denoiser, x, denoised, sigma_from, sigma_to, eta=eta, noise=noise)
        return x, steps_done + 1

    return step
