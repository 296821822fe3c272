"""How far up a picture is taken, and over which noise levels: inputs of two nodes."""

from typing import Any

import comfy.samplers
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.inversion import encoding_levels


def schedule_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "steps",
            default=50,
            min=1,
            max=1000,
            tooltip="Steps of the whole way from picture to pure noise; strength says how many of "
            "them to take. Good: 30 to 100.",
        ),
        io.Float.Input(
            "strength",
            default=0.8,
            min=0.0,
            max=1.0,
            step=0.01,
            tooltip="How far to go towards pure noise. Higher changes the picture more inside the "
            "mask, lower keeps more of its shapes and colours. Good: 0.5 to 0.9.",
        ),
        io.Combo.Input(
            "scheduler",
            options=comfy.samplers.SCHEDULER_NAMES,
            default="ddim_uniform",
            tooltip="How the steps are spread over the noise levels. ddim_uniform suits Stable "
            "Diffusion 1, 2 and XL; simple suits SD3, Flux and other flow models.",
        ),
    ]


def sigmas_input() -> io.Input:
    return io.Sigmas.Input(
        "sigmas",
        optional=True,
        tooltip="The noise levels of a whole way down, from any scheduler node. Connected, they "
        "take the place of steps and scheduler; strength still says how much of them to take.",
    )


def chosen_levels(
    model: Any, steps: int, strength: float, scheduler: str, sigmas: Tensor | None
) -> list[float]:
    """The noise levels to take a picture through, rising from 0.

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
        # Some schedulers repeat levels where there are more steps than the model has levels.
        schedule = sigmas.unique_consecutive().tolist()
    else:
        schedule = _falling_to_zero(sigmas)
    levels = encoding_levels(schedule, strength)
    if len(levels) == 1:
        raise ValueError(
            f"strength: {strength:g} of {len(schedule) - 1} steps leaves no step to take; raise "
            "strength or steps."
        )
    return levels


def _falling_to_zero(sigmas: Tensor) -> list[float]:
    sigmas = sigmas.cpu()
    falls = (sigmas[1:] < sigmas[:-1]).all() and sigmas.isfinite().all()
    if not len(sigmas) or not falls or sigmas[-1] < 0:
        raise ValueError(
            "sigmas: they must fall from noisy to clean, step by step; connect a scheduler node "
            "without FlipSigmas in between."
        )
    return sigmas.tolist() + ([0.0] if sigmas[-1] > 0 else [])
