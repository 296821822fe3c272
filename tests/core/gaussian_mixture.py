"""A denoiser known in closed form, to hold the core against mathematics."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class GaussianMixture:
    """The exact eps-model of data whose every element is an even mixture of Gaussians.

    means: for each conditioning the components' means, each broadcasting against a latent.
    std: the components' common standard deviation.
    """

    means: Mapping[str, Sequence[Tensor | float]]
    std: float = 0.5

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> list[Tensor]:
        return [self._posterior_mean(x, sigma, self.means[name]) for name in conds]

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return latent + sigma * noise

    def input_scale(self, sigma: float) -> float:
        return (1 + sigma**2) ** -0.5

    def _posterior_mean(self, x: Tensor, sigma: float, means: Sequence[Tensor | float]) -> Tensor:
        total = self.std**2 + sigma**2
        offsets = torch.stack([x - mean for mean in means])
        weight = torch.softmax(-(offsets**2) / (2 * total), dim=0)
        return (weight * (x - offsets * sigma**2 / total)).sum(dim=0)


class FlowNoised(GaussianMixture):
    """The same predictions under a flow model's noising."""

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return (1 - sigma) * latent + sigma * noise
