"""Fill Mask: paint a masked region over with its surroundings, before a thing is removed."""

import numpy as np
import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.inpaint import inpaint
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.pictures import over_picture, pictures
from .adapter.progress import one_by_one


class DiffEditFillMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditFillMask",
            display_name="Fill Mask",
            category="DiffEdit",
            description="Paints the masked region over with smoothly continued surroundings. To "
            "remove a thing, fill it, encode the filled picture, and let Noise Trajectory and "
            "Masked DDIM Sample turn the smooth patch into table, wall or grass.",
            search_aliases=[
                *("diffedit", "remove object", "delete object", "magic eraser", "cleanup"),
                *("object removal", "inpaint", "erase", "prefill"),
            ],
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
    @checked
    def execute(cls, image: Tensor, mask: Tensor) -> io.NodeOutput:
        image = pictures(image, len(image), image.shape[1:3])
        mask = over_picture(mask[:, None], image.shape[1:3], "area")[:, 0]
        check_count("mask", "mask", len(mask), len(image))
        inside = (mask > 0.5).expand(len(image), -1, -1)
        if inside.all((1, 2)).any():
            raise ValueError(
                "mask: it covers a whole picture, so there are no surroundings to fill it from; "
                "leave some of it black."
            )
        holes = inside.cpu().numpy()
        painted = [inpaint(image[one].numpy(), holes[one]) for one in one_by_one(len(image))]
        return io.NodeOutput(torch.from_numpy(np.stack(painted)))
