"""Noise Trajectory: the way up by plain noising, where an inversion is not wanted."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.noise import noise_like
from ..diffedit_core.noising import noised_trajectory
from .comfy_denoiser import ComfyDenoiser, run_stage
from .inputs import latent_samples
from .sampling_inputs import seed_input
from .schedule_input import chosen_levels, schedule_inputs, sigmas_input
from .trajectory import attach


class NoiseTrajectory(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="NoiseTrajectory",
            display_name="Noise Trajectory",
            category="DiffEdit",
            description="Takes a picture up by adding one random noise, more at every step, in the "
            "place of DDIM Invert. It costs nothing and varies with the seed, but inside the mask "
            "the edit keeps less of the picture's shapes.",
            search_aliases=["add noise", "noising", "blended latent diffusion"],
            inputs=[
                io.Model.Input("model", tooltip="The model that will also make the edit."),
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                *schedule_inputs(),
                seed_input("Chooses the noise, and with it the variant of the edit."),
                sigmas_input(),
            ],
            outputs=[
                io.Latent.Output(
                    "noised",
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
        scheduler: str,
        seed: int,
        sigmas: Tensor | None = None,
    ) -> io.NodeOutput:
        samples = latent_samples(model, latent)
        levels = chosen_levels(model, steps, strength, scheduler, sigmas)

        def stage(denoiser: ComfyDenoiser, x0: Tensor, _) -> Tensor:
            noise = noise_like(x0, seed, indices=latent.get("batch_index"))
            return denoiser.to_samples(noised_trajectory(denoiser, x0, levels, noise), levels)

        latents = run_stage(model, {}, samples, levels, 1, stage)
        return io.NodeOutput(attach(latent, samples, latents, levels))
