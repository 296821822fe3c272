"""Mask Refine: make a clean mask of a heat map or of any other mask, tuned live in the editor."""

from typing import Any

import numpy as np
import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.refine import DEFAULT, Combination, Refinement, binary_mask, finish, gray_mask
from ..diffedit_core.thresholds import AUTOMATIC
from .adapter import temp_picture
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.pictures import pictures
from .adapter.preview import MAX_SHOWN, is_looked_at, saved, shown
from .adapter.progress import one_by_one


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
                *("diffedit", "threshold mask", "otsu", "hysteresis", "morphology", "fill holes"),
                *("clean mask", "grow mask", "shrink mask", "expand mask", "blur mask"),
                *("feather mask", "combine masks", "mask preview"),
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
                    default=DEFAULT.blur,
                    min=0.0,
                    max=128.0,
                    step=0.5,
                    tooltip="Softens the mask before the threshold, so that specks vanish and "
                    "ragged edges become round: the standard deviation of a Gaussian kernel, in "
                    "pixels. 0 is off. Good: 2 to 8.",
                ),
                io.Int.Input(
                    "snap",
                    default=DEFAULT.snap,
                    min=0,
                    max=128,
                    tooltip="Used when image is connected: the edges of the mask move to the "
                    "picture's, within about this many pixels. 0 is off. Good: 8 to 32.",
                ),
                io.Combo.Input(
                    "method",
                    options=["otsu", "triangle", "mean", "quantile", "value"],
                    default=DEFAULT.method,
                    tooltip="How to find the threshold. For each mask by itself: otsu separates "
                    "light from dark; triangle finds a small thing on an even background; mean is "
                    "1.5 times the average. By the widget below: quantile keeps the lightest "
                    "fraction of the picture, value takes the number as it is.",
                ),
                io.Float.Input(
                    "threshold",
                    default=DEFAULT.threshold,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="With value: what is lighter than this is foreground. With quantile: "
                    "the fraction of the picture that is background, 0.9 keeps the lightest tenth. "
                    "Lower takes in more. Good for a heat map with value: 0.3 to 0.6.",
                ),
                io.Float.Input(
                    "hysteresis",
                    default=DEFAULT.hysteresis,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Lets the mask reach out into darker surroundings, by this fraction "
                    "below the threshold: 0.3 goes down to 0.7 times the threshold. What is not "
                    "connected to the mask stays background. 0 is off. Good: 0.2 to 0.5.",
                ),
                io.Int.Input(
                    "open",
                    default=DEFAULT.open,
                    min=0,
                    max=64,
                    advanced=True,
                    tooltip="Morphological opening: removes whatever is thinner than twice this "
                    "many pixels. 0 is off.",
                ),
                io.Int.Input(
                    "close",
                    default=DEFAULT.close,
                    min=0,
                    max=64,
                    advanced=True,
                    tooltip="Morphological closing: bridges gaps narrower than twice this many "
                    "pixels. 0 is off.",
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=DEFAULT.fill_holes,
                    advanced=True,
                    tooltip="Also take in whatever the mask encloses on all sides.",
                ),
                io.Float.Input(
                    "min_area",
                    default=DEFAULT.min_area,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    advanced=True,
                    tooltip="Drop connected components smaller than this, in percent of the "
                    "picture. 0 keeps all. Good: 0.1 to 1.",
                ),
                io.Int.Input(
                    "keep_largest",
                    default=DEFAULT.keep_largest,
                    min=0,
                    max=100,
                    advanced=True,
                    tooltip="Keep only so many connected components, the largest. 0 keeps all.",
                ),
                io.Int.Input(
                    "grow",
                    default=DEFAULT.grow,
                    min=-256,
                    max=256,
                    tooltip="Widen the mask by this many pixels, to leave the edit room at its "
                    "edges; below 0, shrink it. 0 is off. Good: 0 to 16.",
                ),
                io.Combo.Input(
                    "combine",
                    options=["add", "subtract", "intersect"],
                    default="add",
                    advanced=True,
                    tooltip="Used when other is connected: add takes what is in either mask, "
                    "subtract takes other away, intersect keeps what is in both.",
                ),
                io.Boolean.Input(
                    "invert",
                    default=False,
                    advanced=True,
                    tooltip="Swap foreground and background.",
                ),
                io.Float.Input(
                    "feather",
                    default=0.0,
                    min=0.0,
                    max=128.0,
                    step=0.5,
                    tooltip="Softens the edge of the finished mask: the standard deviation of a "
                    "Gaussian kernel, in pixels. 0 is a hard edge.",
                ),
            ],
            outputs=[
                io.Mask.Output("refined_mask", display_name="mask", tooltip="The clean mask.")
            ],
            hidden=[io.Hidden.extra_pnginfo],
            is_output_node=True,
        )

    @classmethod
    @checked
    def execute(
        cls,
        mask: Tensor,
        combine: Combination,
        invert: bool,
        feather: float,
        image: Tensor | None = None,
        other: Tensor | None = None,
        **settings: Any,
    ) -> io.NodeOutput:
        """settings: the widgets from blur to grow, which are the fields of `Refinement`."""
        if image is not None:
            image = pictures(image, len(mask), mask.shape[-2:])
        if other is not None:
            check_count("other", "mask", len(other), len(mask), "masks")
            other = other.expand(len(mask), -1, -1)
        refinement = Refinement(**settings)
        grays, finished = [], []
        for number in one_by_one(len(mask)):
            one = slice(number, number + 1)
            (gray,) = gray_mask(mask[one], refinement, None if image is None else image[one])
            binary = binary_mask(gray, refinement)[None]
            second = None if other is None else other[one]
            finished.append(finish(binary, second, combine, invert, feather))
            grays.append(gray)
        ui: dict[str, Any] = {}
        if is_looked_at(cls):
            ui = {"diffedit_masks": []} | shown(lambda: _saved(grays, image, settings))
        return io.NodeOutput(torch.cat(finished), ui=ui)


def _saved(
    grays: list[np.ndarray], image: Tensor | None, settings: dict[str, Any]
) -> dict[str, Any]:
    """Save what the node's view shows (web/mask_refine.js); returns its part of the ui dict."""
    masks = [
        {
            "gray": temp_picture.save(gray),
            "picture": None if image is None else saved(image[number]),
            "thresholds": {method: rule(gray) for method, rule in AUTOMATIC.items()},
            "settings": settings,
        }
        for number, gray in enumerate(grays[:MAX_SHOWN])
    ]
    return {"diffedit_masks": masks}
