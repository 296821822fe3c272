"""A whole edit in one call: find the region, work in a window around it, paste the edit back."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from .denoiser import Denoiser
from .diffusers_model import DiffusersModel
from .guidance import GuidedDenoiser
from .inversion import encoding_sigmas, invert
from .mask import find_differences
from .paste import paste
from .recipes import RECIPES, heat_map
from .refine import Refinement, refined_mask
from .sampling import masked_decode
from .sizes import image_sized, latent_sized, resampled
from .window import (
    CONTEXT,
    Window,
    is_much_larger,
    is_nearly_whole,
    windows_around,
    working_size,
)

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline

COMPARED_AT = (0.3, 0.7)
"""The noise levels at which two prompts are compared, as fractions of the training schedule."""

DRAWS = 6

Picture = TypeVar("Picture", Tensor, Image.Image)


class Edit(NamedTuple, Generic[Picture]):
    """picture: the edited one, of the type and size of the one given.  mask: float32 `[H, W]` in
    0..1, what was edited; where it is 0 the picture is the one given, bit for bit.  heat_map:
    float32 `[H, W]` in 0..1, how much each place would change.
    """

    picture: Picture
    mask: Tensor
    heat_map: Tensor


class ScheduledDenoiser(Denoiser, Protocol):
    """A denoiser that knows its model's noise levels."""

    def sigma(self, strength: float) -> float:
        """Return the noise level at a fraction 0..1 of the training schedule."""
        ...

    def schedule(self, steps: int) -> list[float]:
        """Return the sigmas of so many steps, falling to 0."""
        ...


@runtime_checkable
class EditModel(Protocol):
    """A model of pictures with its autoencoder, such as `DiffusersModel`.

    liked_size: the side in pixels of the square pictures that suit it best, None where that is not
    known.  size_multiple: what the sides of its pictures have to be multiples of.
    """

    liked_size: int | None
    size_multiple: int

    def denoiser(self, prompts: Mapping[str, Any]) -> ScheduledDenoiser:
        """Return the model with a prompt for each conditioning's name; None is no prompt at all."""
        ...

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the latents `[B, C, h, w]` of pictures `[B, H, W, 3]` in 0..1."""
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, the reverse of `encode`, on the CPU."""
        ...


@torch.no_grad()
def diffedit(
    model: "EditModel | StableDiffusionPipeline",
    image: Picture,
    source: Any,
    target: Any,
    *,
    seed: int = 0,
    steps: int = 20,
    strength: float = 0.8,
    cfg: float = 7.5,
    grow: int = 0,
) -> Edit[Picture]:
    """Change one thing in a picture (Couairon et al., arXiv 2210.11427).

    model: a Stable Diffusion pipeline of diffusers, or another `EditModel`.  image: a PIL image, or
    `[H, W, C]` in 0..1 with three channels or more, of any size; what is not colour, such as alpha,
    stays.  source, target: what it shows, and what it should show, as texts, or whatever else the
    model takes for a prompt.

    seed: chooses the noises by which the region is found.  steps: of the whole schedule, of which
    strength, above 0 and at most 1, is the fraction to take.  cfg: the guidance of the edit.  grow:
    see `refine.Refinement`, in pixels at the size that the model works at.

    A picture much larger than the model likes is edited in a window: the region is found on the
    picture shrunk to that size, and again in the window around it.

    Raises ValueError for a picture that cannot be edited, and for a strength too low for a step.
    """
    if not isinstance(model, EditModel):
        model = DiffusersModel(model)
    picture = _values(image)
    colours = picture[None, ..., :3]
    size = (picture.shape[0], picture.shape[1])
    is_large = is_much_larger(size, model.liked_size)
    liked = model.liked_size if is_large else None
    compared = model.denoiser({"source": source, "target": target})

    def seen(window: Window) -> Tensor:
        shown = working_size(window.size, liked, model.size_multiple)
        return resampled(colours[(slice(None), *window.slices)], shown)

    def find(latent: Tensor, size: Sequence[int]) -> Tensor:
        levels = [compared.sigma(level) for level in COMPARED_AT]
        found = find_differences(compared, latent, levels, DRAWS, seed)
        heat = heat_map(found.map.float().cpu(), RECIPES["auto"])
        return image_sized(heat, size, "bilinear")

    sigmas = encoding_sigmas(compared.schedule(steps), strength)
    if len(sigmas) == 1:
        raise ValueError("strength: it is too low for a single step; raise it, or steps.")
    window = Window(0, 0, *size)
    pixels = seen(window)
    latent = model.encode(pixels)
    heat = find(latent, pixels.shape[1:3])
    whole_heat = resampled(heat[..., None], size)
    if is_large:
        (region,) = refined_mask(heat).numpy() > 0
        (window,) = windows_around([region], size, CONTEXT)
        pixels = seen(window)
        latent = model.encode(pixels)
        if is_nearly_whole(window, size):
            part = whole_heat[(slice(None), *window.slices)]
            heat = resampled(part, pixels.shape[1:3])[..., 0]
        else:
            heat = find(latent, pixels.shape[1:3])
    mask = refined_mask(heat, Refinement(grow=grow), pixels)

    inverted = invert(model.denoiser({"positive": None}), latent, sigmas)
    guided = GuidedDenoiser(model.denoiser({"positive": target, "negative": ""}), cfg)
    weight = latent_sized(mask, latent.shape[-2:])[:, None].to(latent)
    edited = model.decode(masked_decode(guided, inverted.trajectory, sigmas, weight))

    here = window.slices
    mask_here = resampled(mask[..., None], window.size)[0, ..., 0]
    pasted, whole_mask = picture.clone(), torch.zeros(size)
    whole_mask[here] = mask_here
    pasted[here] = paste(picture[here], resampled(edited, window.size)[0], mask_here, feather=0)
    return Edit(_as_given(pasted, image), whole_mask, whole_heat[0, ..., 0])


def _values(image: Tensor | Image.Image) -> Tensor:
    """The picture as float32 `[H, W, C]` in 0..1 on the CPU."""
    if isinstance(image, Image.Image):
        mode = "RGBA" if image.has_transparency_data else "RGB"
        return torch.from_numpy(np.array(image.convert(mode))).float() / 255
    if not (image.is_floating_point() and image.ndim == 3 and image.shape[-1] >= 3 and len(image)):
        raise ValueError(
            f"image: it is {image.dtype} of the shape {list(image.shape)}; give a PIL image, or "
            "one picture of height, width and at least 3 channels as floats in 0..1."
        )
    if not image.isfinite().all():
        raise ValueError("image: it contains NaN or infinite values; look at what made it.")
    return image.float().cpu()


def _as_given(picture: Tensor, image: Picture) -> Picture:
    if isinstance(image, Image.Image):
        values = (255 * picture).round().to(torch.uint8).numpy()
        return Image.fromarray(values)
    return picture.to(image)
