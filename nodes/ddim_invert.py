"""DDIM Invert: encode a picture into the noise it would be made from."""

from typing import Any

import comfy.samplers
from comfy_api.latest import io

from ..diffedit_core.inversion import encoding_levels, invert
from .comfy_denoiser import run_stage
from .inputs import check_conditioning, latent_samples, unconditional, without_size
from .trajectory import Trajectory, attach


class DDIMInvert(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DDIMInvert",
            display_name="DDIM Invert",
            category="DiffEdit",
            description="Runs the sampler backwards: from a picture up to the noise it could have "
            "been made from, keeping every step on the way, so that Masked DDIM Sample can edit "
            "one region and return the rest untouched.",
            search_aliases=["inversion", "unsample", "unsampler", "encode noise", "ddim"],
            inputs=[
                io.Model.Input("model", tooltip="The model that will also make the edit."),
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=1000,
                    tooltip="Steps of the whole way from picture to pure noise; strength says how "
                    "many of them to take. Good: 30 to 100.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.8,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How far to go towards pure noise. Higher changes the picture more "
                    "inside the mask, lower keeps more of its shapes and colours. Good: 0.5 to "
                    "0.9.",
                ),
                io.Int.Input(
                    "iterations",
                    default=2,
                    min=1,
                    max=10,
                    tooltip="How often to refine each step. 1 is plain DDIM inversion; 2 returns "
                    "to the picture far more exactly; each costs one model evaluation a step.",
                ),
                io.Conditioning.Input(
                    "conditioning",
                    optional=True,
                    tooltip="A caption to invert under. Leave it empty for the unconditional "
                    "inversion of the DiffEdit paper. SDXL needs one: a CLIP Text Encode with "
                    "empty text does, and is the better choice for Stable Diffusion too.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "inverted",
                    display_name="latent",
                    tooltip="The noisy latent, with its whole way up. Connect it to Masked DDIM "
                    "Sample.",
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        latent: dict[str, Any],
        steps: int,
        strength: float,
        iterations: int,
        conditioning: list[Any] | None = None,
    ) -> io.NodeOutput:
        samples = latent_samples(model, latent)
        if conditioning is None:
            conditioning = unconditional(model)
        check_conditioning(model, "conditioning", conditioning)
        model_sampling = model.get_model_object("model_sampling")
        schedule = comfy.samplers.calculate_sigmas(model_sampling, "ddim_uniform", steps)
        sigmas = encoding_levels(schedule.tolist(), strength)
        if len(sigmas) == 1:
            raise ValueError(
                f"strength: {strength:g} of {steps} steps leaves no step to take; raise strength "
                "or steps."
            )

        def stage(denoiser, x0, callback):
            return denoiser.to_samples(invert(denoiser, x0, sigmas, iterations, callback))

        conds = {"positive": conditioning}
        latents = run_stage(model, conds, samples, sigmas, len(sigmas) - 1, stage).cpu()
        # The model's scale and back again has rounded the source.
        latents[0] = samples
        return io.NodeOutput(attach(without_size(latent), Trajectory(latents, sigmas)))
