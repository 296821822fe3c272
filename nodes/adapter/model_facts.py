"""What is true of each kind of model. To support another family is to open this file."""

from typing import Any

from comfy.model_sampling import CONST, IMG_TO_IMG, IMG_TO_IMG_FLOW

LARGEST_CELL = 32
"""Pixels to the side of a latent's cell, at most, over all families."""


def check_model(model: Any) -> None:
    """Raise ValueError for a model that does not make pictures or videos out of noise."""
    if latent_dimensions(model) < 2:
        raise ValueError(
            "model: it makes sound or shapes, where there is no region to edit; connect a model of "
            "pictures or videos."
        )
    if isinstance(model.get_model_object("model_sampling"), (IMG_TO_IMG, IMG_TO_IMG_FLOW)):
        raise ValueError(
            "model: it turns one picture into another without any noise to compare prompts in; "
            "connect a text-to-image model."
        )


def latent_dimensions(model: Any) -> int:
    """Return 2 for a model of pictures and 3 for one of videos, or of pictures as short videos."""
    return model.get_model_object("latent_format").latent_dimensions


def latent_channels(model: Any) -> int:
    return model.get_model_object("latent_format").latent_channels


def cell_size(model: Any) -> int:
    """Return how many pixels the side of a latent's cell has."""
    return model.get_model_object("latent_format").spacial_downscale_ratio


def frames_per_latent_frame(model: Any) -> int:
    """Return how many frames of a video each frame of its latent after the first stands for."""
    return model.get_model_object("latent_format").temporal_downscale_ratio


def context_width(model: Any) -> int | None:
    """Return the width of a UNet's text context, None where its configuration has no such."""
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
