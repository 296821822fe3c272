"""Fill Mask: paint a masked region over with its surroundings, before a thing is removed."""

import numpy as np
import torch
import torch.nn.functional as F
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.fill import filled
from .inputs import mask_values, pictures


class FillMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="FillMask",
            display_name="Fill Mask",
            category="DiffEdit",
            description="Paints the masked region over with smoothly continued surroundings. To "
            "remove a thing, fill it, encode the filled picture, and let Noise Trajectory and "
            "Masked DDIM Sample turn the smooth patch into table, wall or grass.",
            search_aliases=["remove object", "magic eraser", "inpaint", "erase", "prefill"],
            inputs=[
                io.Image.Input("image", tooltip="The picture with the thing in it."),
                io.Mask.Input(
                    "mask",
                    tooltip="What to paint over: whatever is lighter than middle grey. It has to "
                    "cover the whole thing and its shadow, or their colours are smeared into the "
                    "region. One mask for all pictures or one for each, of any size.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "filled_image", display_name="image", tooltip="The picture, painted over."
                )
            ],
        )

    @classmethod
    def execute(cls, image: Tensor, mask: Tensor) -> io.NodeOutput:
        if not len(image):
            raise ValueError("image: there is no picture in it; connect at least one.")
        image = pictures(image, len(image), image.shape[1:3])
        mask = F.interpolate(mask_values(mask)[:, None], image.shape[1:3], mode="area")[:, 0]
        if len(mask) not in (1, len(image)):
            raise ValueError(
                f"mask: there are {len(mask)} masks for {len(image)} pictures; connect one mask "
                "for all or one for each."
            )
        inside = (mask > 0.5).expand(len(image), -1, -1)
        if inside.all((1, 2)).any():
            raise ValueError(
                "mask: it covers a whole picture, so there are no surroundings to fill it from; "
                "leave a part of it black."
            )
        pairs = zip(image.numpy(), inside.cpu().numpy(), strict=True)
        return io.NodeOutput(torch.from_numpy(np.stack([filled(*pair) for pair in pairs])))
