"""CONDITIONINGs: whether they fit the model and the pictures, and whether two say the same."""

from typing import Any

import torch
from torch import Tensor

from . import model_facts
from .checks import check_count


def check_conditioning(model: Any, name: str, conditioning: list[Any], samples: Tensor) -> None:
    """Raise ValueError where a CONDITIONING was encoded for another kind of model, or holds neither
    one prompt for all of `samples` `[B, C, ..., h, w]` nor one for each, or where a prompt of it
    has neither one region for all nor one for each picture or each frame of a video.
    """
    width = model_facts.context_width(model)
    video = samples.ndim == 5
    regions, others = (samples.shape[2], "frames") if video else (len(samples), "pictures")
    for context, options in conditioning:
        check_count(name, "prompt", len(context), len(samples))
        if "mask" in options:
            check_count(name, "region", len(options["mask"]), regions, others)
        if width and context.shape[-1] != width:
            raise ValueError(
                f"{name}: it was encoded with another model's CLIP (width {context.shape[-1]}, the "
                f"model needs {width}); connect the CLIP that was loaded with the model."
            )


def check_guidance(cfg: float, negative: list[Any] | None) -> None:
    """Raise ValueError where there is guidance and nothing to steer away from."""
    if cfg != 1 and negative is None:
        raise ValueError(
            f"negative: a cfg of {cfg:g} steers away from a negative prompt; connect one, an empty "
            "prompt does, or set cfg to 1."
        )


def unconditional(model: Any) -> list[Any]:
    """Return the CONDITIONING of no prompt at all: a context of zeros, as ConditioningZeroOut
    makes.

    Raises ValueError for a model that needs more than a context, or one of unknown width.
    """
    width = model_facts.context_width(model)
    if not width or model_facts.needs_prompt(model):
        raise ValueError(
            "conditioning: this kind of model cannot do without one; connect a CLIP Text Encode "
            "with an empty text, and for an edit model with the reference that its other prompts "
            "have."
        )
    return [[torch.zeros(1, 77, width), {}]]


def same_conditioning(a: list[Any], b: list[Any]) -> bool:
    """Whether two CONDITIONINGs say the same to the model."""
    return len(a) == len(b) and all(
        same(context_a, context_b)
        and options_a.keys() == options_b.keys()
        and all(same(options_a[key], options_b[key]) for key in options_a)
        for (context_a, options_a), (context_b, options_b) in zip(a, b, strict=True)
    )


def same(a: Any, b: Any) -> bool:
    """Whether two values in CONDITIONINGs are equal, as tensors, or one and the same."""
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a is b
