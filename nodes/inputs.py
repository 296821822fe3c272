"""What users connect, checked: each mistake becomes one sentence that names the input."""

from collections.abc import Sequence
from typing import Any

import comfy.sample
import comfy.utils
import torch
from comfy.model_sampling import IMG_TO_IMG, IMG_TO_IMG_FLOW
from torch import Tensor

from ..diffedit_core.mask import latent_frames, latent_sized

# Pixels to a latent's cell, at most; VAE Encode crops a picture to whole cells.
LARGEST_CELL = 32


def latent_samples(model: Any, latent: dict[str, Any]) -> Tensor:
    """The latent's `samples` as the model takes them, `[B, C, ..., h, w]`.

    Raises ValueError for a model that DiffEdit cannot use, or a latent that the model cannot.
    """
    _check_model(model)
    samples = latent["samples"]
    if samples.is_nested:
        raise ValueError(
            "latent: it bundles several latents (such as video with sound), which DiffEdit cannot "
            "edit; connect the latent of a picture."
        )
    samples = comfy.sample.fix_empty_latent_channels(
        model,
        samples,
        latent.get("downscale_ratio_spacial"),
        latent.get("downscale_ratio_temporal"),
    )
    latent_format = model.get_model_object("latent_format")
    if samples.ndim != 2 + latent_format.latent_dimensions:
        raise ValueError(
            f"latent: it has {samples.ndim} dimensions and the model works on "
            f"{2 + latent_format.latent_dimensions}; a model of pictures needs the latent of a "
            "picture, one of videos that of a video."
        )
    channels = latent_format.latent_channels
    if samples.shape[1] != channels:
        raise ValueError(
            f"latent: it has {samples.shape[1]} channels and the model works on {channels}; encode "
            "the picture with the VAE that belongs to the model."
        )
    _check_finite("latent", samples)
    return samples


def _check_model(model: Any) -> None:
    """Raise ValueError for a model that does not make pictures or videos out of noise."""
    if model.get_model_object("latent_format").latent_dimensions < 2:
        raise ValueError(
            "model: it makes sound or shapes, where there is no region to edit; connect a model of "
            "pictures or videos."
        )
    if isinstance(model.get_model_object("model_sampling"), (IMG_TO_IMG, IMG_TO_IMG_FLOW)):
        raise ValueError(
            "model: it turns one picture into another without any noise to compare prompts in; "
            "connect a text-to-image model."
        )


def _check_finite(name: str, values: Tensor) -> None:
    if not values.isfinite().all():
        raise ValueError(
            f"{name}: it contains NaN or infinite values; look at the node that made it, often a "
            "VAE running in half precision."
        )


def mask_values(mask: Tensor, name: str = "mask") -> Tensor:
    """The mask of the input `name` as float32 `[B, H, W]` with values in 0..1.

    Raises ValueError for a mask that holds NaN.
    """
    if mask.isnan().any():
        raise ValueError(f"{name}: it contains NaN values; look at the node that made it.")
    return mask.reshape(-1, *mask.shape[-2:]).float().clamp(0, 1)


def check_pictures(image: Tensor) -> None:
    """Raise ValueError where an IMAGE holds no picture, or one with NaN."""
    if not len(image):
        raise ValueError("image: there is no picture in it; connect at least one.")
    _check_finite("image", image)


def pictures(image: Tensor, count: int, size: Sequence[int]) -> Tensor:
    """The IMAGE as float32 RGB `[count, H, W, 3]` on the CPU, brought to `size` `(H, W)`.

    Raises ValueError where there is neither one picture for all nor one for each, or one holds NaN.
    """
    check_pictures(image)
    if len(image) not in (1, count):
        raise ValueError(
            f"image: there are {len(image)} pictures for {count} masks; connect the pictures that "
            "the masks belong to."
        )
    image = image[..., :3].cpu().float().expand(count, -1, -1, 3)  # grey ones have one channel
    corner = vae_crop(image.shape[1:3], size)
    if corner:
        top, left = corner
        return image[:, top : top + size[0], left : left + size[1]]
    return comfy.utils.common_upscale(
        image.movedim(-1, 1), size[1], size[0], "bilinear", "disabled"
    ).movedim(1, -1)


