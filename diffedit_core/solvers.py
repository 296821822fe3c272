"""How one step goes down: from `x` and its `denoised` at one noise level to `x` at a lower one.

In ComfyUI's sampling space `dx/dsigma = (x - denoised) / sigma` for every model family, so the
same steps serve eps-, v- and flow-models.
"""

from collections.abc import Callable, Sequence
from math import log

from torch import Tensor

from .denoiser import Denoiser
from .noise import noise_like
from .noising import renew_noise

Solver = Callable[[Tensor, Tensor, float, float], Tensor]
"""Given `x`, `denoised`, `sigma_from` and the lower `sigma_to`, answers `x` at `sigma_to`."""


def ddim(x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float) -> Tensor:
    """Deterministic DDIM (Song et al., arXiv 2010.02502, equation 12); first order."""
    return denoised + (x - denoised) * (sigma_to / sigma_from)


class StochasticDDIM:
    """DDIM with fresh noise in every step, the same for a seed; `eta` as in `renew_noise`."""

    def __init__(
        self, denoiser: Denoiser, eta: float, seed: int, indices: Sequence[int] | None = None
    ):
        self.denoiser = denoiser
        self.eta = eta
        self.seed = seed
        self.indices = indices
        self.steps_done = 0

    def __call__(self, x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float) -> Tensor:
        noise = noise_like(x, self.seed, self.steps_done, self.indices)
        self.steps_done += 1
        x = ddim(x, denoised, sigma_from, sigma_to)
        return renew_noise(self.denoiser, x, denoised, sigma_from, sigma_to, self.eta, noise)


class DPMPP2M:
    """DPM-Solver++(2M), second-order multistep (Lu et al., arXiv 2211.01095, algorithm 2).

    Extrapolates `denoised` in `-log(sigma)` from the step before.  The first step, and the last one
    down to 0, are DDIM.
    """

    def __init__(self) -> None:
        self.last: tuple[Tensor, float] | None = None

    def __call__(self, x: Tensor, denoised: Tensor, sigma_from: float, sigma_to: float) -> Tensor:
        last, self.last = self.last, (denoised, sigma_from)
        if last and sigma_to > 0:
            last_denoised, last_sigma = last
            ratio = log(sigma_from / sigma_to) / log(last_sigma / sigma_from)
            denoised = denoised + ratio / 2 * (denoised - last_denoised)
        return ddim(x, denoised, sigma_from, sigma_to)
