"""DDIM Invert: encode a picture into the noise it would be made from."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.inversion import Inversion, invert
from .adapter.conditioning import check_conditioning, check_guidance, unconditional
from .adapter.coverage import check_everywhere
from .adapter.denoiser import ComfyDenoiser, run_stage
from .adapter.inputs import checked
from .adapter.latents import latent_samples
from .adapter.node_text import text_ui
from .adapter.schedule import inversion_sigmas
from .adapter.trajectory import attach
from .widgets.sampling import cfg_input
from .widgets.schedule import schedule_inputs, sigmas_input


class DDIMInvert(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DDIMInvert",
            display_name="DDIM Invert",
            category="DiffEdit",
            description="Runs the sampler backwards: from a picture up to the noise it could have "
            "been made from, and keeps every step, so that Masked DDIM Sample can edit "
            "one region and return the rest untouched.",
            search_aliases=[
                *("diffedit", "inversion", "unsample", "unsampler", "encode noise", "reverse"),
                "ddim",
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model that will also make the edit."),
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                *schedule_inputs(),
                cfg_input(
                    "How closely the inversion follows the conditioning. Leave it at 1: "
                    "above, every step costs twice as much, needs a negative, and reconstructs "
                    "the picture less exactly.",
                    default=1.0,
                ),
                io.Int.Input(
                    "iterations",
                    default=1,
                    min=1,
                    max=100,
                    advanced=True,
                    tooltip="How often to refine each step; each costs one model evaluation a "
                    "step. 1 is enough for most edits; 2 reconstructs the picture more exactly.",
                ),
                io.Float.Input(
                    "tolerance",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.0001,
                    round=0.00001,
                    advanced=True,
                    tooltip="Stop refining a step once an iteration changes the latent by no more "
                    "than this fraction. 0 always does all iterations. Good: 0.01 with 10 "
                    "iterations, which costs little more than 2 and is more exact.",
                ),
                io.Boolean.Input(
                    "extrapolate",
                    optional=True,
                    default=True,
                    tooltip="Begin each step where the step before was heading, which makes one "
                    "iteration as exact as two. Turned off, 1 iteration is plain DDIM inversion, "
                    "as in diffusers.",
                    advanced=True,
                ),
                io.Conditioning.Input(
                    "conditioning",
                    optional=True,
                    tooltip="A caption to invert under. Leave it open for the unconditional "
                    "inversion of the DiffEdit paper. SDXL and newer models need one: a CLIP Text "
                    "Encode with empty text. Edit models need their reference in it, as in the "
                    "other prompts.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="What to steer away from. Only used with a cfg other than 1.",
                ),
                sigmas_input(),
            ],
            outputs=[
                io.Latent.Output(
                    "inverted",
                    display_name="latent",
                    tooltip="The noisy latent with its whole trajectory. Connect it to Masked DDIM "
                    "Sample.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        model: Any,
        latent: dict[str, Any],
        steps: int,
        strength: float,
        scheduler: str,
        cfg: float,
        iterations: int,
        tolerance: float,
        extrapolate: bool = True,
        conditioning: list[Any] | None = None,
        negative: list[Any] | None = None,
        sigmas: Tensor | None = None,
    ) -> io.NodeOutput:
        samples = latent_samples(model, latent)
        rising = inversion_sigmas(model, steps, strength, scheduler, sigmas)
        conds = _conds(model, conditioning, negative, cfg, samples)

        def stage(denoiser: ComfyDenoiser, x0: Tensor, callback) -> tuple[Inversion, Tensor]:
            for name in conds:
                label = "conditioning" if name == "positive" else name
                check_everywhere(denoiser, name, label, rising[1:])
            found = invert(
                denoiser,
                x0,
                rising,
                iterations=iterations,
                tolerance=tolerance,
                extrapolate=extrapolate,
                callback=callback,
            )
            return found, denoiser.to_samples(found.trajectory, rising)

        found, latents = run_stage(
            model, conds, samples, sigmas=rising, steps=len(rising) - 1, stage=stage, cfg=cfg
        )
        evaluations = sum(found.calls) * len(samples) * len(conds)
        residual = float(found.residuals.max())  # of the worst step and picture
        diverged = int(torch.count_nonzero(~found.converged.all(dim=1)))
        return io.NodeOutput(
            attach(latent, samples, latents, rising),
            ui={
                **text_ui(summary(len(found.calls), evaluations, residual, diverged)),
                "steps": [len(found.calls)],
                "evaluations": [evaluations],
                "residual": [residual],
                "diverged": [diverged],
            },
        )


def _conds(
    model: Any,
    conditioning: list[Any] | None,
    negative: list[Any] | None,
    cfg: float,
    samples: Tensor,
) -> dict[str, list[Any]]:
    """The conditionings to evaluate: a negative one only where there is guidance."""
    if conditioning is None:
        conditioning = unconditional(model)
    check_conditioning(model, "conditioning", conditioning, samples)
    check_guidance(cfg, negative)
    if negative is None or cfg == 1:
        return {"positive": conditioning}
    check_conditioning(model, "negative", negative, samples)
    return {"positive": conditioning, "negative": negative}


def summary(steps: int, evaluations: int, residual: float, diverged: int) -> str:
    """What an inversion took and how exact it is, in words; diverged: at how many steps."""
    text = f"{steps} steps, {evaluations} model evaluations, residual {residual:.2g}"
    if diverged:
        text += f"\ndid not converge at {diverged} of {steps} steps: lower cfg or take more steps"
    return text
