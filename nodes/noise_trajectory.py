"""Noise Trajectory: a trajectory by plain noising, in the place of an inversion."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.noise import noise_like, noised_trajectory
from .adapter.denoiser import ComfyDenoiser, run_stage
from .adapter.inputs import checked
from .adapter.latents import latent_samples
from .adapter.schedule import inversion_sigmas
from .adapter.trajectory import attach
from .widgets.sampling import seed_input
from .widgets.schedule import schedule_inputs, sigmas_input


class DiffEditNoiseTrajectory(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditNoiseTrajectory",
            display_name="Noise Trajectory",
            category="DiffEdit",
            description="Adds one random noise to a picture, more at every step, in the place of "
            "DDIM Invert. It costs nothing and varies with the seed, but inside the mask the edit "
            "keeps less of the picture's shapes.",
            search_aliases=[
                *("diffedit", "add noise", "noising", "blended latent diffusion", "variation"),
            ],
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
        seed: int,
        sigmas: Tensor | None = None,
    ) -> io.NodeOutput:
        samples = latent_samples(model, latent)
        rising = inversion_sigmas(model, steps, strength, scheduler, sigmas)

        def stage(denoiser: ComfyDenoiser, x0: Tensor, _) -> Tensor:
            noise = noise_like(x0, seed, indices=latent.get("batch_index"))
            return denoiser.to_samples(noised_trajectory(denoiser, x0, rising, noise), rising)

        latents = run_stage(model, {}, samples, sigmas=rising, steps=1, stage=stage, seed=seed)
        return io.NodeOutput(attach(latent, samples, latents, rising))
