"""From a strength to noise levels: those that inversion climbs, and those the mask compares at."""

from typing import Any

import comfy.samplers
from torch import Tensor

from ...diffedit_core.inversion import encoding_sigmas

# Where spread would reach below any noise.
LEAST_STRENGTH = 0.01


def inversion_sigmas(
    model: Any, steps: int, strength: float, scheduler: str, sigmas: Tensor | None
) -> list[float]:
    """Return the noise levels to take a picture through, rising from 0.

    Raises ValueError where SIGMAS do not fall, where a scheduler cannot do so few steps, or where
    strength leaves no step.
    """
    if sigmas is None:
        model_sampling = model.get_model_object("model_sampling")
        sigmas = comfy.samplers.calculate_sigmas(model_sampling, scheduler, steps)
        if not sigmas.isfinite().all():
            raise ValueError(
                f"steps: the {scheduler} scheduler needs more than {steps}; raise steps."
            )
        # Some schedulers repeat sigmas where there are more steps than the model has timesteps.
        schedule = sigmas.unique_consecutive().tolist()
    else:
        schedule = _falling_to_zero(sigmas)
    rising = encoding_sigmas(schedule, strength)
    if len(rising) == 1:
        raise ValueError(
            f"strength: {strength:g} of {len(schedule) - 1} steps leaves no step to take; raise "
            "strength or steps."
        )
    return rising


def mask_sigmas(model: Any, strength: float, spread: float) -> list[float]:
    """Return the noise levels to compare prompts at: `strength`, or `spread` below and above it.

    Raises ValueError where there would be no noise at all.
    """
    if strength == 0:
        raise ValueError(
            "strength: at 0 there is no noise to compare the prompts in; raise it, 0.5 is a good "
            "start."
        )
    strengths = [strength - spread, strength + spread] if spread else [strength]
    model_sampling = model.get_model_object("model_sampling")
    # At the very start percent_to_sigma returns a number beyond all sigmas.
    highest = float(model_sampling.sigma_max)
    return [
        min(model_sampling.percent_to_sigma(1 - min(max(one, LEAST_STRENGTH), 1.0)), highest)
        for one in strengths
    ]


def _falling_to_zero(sigmas: Tensor) -> list[float]:
    sigmas = sigmas.cpu()
    falls = (sigmas[1:] < sigmas[:-1]).all() and sigmas.isfinite().all()
    if not len(sigmas) or not falls or sigmas[-1] < 0:
        raise ValueError(
            "sigmas: they must fall from noisy to clean, step by step; connect a scheduler node "
            "without FlipSigmas in between."
        )
    return sigmas.tolist() + ([0.0] if sigmas[-1] > 0 else [])
