"""Pictures at another size, and masks at two scales: the image's pixels and the latent's cells."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor


def resampled(image: Tensor, size: Sequence[int]) -> Tensor:
    """Return the pictures `[B, h, w, C]`, 0..1, at `size` `(H, W)`; of this size they stay as they
    are.
    """
    if image.shape[1:3] == tuple(size):
        return image
    channels_first = image.movedim(-1, 1)
    resized = F.interpolate(channels_first, tuple(size), mode="bicubic", antialias=True)
    return resized.clamp(0, 1).movedim(1, -1)


def image_sized(mask: Tensor, size: Sequence[int], mode: str) -> Tensor:
    """Enlarge a latent-sized mask `[B, h, w]` to the image's `size` `(H, W)`.

    mode: "bilinear" for a soft mask, "nearest" for a binary one, which `latent_sized` then brings
    back unchanged where H and W are multiples of h and w.
    """
    return F.interpolate(mask[:, None], tuple(size), mode=mode)[:, 0]


def latent_sized(mask: Tensor, size: Sequence[int]) -> Tensor:
    """Bring a mask `[B, H, W]` of any size to `size` `(h, w)`.

    A cell gets the largest value in it, in full once that covers half of the cell: with the mean
    alone, every cell on an edge would keep some of the old thing, and the edit a rim of it.
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
