"""Mask Refine: make a clean mask of a heat map or of any other mask, tuned live in the editor."""

from typing import Any

import numpy as np
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.refine import BLUR, SNAP, binary_stage, finish, soft_levels
from ..diffedit_core.thresholds import AUTOMATIC
from . import temp_picture
from .inputs import check_count, mask_values, pictures

MAX_SHOWN = 16
"""How many masks of a batch the editor shows."""


class MaskRefine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskRefine",
            display_name="Mask Refine",
            category="DiffEdit",
            description="Makes a clean mask of a heat map or of any mask. After one run, move the "
            "threshold on the node's histogram: the outline follows at once, without another run. "
            "The inputs are applied from top to bottom.",
            search_aliases=[
                *("threshold mask", "otsu", "hysteresis", "morphology", "fill holes"),
                *("grow mask", "shrink mask", "blur mask", "feather mask", "combine masks"),
            ],
            inputs=[
                io.Mask.Input("mask", tooltip="DiffEdit Mask's heat_map, or any other mask."),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture that the mask belongs to. It is shown under the mask in "
                    "the editor, and the mask snaps to its edges.",
                ),
                io.Mask.Input(
                    "other",
                    optional=True,
                    tooltip="A second mask to combine with, of any size: one for all or one each. "
                    "For example a painted one.",
                ),
                io.Float.Input(
                    "blur",
                    default=BLUR,
                    min=0.0,
                    max=128.0,
                    step=0.5,
                    tooltip="Softens the mask before the cut, in pixels, so that specks vanish "
                    "and ragged edges become round. 0 is off. Good: 2 to 8.",
                ),
                io.Int.Input(
                    "snap",
                    default=SNAP,
                    min=0,
                    max=128,
                    tooltip="Used when image is connected: the edges of the mask move to the "
                    "picture's, within about this many pixels. 0 is off. Good: 8 to 32.",
                ),
                io.Combo.Input(
                    "method",
                    options=["otsu", "triangle", "mean", "quantile", "value"],
                    default="otsu",
                    tooltip="Where to cut. By itself, for each mask: otsu parts light from dark; "
                    "triangle finds a small thing on even ground; mean is 1.5 times the average. "
                    "With the threshold: quantile keeps the lightest share, value cuts at it.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="With value: what is lighter than this is in. With quantile: the "
                    "share of the picture that stays out, 0.9 keeps the lightest tenth. Lower "
                    "takes in more. Good for a heat map with value: 0.3 to 0.6.",
                ),
                io.Float.Input(
                    "hysteresis",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Lets a part that is in reach out into its darker surroundings, by "
                    "this share below the cut: 0.3 goes down to 0.7 times the cut. Whatever "
                    "touches no part stays out. 0 is off. Good: 0.2 to 0.5.",
                ),
                io.Int.Input(
                    "open",
                    default=0,
                    min=0,
                    max=64,
                    tooltip="Takes off whatever is thinner than twice this many pixels. 0 is off.",
                ),
                io.Int.Input(
                    "close",
                    default=0,
                    min=0,
                    max=64,
                    tooltip="Bridges gaps narrower than twice this many pixels. 0 is off.",
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=True,
                    tooltip="Also take in whatever the mask encloses on all sides.",
                ),
                io.Float.Input(
                    "min_area",
                    default=0.0,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    tooltip="Drop parts smaller than this, in percent of the picture. 0 keeps "
                    "all. Good: 0.1 to 1.",
                ),
                io.Int.Input(
                    "keep_largest",
                    default=0,
                    min=0,
                    max=100,
                    tooltip="Keep only so many parts, the largest. 0 keeps all.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=-256,
                    max=256,
                    tooltip="Widen the mask by this many pixels, to leave the edit room at its "
                    "edges; below 0, shrink it. 0 is off. Good: 0 to 16.",
                ),
                io.Combo.Input(
                    "combine",
                    options=["add", "subtract", "intersect"],
                    default="add",
                    tooltip="Used when other is connected: add takes what is in either mask, "
                    "subtract takes other away, intersect keeps what is in both.",
                ),
                io.Boolean.Input("invert", default=False, tooltip="Swap inside and outside."),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=128.0,
                    step=0.5,
                    tooltip="Softens the edge of the finished mask, in pixels. 0 is a hard edge.",
                ),
            ],
            outputs=[
                io.Mask.Output("refined_mask", display_name="mask", tooltip="The clean mask.")
            ],
            is_output_node=True,
        )

    @classmethod
    def execute(
        cls,
        mask: Tensor,
        blur: float,
        snap: int,
        combine: str,
        invert: bool,
        feather: float,
        image: Tensor | None = None,
        other: Tensor | None = None,
        **binary_settings: Any,
    ) -> io.NodeOutput:
        """binary_settings: the widgets from method to grow; `binary_stage` tells what they do."""
        mask = mask_values(mask)
        if image is not None:
            image = pictures(image, len(mask), mask.shape[-2:])
        levels = soft_levels(mask, blur, image, snap)
        if other is not None:
            other = mask_values(other, "other")
            check_count("other", "mask", len(other), len(mask), "in mask")
        binary = np.stack([binary_stage(one, **binary_settings) for one in levels])
        finished = finish(binary, other, combine, invert, feather)
        settings = {"blur": blur, "snap": snap, **binary_settings}
        shown = [
            {
                "levels": temp_picture.save(one),
                "picture": None if image is None else temp_picture.save(_bytes(image[index])),
                "cuts": {method: cut(one) for method, cut in AUTOMATIC.items()},
                "settings": settings,
            }
            for index, one in enumerate(levels[:MAX_SHOWN])
        ]
        return io.NodeOutput(finished, ui={"diffedit_masks": shown})


def _bytes(picture: Tensor) -> np.ndarray:
    """A picture `[H, W, 3]` in 0..1 as uint8."""
    return (255 * picture).round().clamp(0, 255).byte().numpy()
