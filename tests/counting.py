"""Counting model evaluations, the unit in which benchmarks and tests speak of cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from diffedit_core.denoiser import Denoiser


@dataclass
class CountingDenoiser:
    """Passes everything on to `denoiser` and counts its evaluations of single samples."""

    denoiser: Denoiser
    evaluations: int = 0

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        self.evaluations += len(x) * len(conds)
        return self.denoiser.denoise(x, sigma, conds)

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return self.denoiser.noise_scaling(sigma, noise, latent)

    def input_scale(self, sigma: float) -> float:
        return self.denoiser.input_scale(sigma)
