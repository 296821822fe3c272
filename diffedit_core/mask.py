"""DiffEdit's mask: where the predictions for two prompts differ.

Step 1 of DiffEdit (Couairon et al., arXiv 2210.11427, section 3.2). `recipes.py` makes a heat map
and a mask of what is found here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .denoiser import Denoiser, StepCallback, require_finite
from .noise import noise_like

# A mean difference below this share of the prediction itself is rounding, not meaning.
ROUNDING = 1e-4


@dataclass(frozen=True)
class Differences:
    """How much the predictions for two prompts differ, and what it took to find out.

    map: `[B, H, W]`, not negative, in multiples of its image's mean; all zero for an image that
    both prompts predict alike.  draws: for each image, how many noises its map is the mean over.
    """

    map: Tensor
    draws: list[int]


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
    """Compare the predictions under "source" and "positive" in noise, place by place.

    latent: `[B, C, ..., H, W]`.  sigmas: the noise levels to compare at, above 0.  Each level's map
    is brought to its mean before they are averaged, since predictions differ more in more noise.
    draws: how many noises to average over, at least 1.  They come in pairs, a noise and its
    negative, whose errors partly cancel (antithetic variates); the pairs go round the levels.
    seed, indices: see `noise_like`.  batch: how many draws to evaluate in one call.

    tolerance: where above 0, an image's map is finished after a pair, once every level has had one,
    as soon as the standard error of the draws, averaged over the image, is at most this share of
    the map's mean.  Draws are taken for independent, which is on the safe side as long as the two
    of a pair err in opposite ways.  What an image gets does not depend on when the others finish.

    Costs two evaluations an image and draw: with equal negative prompts guidance would only scale
    the map.  Raises ValueError where a prediction is not finite.
    """
    levels = [_Level(sigma) for sigma in sigmas]
    answer = latent.new_zeros(len(latent), *latent.shape[-2:])
    used = torch.zeros(len(latent), dtype=torch.long)
    finished = torch.zeros(len(latent), dtype=torch.bool)
    done = 0
    while done < draws and not finished.all():
        now = range(done, min(done + 2, draws) if tolerance else draws)
        for number, level in enumerate(levels):
            here = [draw for draw in now if draw // 2 % len(levels) == number]
            for some in _chunks(here, batch):
                noises = [_antithetic_noise(latent, seed, draw, indices) for draw in some]
                denoised, x = level.compare(denoiser, latent, noises)
                done += len(some)
                if callback:
                    callback(done - 1, denoised, x)
        going = ~finished
        compared = [level for level in levels if level.differences]
        answer[going] = (sum(level.mean() for level in compared) / len(compared))[going]
        used[going] = done
        if tolerance and done >= 2 * len(levels):
            variance = sum(level.variance_of_mean() for level in levels) / len(levels) ** 2
            finished |= (variance.sqrt().mean((1, 2)) <= tolerance).cpu()
    return Differences(answer, used.tolist())


class _Level:
    """The draws compared at one noise level: maps `[B, H, W]`, averaged over the channels."""

    def __init__(self, sigma: float) -> None:
        self.sigma = sigma
        self.differences: list[Tensor] = []
        self.magnitudes: list[Tensor] = []

    def compare(
        self, denoiser: Denoiser, latent: Tensor, noises: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Add a draw for each noise, all in one call; returns the last `denoised` and its `x`."""
        repeated = latent.repeat(len(noises), *[1] * (latent.ndim - 1))
        x = denoiser.noise_scaling(self.sigma, torch.cat(list(noises)), repeated)
        source, positive = denoiser.denoise(x, self.sigma, ("source", "positive"))
        for prediction in (source, positive):
            require_finite(prediction, self.sigma)
        self.differences += _over_channels(positive - source).split(len(latent))
        self.magnitudes += _over_channels(source).split(len(latent))
        return positive[-len(latent) :], x[-len(latent) :]

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


def image_sized(mask: Tensor, factor: int, mode: str) -> Tensor:
    """Enlarge a latent-sized mask `[B, h, w]` to the image's size `[B, h*factor, w*factor]`.

    mode: "bilinear" for a soft mask, "nearest" for a binary one, which `latent_sized` then brings
    back unchanged.
    """
    return F.interpolate(mask[:, None], scale_factor=factor, mode=mode)[:, 0]


def latent_sized(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Bring a mask `[B, H, W]` of any size to `size` `(h, w)`.

    A cell gets the largest value in it, in full once that covers half of the cell: with the mean
    alone, every cell on an edge would keep a part of the old thing, and the edit a rim of it.
    """
    mean = F.interpolate(mask[:, None], size=tuple(size), mode="area")
    largest = F.adaptive_max_pool2d(mask[:, None], tuple(size))
    return torch.minimum(largest, 2 * mean)[:, 0]


def latent_frames(mask: Tensor, every: int) -> Tensor:
    """Bring masks of a video's frames `[1 + every * (T - 1), h, w]` to its latent's `[T, h, w]`.

    The latent's first frame stands for the video's first alone, each later one for `every` frames:
    its mask is their mean.
    """
    later = mask[1:].unflatten(0, (-1, every)).mean(1)
    return torch.cat([mask[:1], later])


def _antithetic_noise(
    latent: Tensor, seed: int, draw: int, indices: Sequence[int] | None
) -> Tensor:
    noise = noise_like(latent, seed, draw // 2, indices)
    return -noise if draw % 2 else noise


def _over_channels(values: Tensor) -> Tensor:
    """The mean size of `[N, C, ..., H, W]` at each place: `[N, H, W]`."""
    return values.abs().mean(dim=tuple(range(1, values.ndim - 2)))


def _chunks(numbers: list[int], size: int) -> Iterator[list[int]]:
    for start in range(0, len(numbers), size):
        yield numbers[start : start + size]
