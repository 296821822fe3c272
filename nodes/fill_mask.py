"""Fill Mask: paint a masked region over with its surroundings, before a thing is removed."""

from collections.abc import Sequence

import comfy.model_management
import comfy.utils
import numpy as np
import torch
import torch.nn.functional as F
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.fill import filled
from .inputs import LARGEST_CELL, mask_values, pictures


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
        mask = _of_size(mask_values(mask), image.shape[1:3])
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
        painted = []
        bar = comfy.utils.ProgressBar(len(image))
        for one, hole in zip(image.numpy(), inside.cpu().numpy(), strict=True):
            comfy.model_management.throw_exception_if_processing_interrupted()
            painted.append(filled(one, hole))
            bar.update(1)
        return io.NodeOutput(torch.from_numpy(np.stack(painted)))


def _of_size(mask: Tensor, size: Sequence[int]) -> Tensor:
    """The mask `[B, h, w]` over a picture of `size` `(H, W)`, stretched unless it is so little
    smaller that VAE Encode has cropped it: then black around it.
    """
    spare = [want - have for want, have in zip(size, mask.shape[1:], strict=True)]
    if all(0 <= pixels < LARGEST_CELL for pixels in spare):
        top, left = (pixels // 2 for pixels in spare)
        return F.pad(mask, (left, spare[1] - left, top, spare[0] - top))
    return F.interpolate(mask[:, None], size, mode="area")[:, 0]
