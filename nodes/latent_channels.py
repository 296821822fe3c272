"""Latent Channels: what is in a latent, channel by channel."""

from typing import Any

from comfy_api.latest import io

from ..diffedit_core.channels import channel_grid
from .adapter.inputs import checked


class DiffEditLatentChannels(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditLatentChannels",
            display_name="Latent Channels",
            category="DiffEdit",
            description="Shows the channels of a latent as grey pictures side by side: middle grey "
            "is 0, all on one scale.",
            search_aliases=["diffedit", "show latent", "latent to image", "visualize latent"],
            inputs=[
                io.Latent.Input("latent", tooltip="Any latent."),
                io.Int.Input(
                    "scale",
                    default=4,
                    min=1,
                    max=8,
                    tooltip="How many pixels wide a cell of the latent is drawn.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "channels",
                    display_name="image",
                    tooltip="A grid for each picture; of a video, for each of its frames.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, latent: dict[str, Any], scale: int) -> io.NodeOutput:
        samples = latent["samples"]
        if samples.is_nested or samples.ndim not in (4, 5):
            raise ValueError(
                "latent: it is not that of a picture or a video; connect one from VAE Encode."
            )
        return io.NodeOutput(channel_grid(samples.cpu().float(), scale))
