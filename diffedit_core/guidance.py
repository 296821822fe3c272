"""Classifier-free guidance for a plain denoiser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from .denoiser import Denoiser


@dataclass
class GuidedDenoiser:
    """Classifier-free guidance away from a negative conditioning (Ho & Salimans, arXiv 2207.12598).

    denoiser: one that has the negative conditionings too.  cfg: 1 is no guidance, and negative
    conditionings are not evaluated then.  negatives: the negative of each conditioning that has
    another one than "negative".
    """

    denoiser: Denoiser
    cfg: float
    negatives: Mapping[str, str] = field(default_factory=dict)

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        if self.cfg == 1:
            return self.denoiser.denoise(x, sigma, conds)
        negatives = {name: self.negatives.get(name, "negative") for name in conds}
        names = tuple(dict.fromkeys((*negatives.values(), *conds)))
        found = dict(zip(names, self.denoiser.denoise(x, sigma, names), strict=True))
        return [
            found[negative] + self.cfg * (found[name] - found[negative])
            for name, negative in negatives.items()
        ]

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return self.denoiser.noise_scaling(sigma, noise, latent)

    def input_scale(self, sigma: float) -> float:
        return self.denoiser.input_scale(sigma)
