"""DiffEdit Demo Picture: the pictures that come with the pack, which the demo model understands."""

from pathlib import Path

import numpy as np
import torch
from comfy_api.latest import io
from PIL import Image

from .adapter.inputs import checked

PICTURES = Path(__file__).parents[1] / "web" / "pictures"
"""In `web`, where the editor finds what it shows on the node."""


class DiffEditDemoPicture(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditDemoPicture",
            display_name="DiffEdit Demo Picture",
            category="DiffEdit",
            description="A picture that comes with the pack, of the kind that DiffEdit Demo Model "
            "knows, to try a workflow at once. For a picture of your own, put Load Image in its "
            "place.",
            search_aliases=["diffedit", "example picture", "sample image", "test image", "load"],
            inputs=[
                io.Combo.Input(
                    "picture",
                    options=["source.png", "two_things.png", "large_photo.jpg"],
                    tooltip="source.png is a bowl of oranges, two_things.png a bowl of apples and "
                    "a cup, large_photo.jpg a bowl of oranges and a vase at 1536×1536 pixels.",
                )
            ],
            outputs=[io.Image.Output("image", tooltip="The picture.")],
        )

    @classmethod
    @checked
    def execute(cls, picture: str) -> io.NodeOutput:
        try:
            pixels = np.asarray(Image.open(PICTURES / picture).convert("RGB"))
        except OSError as error:
            raise ValueError(
                f"picture: {PICTURES / picture} is missing or damaged; reinstall the pack."
            ) from error
        return io.NodeOutput(torch.from_numpy(pixels.astype(np.float32) / 255)[None])
