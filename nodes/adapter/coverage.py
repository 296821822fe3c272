"""Where, and at which noise levels, a CONDITIONING acts.

Prompts may be limited to an area, a mask or a range of timesteps.  Where none of a conditioning's
prompts acts ComfyUI predicts 0, which no stage can work with.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import comfy.samplers
import torch
from torch import Tensor

from .error_reason import error_reason

# What is of no matter for the place, and would be evaluated.
LEFT_OUT = {"hooks", "control", "gligen"}

# What ComfyUI raises at, say, an area outside of the picture.
ODD = (RuntimeError, TypeError, ValueError, AttributeError, LookupError)


def coverage(model: Any, conds: list[dict[str, Any]], x: Tensor, sigma: float) -> Tensor:
    """Return where a model's `conds`, as ComfyUI's guider has them, act on `x` `[B, C, ..., h, w]`
    at `sigma`: bool `[B, 1, ..., h, w]`.

    ComfyUI itself combines them, with a network that predicts 1.
    """
    places = [{key: value for key, value in one.items() if key not in LEFT_OUT} for one in conds]
    ones = {"model_function_wrapper": lambda apply_model, call: torch.ones_like(call["input"])}
    timestep = x.new_full((len(x),), sigma)
    (predicted,) = comfy.samplers.calc_cond_batch(model, [places], x, timestep, ones)
    return predicted[:, :1] > 0.5


class Covered(Protocol):
    def coverage(self, name: str, sigma: float) -> Tensor: ...


def check_everywhere(
    denoiser: Covered,
    name: str,
    label: str,
    sigmas: Sequence[float],
    weight: Tensor | None = None,
) -> None:
    """Raise ValueError where the conditioning `name`, which came in through the input `label`,
    leaves places without a prompt at one of `sigmas`.

    weight: broadcasts against `[B, 1, ..., h, w]`; where it is 0 no prompt is needed.
    """
    for sigma in sigmas:
        missing = ~_coverage(denoiser, name, label, sigma)
        if weight is not None:
            missing = missing & (weight > 0).to(missing.device)
        if missing.any():
            raise ValueError(
                f"{label}: it acts only in a region or a range of timesteps, and at noise level "
                f"{sigma:.3g} places are left without a prompt; add one for all the rest with "
                "Conditioning Combine, an empty one will do."
            )


def _coverage(denoiser: Covered, name: str, label: str, sigma: float) -> Tensor:
    try:
        return denoiser.coverage(name, sigma)
    except ODD as error:
        raise ValueError(
            f"{label}: where or when it acts makes no sense for this picture "
            f"({error_reason(error)}); look at its area, mask, strength and timesteps."
        ) from error


def overlap(denoiser: Covered, names: Sequence[str], sigmas: Sequence[float]) -> Tensor:
    """Return where the conditionings, named as the inputs are, act together at one of `sigmas`:
    bool `[B, h, w]`, for a video in any of its frames.

    Raises ValueError where they do so nowhere, so that there is nothing to compare.
    """
    together = torch.stack(
        [
            torch.stack([_coverage(denoiser, name, name, one) for name in names]).all(0)
            for one in sigmas
        ]
    ).any(0)
    if together.any():
        return together.flatten(1, -3).any(1)
    alone = [
        name for name in names if not any(denoiser.coverage(name, one).any() for one in sigmas)
    ]
    levels = " and ".join(f"{sigma:.3g}" for sigma in sigmas)
    raise ValueError(
        f"{(alone or names)[-1]}: there is nothing to compare, since "
        + (
            f"it does not act at noise level {levels}"
            if alone
            else f"it never acts where {names[0]} does at noise level {levels}"
        )
        + "; widen its range of timesteps or its region, or change strength."
    )
