"""From a strength to noise levels: those that inversion climbs, and those the mask compares at."""

from itertools import pairwise
from typing import Any

import comfy.model_sampling
import comfy.samplers
import torch
from torch import Tensor

from ...diffedit_core.inversion import encoding_sigmas

# Where spread would reach below any noise.
LEAST_STRENGTH = 0.01

# Enough for the last bit of a float.
BISECTIONS = 64

# The fraction of noise up to which a schedule may end without a step to 0.
NEARLY_CLEAN = 0.05


def inversion_sigmas(
    model: Any, steps: int, strength: float, scheduler: str, sigmas: Tensor | None
) -> list[float]:
    """Return the noise levels to take a picture through, rising from 0.

    Raises ValueError where SIGMAS do not fall to 0, where a scheduler cannot do so few steps, or
    where strength leaves no step.
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
        schedule = _falling_to_zero(model, sigmas)
    rising = encoding_sigmas(schedule, strength)
    if len(rising) == 1:
        raise ValueError(
            f"strength: {strength:g} of {len(schedule) - 1} steps leaves no step to take; raise "
            "strength or steps."
        )
    return rising


def mask_sigmas(model: Any, strength: float, spread: float) -> list[float]:
    """Return the noise levels to compare prompts at: `strength`, or `spread` below and above it.

    A strength is the same fraction of noise in `x` on every model: that which Stable Diffusion 1
    has at this fraction of its timesteps.

    Raises ValueError where there would be no noise at all.
    """
    if strength == 0:
        raise ValueError(
            "strength: at 0 there is no noise to compare the prompts in; raise it, 0.5 is a good "
            "start."
        )
    strengths = [strength - spread, strength + spread] if spread else [strength]
    return [
        sigma_of(model, noise_fraction(min(max(one, LEAST_STRENGTH), 1.0))) for one in strengths
    ]


def noise_fraction(strength: float) -> float:
    """Return the fraction of noise in Stable Diffusion 1's x at a fraction 0..1 of its timesteps:
    sigma / (1 + sigma).
    """
    model_sampling = comfy.model_sampling.ModelSamplingDiscrete()
    # At the very start percent_to_sigma returns a number beyond all sigmas.
    sigma = min(model_sampling.percent_to_sigma(1 - strength), float(model_sampling.sigma_max))
    return sigma / (1 + sigma)


def sigma_of(model: Any, fraction: float) -> float:
    """Return the sigma at which the model's own noise scaling makes x so much noise, 0..1; the
    nearest that it has.
    """
    model_sampling = model.get_model_object("model_sampling")
    low, high = float(model_sampling.sigma_min), float(model_sampling.sigma_max)
    if fraction <= _noise_fraction_of(model, low):
        return low
    if fraction >= _noise_fraction_of(model, high):
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        if _noise_fraction_of(model, middle) < fraction:
            low = middle
        else:
            high = middle
    return high


def _noise_fraction_of(model: Any, sigma: float) -> float:
    """The fraction of noise in x at `sigma`, by the model's own noise scaling."""
    noise_scaling = model.get_model_object("model_sampling").noise_scaling
    at = torch.tensor(sigma, dtype=torch.float64)

    def scaled(noise: float, latent: float) -> float:
        pair = (torch.full((1,), value, dtype=torch.float64) for value in (noise, latent))
        return float(noise_scaling(at, *pair))

    noise, signal = scaled(1, 0), scaled(0, 1)
    return noise / (noise + signal)


def _falling_to_zero(model: Any, sigmas: Tensor) -> list[float]:
    """The SIGMAS as a schedule that falls to 0, without repetitions, as ComfyUI's samplers would
    step through it.
    """
    if not len(sigmas) or not sigmas.isfinite().all():
        raise ValueError(
            "sigmas: there are none in it, or some are NaN or infinite; connect a scheduler node "
            "with at least one step."
        )
    schedule = sigmas.cpu().unique_consecutive().tolist()
    if any(low >= high for high, low in pairwise(schedule)) or schedule[-1] < 0:
        raise ValueError(
            "sigmas: they must fall from noisy to clean; connect a scheduler node without "
            "FlipSigmas in between."
        )
    if _noise_fraction_of(model, schedule[-1]) > NEARLY_CLEAN:
        raise ValueError(
            f"sigmas: they end at noise level {schedule[-1]:.3g} instead of 0, which leaves one "
            "large step to the picture; connect the whole schedule, or the low half of Split "
            "Sigmas, and use strength to go less far."
        )
    return schedule + ([0.0] if schedule[-1] > 0 else [])
