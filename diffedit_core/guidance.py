"""Classifier-free guidance for a plain denoiser."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .denoiser import Denoiser


@dataclass
class GuidedDenoiser:
    """Steers every prediction away from the "negative" condition (Ho & Salimans, 2207.12598).

    denoiser: one that knows the condition "negative" too.  cfg: 1 is no guidance, and the
    negative condition is not evaluated then.
    """

    denoiser: Denoiser
    cfg: float

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        if self.cfg == 1:
            return self.denoiser.denoise(x, sigma, conds)
        negative, *predictions = self.denoiser.denoise(x, sigma, ("negative", *conds))
        return [negative + self.cfg * (prediction - negative) for prediction in predictions]

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return self.denoiser.noise_scaling(sigma, noise, latent)

    def input_scale(self, sigma: float) -> float:
        return self.denoiser.input_scale(sigma)
