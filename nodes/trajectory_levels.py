"""Trajectory Levels: some of the latents of a trajectory, to look at."""

from typing import Any

import torch
from comfy_api.latest import io

from .adapter.inputs import checked
from .adapter.node_text import text_ui
from .adapter.trajectory import detach


class DiffEditTrajectoryLevels(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditTrajectoryLevels",
            display_name="Trajectory Levels",
            category="DiffEdit",
            description="Takes some of the latents that DDIM Invert or Noise Trajectory has kept, "
            "from the picture up to noise. Decode them to see the picture drown.",
            search_aliases=["diffedit", "inversion steps", "show inversion", "film strip"],
            inputs=[
                io.Latent.Input(
                    "latent", tooltip="The latent of DDIM Invert or of Noise Trajectory."
                ),
                io.Int.Input(
                    "count",
                    default=6,
                    min=1,
                    max=64,
                    tooltip="How many, spread evenly from the picture to the noisy end. One is the "
                    "noisy end.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "levels",
                    display_name="latent",
                    tooltip="A batch of them, for VAE Decode: of each picture all levels in turn.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, latent: dict[str, Any], count: int) -> io.NodeOutput:
        _, trajectory = detach(latent)
        levels = len(trajectory.sigmas)
        # From the noisy end down: a single level is that end.
        chosen = torch.linspace(levels - 1, 0, min(count, levels)).round().long().flip(0)
        samples = trajectory.latents[chosen].transpose(0, 1).flatten(0, 1)
        text = "sigma " + ", ".join(f"{trajectory.sigmas[level]:.2f}" for level in chosen)
        return io.NodeOutput({"samples": samples}, ui=text_ui(text))
