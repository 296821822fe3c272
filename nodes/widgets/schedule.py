"""The schedule of noise levels, and how much of it to take: inputs of two nodes."""

import comfy.samplers
from comfy_api.latest import io


def schedule_inputs() -> list[io.Input]:
    return [
        io.Int.Input(
            "steps",
            default=20,
            min=1,
            max=1000,
            tooltip="Steps of the whole schedule from pure noise to picture; strength says how "
            "many of them to take. Good: 15 to 50.",
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
        tooltip="A schedule of noise levels from any scheduler node. Connected, it takes the "
        "place of steps and scheduler; strength still says how much of it to take.",
    )
