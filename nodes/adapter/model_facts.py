"""What is true of each kind of model. To support another family is to open this file."""

from typing import Any

import comfy.model_sampling
from comfy.model_sampling import CONST, IMG_TO_IMG, IMG_TO_IMG_FLOW

LARGEST_CELL = 32
"""Pixels to the side of a latent's cell, at most, over all families."""

# By the names of ComfyUI's classes, of which an older ComfyUI may lack some.
CELL_SIZES = {"SD_X4Upscaler": 4, "Stable_Cascade_B": 4, "Stable_Cascade_C": 32}
"""Pixels to the side of a cell, where ComfyUI itself states another number."""

LIKED_SIZES = {
    "DemoModelConfig": 192,
    **dict.fromkeys(("SD15", "SD15_instructpix2pix"), 512),
    **dict.fromkeys(("SD20", "SD21UnclipL", "SD21UnclipH"), 768),
    **dict.fromkeys(("SDXL", "SDXL_instructpix2pix", "SDXLRefiner", "SSD1B"), 1024),
    **dict.fromkeys(("Segmind_Vega", "KOALA_700M", "KOALA_1B", "Stable_Cascade_C"), 1024),
    **dict.fromkeys(("SD3", "Flux", "FluxInpaint", "FluxSchnell", "Flux2", "Chroma"), 1024),
    **dict.fromkeys(("AuraFlow", "PixArtAlpha", "PixArtSigma", "HunyuanDiT", "HiDream"), 1024),
    **dict.fromkeys(("Lumina2", "ZImage", "Omnigen2", "QwenImage", "Krea2", "Anima"), 1024),
    "HunyuanImage21": 2048,
}
"""Pixels to the side of the square pictures that a model was trained on."""

PICTURES_AS_VIDEOS = {"QwenImage", "Krea2", "JoyImage", "CosmosT2IPredict2", "Anima"}
"""Models of pictures whose latents are those of videos of one frame."""

OWN_CONTEXT = {"Stable_Zero123"}
"""Models that bring a context of another width to that of their network by themselves."""

NOT_FOR_EDITS = {
    "RT_DETR_v4": "it finds things in pictures and makes none; connect a text-to-image model",
    "SAM3": "it outlines things in pictures and makes none; connect a text-to-image model",
    "SAM31": "it outlines things in pictures and makes none; connect a text-to-image model",
    "DepthAnything3": "it measures depth in pictures and makes none; connect a text-to-image model",
    "TripoSplat": "it makes shapes, where there is no region to edit; connect a model of pictures",
    "MiniMaxH3": "it makes video and sound together; connect a model of pictures or videos alone",
    "HunyuanImage21Refiner": "it refines the latent of another model without a prompt of its own; "
    "connect HunyuanImage 2.1 itself",
}
"""Models that no other rule of `check_model` knows, and why they cannot be used."""


def check_model(model: Any) -> None:
    """Raise ValueError for a model that does not make pictures or videos out of noise."""
    if _family(model) in NOT_FOR_EDITS:
        raise ValueError(f"model: {NOT_FOR_EDITS[_family(model)]}.")
    if latent_dimensions(model) < 2 or "audio_model" in model.model.model_config.unet_config:
        raise ValueError(
            "model: it makes sound or shapes, where there is no region to edit; connect a model of "
            "pictures or videos."
        )
    model_sampling = model.get_model_object("model_sampling")
    # CogVideoX: x is scaled neither for the network nor by it.
    if isinstance(model_sampling, getattr(comfy.model_sampling, "V_PREDICTION_DDPM", ())):
        raise ValueError(
            "model: ComfyUI samples CogVideoX in a scale of its own, in which it cannot be run "
            "backwards; connect another model of videos, such as Wan."
        )
    if isinstance(model_sampling, (IMG_TO_IMG, IMG_TO_IMG_FLOW)):
        raise ValueError(
            "model: it turns one picture into another without any noise to compare prompts in; "
            "connect a text-to-image model."
        )


def latent_dimensions(model: Any) -> int:
    """Return 2 for a model of pictures and 3 for one of videos, or of pictures as short videos."""
    return model.get_model_object("latent_format").latent_dimensions


def makes_videos(model: Any) -> bool:
    """Whether several pictures at once are the frames of a video to the model's VAE."""
    return latent_dimensions(model) == 3 and _family(model) not in PICTURES_AS_VIDEOS


def latent_channels(model: Any) -> int:
    return model.get_model_object("latent_format").latent_channels


def cell_size(model: Any) -> int:
    """Return how many pixels the side of a latent's cell has."""
    stated = model.get_model_object("latent_format").spacial_downscale_ratio
    return CELL_SIZES.get(_family(model)) or stated or 8


def liked_size(model: Any) -> int | None:
    """Return the side in pixels of the square pictures that suit the model best, None where that is
    not known.
    """
    return LIKED_SIZES.get(_family(model))


def size_multiple(model: Any) -> int:
    """Return the number of pixels of which a picture's sides had better be multiples: what the
    network takes for one patch.
    """
    config = model.model.model_config.unet_config
    patch = config.get("patch_size") or config.get("patch_spatial") or 2
    patch = patch[-1] if isinstance(patch, (list, tuple)) else patch
    return cell_size(model) * max(patch, 2)


def frames_per_latent_frame(model: Any) -> int | None:
    """Return how many frames of a video each frame of its latent after the first stands for, None
    where an older ComfyUI does not tell.
    """
    return getattr(model.get_model_object("latent_format"), "temporal_downscale_ratio", None)


def context_width(model: Any) -> int | None:
    """Return the width of a UNet's text context, None where its configuration does not tell."""
    if _family(model) in OWN_CONTEXT:
        return None
    return model.model.model_config.unet_config.get("context_dim")


def needs_prompt(model: Any) -> bool:
    """Whether the model takes more than a text context, or one of unknown width, so that zeros in
    the place of a prompt will not do.
    """
    return not context_width(model) or bool(model.model.adm_channels)


def scheduler(model: Any) -> str:
    """Return the name of ComfyUI's scheduler that suits the model."""
    flow = isinstance(model.get_model_object("model_sampling"), CONST)
    return "simple" if flow else "ddim_uniform"


def _family(model: Any) -> str:
    """The name of ComfyUI's class for a kind of model."""
    return type(model.model.model_config).__name__
