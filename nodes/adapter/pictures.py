"""IMAGEs and MASKs as the core takes them, and what VAE Encode crops of a picture."""

from collections.abc import Sequence

import comfy.utils
import torch.nn.functional as F
from torch import Tensor

from .checks import check_count, check_finite
from .model_facts import LARGEST_CELL

# Rounding both sides to whole patches of the network changes proportions no more.
MOST_STRETCH = 1.35


def mask_values(mask: Tensor, name: str) -> Tensor:
    """Return the mask of the input `name` as float32 `[B, H, W]` with values in 0..1.

    Raises ValueError for a mask that holds NaN or infinite values.
    """
    check_finite(name, mask)
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def rgb(image: Tensor) -> Tensor:
    """Return the colours of an IMAGE, `[B, H, W, 3]` on the CPU: without alpha, grey as RGB."""
    return image[..., :3].cpu().expand(-1, -1, -1, 3)


def with_colours(image: Tensor) -> Tensor:
    """Return an IMAGE on the CPU as it is, but grey as RGB: `[B, H, W, 3]`, or 4 with alpha."""
    return rgb(image) if image.shape[-1] == 1 else image.cpu()


def pictures(image: Tensor, count: int, size: Sequence[int], others: str = "masks") -> Tensor:
    """Return the IMAGE as RGB `[count, H, W, 3]` on the CPU, brought to `size` `(H, W)`.

    Raises ValueError where there is neither one picture for all others nor one for each.
    """
    check_count("image", "picture", len(image), count, others)
    image = rgb(image).expand(count, -1, -1, -1)
    corner = vae_crop(image.shape[1:3], size)
    if corner:
        top, left = corner
        return image[:, top : top + size[0], left : left + size[1]]
    return comfy.utils.common_upscale(
        image.movedim(-1, 1), size[1], size[0], "bilinear", "disabled"
    ).movedim(1, -1)


def check_proportions(name: str, size: Sequence[int], wanted: Sequence[int], of: str) -> None:
    """Raise ValueError where a picture of `size` `(H, W)` of the input `name` is no larger or
    smaller version of one of the size `wanted`.
    """
    stretch = (size[0] / size[1]) / (wanted[0] / wanted[1])
    if not 1 / MOST_STRETCH < stretch < MOST_STRETCH:
        raise ValueError(
            f"{name}: it is {size[1]}×{size[0]} pixels, which has other proportions than the "
            f"{wanted[1]}×{wanted[0]} of {of}; connect the edit of that very picture."
        )


def over_picture(values: Tensor, size: Sequence[int], mode: str) -> Tensor:
    """Return the values `[B, C, h, w]` over a picture of `size` `(H, W)`: resampled by `mode`,
    unless they are so little smaller that VAE Encode has cropped them; then zero around them.
    """
    height, width = values.shape[-2:]
    corner = vae_crop(size, (height, width))
    if corner:
        top, left = corner
        return F.pad(values, (left, size[1] - left - width, top, size[0] - top - height))
    return F.interpolate(values, tuple(size), mode=mode, antialias=mode == "bilinear")


def vae_crop(size: Sequence[int], cropped: Sequence[int]) -> tuple[int, int] | None:
    """Return how many rows and columns VAE Encode has cut off at the top and on the left, where it
    has made a picture of one `(H, W)` another; None where it cannot have.
    """
    spare = [before - after for before, after in zip(size, cropped, strict=True)]
    if any(not 0 <= pixels < LARGEST_CELL for pixels in spare):
        return None
    top, left = (pixels // 2 for pixels in spare)
    return top, left
