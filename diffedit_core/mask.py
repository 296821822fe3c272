"""DiffEdit's mask: where the predictions for two prompts differ.

Step 1 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2). `recipes.py` makes a heat map
and a mask of what is found here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .denoiser import Denoiser, StepCallback, require_finite
from .noise import noise_like

# A mean difference below this fraction of the prediction itself is rounding, not meaning.
ROUNDING = 1e-4


@dataclass(frozen=True)
class Differences:
    """How much the predictions for two prompts differ, and from how many draws.

    map: `[B, H, W]`, not negative, in multiples of its image's mean; all zero for an image that
    both prompts predict alike.  draws: for each image, how many noises its map is the mean over.
    source, target: `[B, C, ..., H, W]`, the means of the predictions themselves.
    """

    map: Tensor
    draws: list[int]
    source: Tensor
    target: Tensor


def find_differences(
    denoiser: Denoiser,
    latent: Tensor,
    sigmas: Sequence[float],
    draws: int,
    seed: int,
    indices: Sequence[int] | None = None,
    batch: int = 1,
    tolerance: float = 0.0,
    callback: StepCallback | None = None,
) -> Differences:
    """Compare the predictions under "source" and "target" in noise, cell by cell.

    latent: `[B, C, ..., H, W]`.  sigmas: the noise levels to compare at, above 0.  The map of each
    is divided by its mean before they are averaged, since predictions differ more in more noise.
    draws: how many noises to average over, at least 1.  They come in pairs, a noise and its
    negative, whose errors partly cancel (antithetic variates); the pairs go round the sigmas.
    seed, indices: see `noise_like`.  batch: how many draws to evaluate in one call.

    tolerance: where above 0, an image's map is finished after a pair, once every sigma has had one,
    as soon as the standard error of the draws, averaged over the image, is at most this fraction of
    the map's mean.  Draws are taken for independent, which is on the safe side as long as the two
    of a pair err in opposite ways.  What an image gets does not depend on when the others finish.

    Costs two evaluations an image and draw: with equal negative prompts guidance would only scale
    the map.  Raises ValueError where a prediction is not finite.
    """
    comparisons = [_Comparison(sigma) for sigma in sigmas]
    differences = latent.new_zeros(len(latent), *latent.shape[-2:])
    predictions = latent.new_zeros(2, *latent.shape)
    used = torch.zeros(len(latent), dtype=torch.long)
    finished = torch.zeros(len(latent), dtype=torch.bool)
    done = 0
    while done < draws and not finished.all():
        now = range(done, min(done + 2, draws) if tolerance else draws)
        for number, comparison in enumerate(comparisons):
            here = [draw for draw in now if draw // 2 % len(comparisons) == number]
            for some in _chunks(here, batch):
                noises = [_antithetic_noise(latent, seed, draw, indices) for draw in some]
                denoised, x = comparison.add(denoiser, latent, noises)
                done += len(some)
                if callback:
                    callback(done - 1, denoised, x)
        going = ~finished
        means = torch.stack([one.mean() for one in comparisons if one.differences])
        differences[going] = means.mean(0)[going]
        sums = torch.stack([one.predictions for one in comparisons if one.differences]).sum(0)
        predictions[:, going] = sums[:, going] / done
        used[going] = done
        if tolerance and done >= 2 * len(comparisons):
            variances = torch.stack([one.variance_of_mean() for one in comparisons])
            variance = variances.mean(0) / len(comparisons)
            finished |= (variance.sqrt().mean((1, 2)) <= tolerance).cpu()
    return Differences(differences, used.tolist(), *predictions)


class _Comparison:
    """The draws compared at one noise level: maps `[B, H, W]`, averaged over the channels, and the
    sums of the predictions, `[2, B, C, ..., H, W]`.
    """

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma
        self.predictions = torch.zeros(())
        self.differences: list[Tensor] = []
        self.magnitudes: list[Tensor] = []

    def add(
        self, denoiser: Denoiser, latent: Tensor, noises: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Add a draw for each noise, all in one call; returns the last `denoised` and its `x`."""
        repeated = latent.repeat(len(noises), *[1] * (latent.ndim - 1))
        x = denoiser.noise_scaling(self.sigma, torch.cat(list(noises)), repeated)
        source, target = denoiser.denoise(x, self.sigma, ("source", "target"))
        for prediction in (source, target):
            require_finite(prediction, self.sigma)
        both = torch.stack((source, target)).unflatten(1, (len(noises), len(latent)))
        self.predictions = self.predictions + both.sum(1)
        self.differences += _over_channels(target - source).split(len(latent))
        self.magnitudes += _over_channels(source).split(len(latent))
        return target[-len(latent) :], x[-len(latent) :]

    def mean(self) -> Tensor:
        return self._relative().mean(0)

    def variance_of_mean(self) -> Tensor:
        return self._relative().var(0) / len(self.differences)

    def _relative(self) -> Tensor:
        """`[draws, B, H, W]` in multiples of the image's mean; zero where that is but rounding."""
        maps = torch.stack(self.differences)
        mean = maps.mean((0, 2, 3))
        rounding = ROUNDING * torch.stack(self.magnitudes).mean((0, 2, 3))
        scale = torch.where(mean > rounding, 1 / mean, 0.0)
        return maps * scale[:, None, None]


def _antithetic_noise(
    latent: Tensor, seed: int, draw: int, indices: Sequence[int] | None
) -> Tensor:
    noise = noise_like(latent, seed, draw // 2, indices)
    return -noise if draw % 2 else noise


def _over_channels(values: Tensor) -> Tensor:
    """The mean magnitude of `[N, C, ..., H, W]` in each cell: `[N, H, W]`."""
    return values.abs().mean(dim=tuple(range(1, values.ndim - 2)))


def _chunks(numbers: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