def vae_crop(size: Sequence[int], cropped: Sequence[int]) -> tuple[int, int] | None:
    """How many rows and columns VAE Encode has cut off at the top and on the left, where it has
    made a picture of one `(H, W)` another; None where it cannot have.
    """
    spare = [before - after for before, after in zip(size, cropped, strict=True)]
    if any(not 0 <= pixels < LARGEST_CELL for pixels in spare):
        return None
    top, left = (pixels // 2 for pixels in spare)
    return top, left


def latent_mask(model: Any, mask: Tensor, samples: Tensor) -> Tensor:
    """The MASK at the latent's size, shaped to broadcast against `samples` `[B, C, ..., h, w]`.

    Raises ValueError where there is neither one mask for all, nor one for each picture or video,
    nor one for each frame of a video.
    """
    mask = latent_sized(mask_values(mask), samples.shape[-2:])
    if len(mask) in (1, len(samples)):
        return mask.reshape(len(mask), *[1] * (samples.ndim - 3), *mask.shape[-2:])
    video = samples.ndim == 5
    if video:
        every = model.get_model_object("latent_format").temporal_downscale_ratio
        frames = 1 + every * (samples.shape[2] - 1)
        if len(mask) == frames:
            return latent_frames(mask, every)[None, None]
    raise ValueError(
        f"mask: there are {len(mask)} masks for {len(samples)} "
        + (f"videos of {frames} frames" if video else "pictures")
        + " in the latent; connect one mask for all or one for each."
    )


def check_count(name: str, thing: str, given: int, count: int, others: str = "pictures") -> None:
    """Raise ValueError where the input `name` has neither one thing for all others nor one for each
    of them.
    """
    if given not in (1, count):
        raise ValueError(
            f"{name}: there are {given} {thing}s for {count} {others}; connect one {thing} for all "
            "or one for each."
        )


def check_conditioning(
    model: Any, name: str, conditioning: list[Any], images: int | None = None
) -> None:
    """Raise ValueError where a CONDITIONING was encoded for another kind of model, or holds neither
    one prompt for all `images` nor one for each.
    """
    width = context_width(model)
    for context, _ in conditioning:
        if images:
            check_count(name, "prompt", len(context), images)
        if width and context.shape[-1] != width:
            raise ValueError(
                f"{name}: it was encoded with another model's CLIP (width {context.shape[-1]}, the "
                f"model needs {width}); connect the CLIP that was loaded with the model."
            )


def check_regions(name: str, conditioning: list[Any], samples: Tensor) -> None:
    """Raise ValueError where a prompt has neither one region for all of `samples`
    `[B, C, ..., h, w]` nor one for each picture, or each frame of a video.
    """
    video = samples.ndim == 5
    count = samples.shape[2] if video else len(samples)
    for region in (options["mask"] for _, options in conditioning if "mask" in options):
        if len(region) not in (1, count):
            raise ValueError(
                f"{name}: a prompt of it acts in {len(region)} regions and there are {count} "
                f"{'frames' if video else 'pictures'}; connect one mask for all or one for each."
            )


def unconditional(model: Any) -> list[Any]:
    """The CONDITIONING of no prompt at all: a context of zeros, as ConditioningZeroOut makes.

    Raises ValueError for a model that needs more than a context, or one of unknown width.
    """
    if needs_conditioning(model):
        raise ValueError(
            "conditioning: this kind of model cannot do without one; connect a CLIPTextEncode "
            "with an empty text."
        )
    return [[torch.zeros(1, 77, context_width(model)), {}]]


def needs_conditioning(model: Any) -> bool:
    """Whether the model takes more than a text context, or one of unknown width."""
    return not context_width(model) or bool(model.model.adm_channels)


def same_conditioning(a: list[Any], b: list[Any]) -> bool:
    """Whether two CONDITIONINGs say the same to the model."""
    return len(a) == len(b) and all(
        same(context_a, context_b)
        and options_a.keys() == options_b.keys()
        and all(same(options_a[key], options_b[key]) for key in options_a)
        for (context_a, options_a), (context_b, options_b) in zip(a, b, strict=True)
    )


def same(a: Any, b: Any) -> bool:
    """Whether two parts of CONDITIONINGs are equal, as tensors, or one and the same."""
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a is b


def context_width(model: Any) -> int | None:
    """The width of the text context of a UNet model, None where its configuration has no such."""
    return model.model.model_config.unet_config.get("context_dim")


def without_size(latent: dict[str, Any]) -> dict[str, Any]:
    """A copy of the LATENT without the note that an empty latent's size is provisional."""
    return {key: value for key, value in latent.items() if not key.startswith("downscale_ratio")}
