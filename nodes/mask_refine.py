"""Mask Refine: make a clean mask of a heat map or of any other mask."""

from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.refine import refine
from .inputs import mask_values


class MaskRefine(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskRefine",
            display_name="Mask Refine",
            category="DiffEdit",
            description="Makes a clean black-and-white mask of a heat map or of any mask: blurs "
            "it, cuts it at a threshold, fills its holes and grows it, in this order.",
            search_aliases=["threshold mask", "otsu", "fill holes", "grow mask", "blur mask"],
            inputs=[
                io.Mask.Input("mask", tooltip="DiffEdit Mask's heat_map, or any other mask."),
                io.Combo.Input(
                    "method",
                    options=["otsu", "value"],
                    default="otsu",
                    tooltip="Where to cut. otsu finds the level that best parts light from dark, "
                    "for each picture by itself; value cuts at the threshold below.",
                ),
                io.Float.Input(
                    "threshold",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Used with method value: what is lighter than this is in the mask. "
                    "Lower takes in more. Good for a heat map: 0.3 to 0.6.",
                ),
                io.Float.Input(
                    "blur",
                    default=2.0,
                    min=0.0,
                    max=256.0,
                    step=0.5,
                    tooltip="Softens the mask before the cut, in pixels, so that specks vanish "
                    "and ragged edges become round. 0 is off. Good: 2 to 8.",
                ),
                io.Boolean.Input(
                    "fill_holes",
                    default=True,
                    tooltip="Also take in whatever the mask encloses on all sides.",
                ),
                io.Int.Input(
                    "grow",
                    default=0,
                    min=0,
                    max=1024,
                    tooltip="Widen the mask by this many pixels, to leave the edit room at its "
                    "edges. 0 is off. Good: 0 to 16.",
                ),
            ],
            outputs=[
                io.Mask.Output("refined_mask", display_name="mask", tooltip="The clean mask.")
            ],
        )

    @classmethod
    def execute(
        cls,
        mask: Tensor,
        method: str,
        threshold: float,
        blur: float,
        fill_holes: bool,
        grow: int,
    ) -> io.NodeOutput:
        return io.NodeOutput(refine(mask_values(mask), method, threshold, blur, fill_holes, grow))
