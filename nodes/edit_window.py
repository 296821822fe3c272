"""Edit Window: the neighbourhood of a region at the size a model likes, to be pasted back later."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.refine import refined_mask
from ..diffedit_core.sizes import resampled
from ..diffedit_core.window import CONTEXT, is_nearly_whole, windows_around, working_size
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.model_facts import liked_size, size_multiple
from .adapter.node_text import text_ui
from .adapter.pictures import over_picture, rgb, vae_crop
from .adapter.progress import one_by_one
from .adapter.windows import PictureWindows

WINDOW = io.Custom("DIFFEDIT_WINDOW")


class DiffEditWindow(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditWindow",
            display_name="Edit Window",
            category="DiffEdit",
            description="Takes the neighbourhood of a region out of a large picture, at the size "
            "that the model likes. Edit it as any picture, with this pack or with stock "
            "inpainting, then bring it back with Paste Edit.",
            search_aliases=[
                *("diffedit", "crop", "inpaint crop", "zoom", "detailer", "large picture"),
                *("large photo", "high resolution", "crop and stitch", "masked area only"),
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model that will make the edit."),
                io.Image.Input("image", tooltip="The whole picture, of any size."),
                io.Mask.Input(
                    "mask",
                    tooltip="Where the edit is to be made: a mask, or a heat map. One for all "
                    "pictures or one for each.",
                ),
                io.Float.Input(
                    "context",
                    default=CONTEXT,
                    min=0.0,
                    max=10.0,
                    step=0.05,
                    tooltip="How much of the surroundings to take in on every side, as a fraction "
                    "of the region. More helps the model to see what belongs there, less shows it "
                    "the region larger. Good: 0.25 to 1.5.",
                ),
                io.Combo.Input(
                    "around",
                    options=["all", "largest"],
                    default="all",
                    tooltip="Of several regions: one window around all of them, or one around the "
                    "largest.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "window_image", display_name="image", tooltip="The window, to be edited."
                ),
                io.Mask.Output(
                    "window_mask", display_name="mask", tooltip="The mask within the window."
                ),
                WINDOW.Output(
                    "window", tooltip="Where the window is from, and the picture: for Paste Edit."
                ),
                io.Boolean.Output(
                    "nearly_whole",
                    tooltip="Whether the window is nearly the whole picture, so that to find the "
                    "mask in it again would show nothing new. For an If/Else Switch.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls, model: Any, image: Tensor, mask: Tensor, context: float, around: str
    ) -> io.NodeOutput:
        count, size = len(image), (image.shape[1], image.shape[2])
        check_count("mask", "mask", len(mask), count)
        mask = mask.cpu()
        if vae_crop(size, mask.shape[1:]):
            mask = over_picture(mask[:, None], size, "bilinear")[:, 0]
        regions = [
            refined_mask(mask[number : number + 1])[0].numpy() > 0
            for number in one_by_one(len(mask))
        ]
        windows = windows_around(
            [regions[number % len(regions)] for number in range(count)],
            size,
            context,
            only_largest=around == "largest",
        )
        shown = working_size(windows[0].size, liked_size(model), size_multiple(model))

        def cut(pictures: Tensor) -> Tensor:
            places = [(number, *window.slices) for number, window in enumerate(windows)]
            return resampled(torch.stack([pictures[place] for place in places]), shown)

        text = f"{windows[0].width}×{windows[0].height} pixels, shown at {shown[1]}×{shown[0]}"
        if not all(region.any() for region in regions):
            text += "\nnothing is marked: the window is the whole picture"
        over_all = over_picture(mask[:, None], size, "bilinear").movedim(1, -1)
        return io.NodeOutput(
            cut(rgb(image)),
            cut(over_all.expand(count, -1, -1, -1))[..., 0],
            PictureWindows(image, windows),
            is_nearly_whole(windows[0], size),
            ui=text_ui(text),
        )
