"""Keep The Rest: what another model has edited, in the original picture, and nothing else of it."""

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.keep import Kept, keep_the_rest
from ..diffedit_core.refine import Refinement
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.node_text import text_ui
from .adapter.pictures import rgb, with_colours
from .adapter.progress import one_by_one


class DiffEditKeepTheRest(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditKeepTheRest",
            display_name="Keep The Rest",
            category="DiffEdit",
            description="Takes over from an edit made by any model only what it has really "
            "changed. Editors such as Flux Kontext or Qwen-Image-Edit also shift, zoom and "
            "recolour the whole picture a little: this is undone, and outside the change every "
            "pixel stays the original's own. Needs no model.",
            search_aliases=[
                *("diffedit", "kontext", "qwen image edit", "omnigen", "keep background"),
                *("preserve background", "align images", "register", "image difference"),
                *("difference mask", "color match", "colour match", "drift", "composite"),
            ],
            inputs=[
                io.Image.Input("original", tooltip="The picture before the edit."),
                io.Image.Input(
                    "edited",
                    tooltip="The edit of it, of any size, as the editor has made it. Several "
                    "edits of one original, or one for each.",
                ),
                io.Int.Input(
                    "grow",
                    default=4,
                    min=-256,
                    max=256,
                    tooltip="Widen what counts as changed by this many pixels, so that no rim of "
                    "the old thing stays; below 0, shrink it. Good: 0 to 16.",
                ),
                io.Int.Input(
                    "feather",
                    default=2,
                    min=0,
                    max=256,
                    tooltip="Fades the edit in over this many pixels, all inside the mask. 0 is a "
                    "hard edge. Where a seam shows, raise it, and grow as much. Good: 0 to 8.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "kept", display_name="image", tooltip="The original with the edit in it."
                ),
                io.Mask.Output("changed", display_name="mask", tooltip="What was taken over."),
                io.Mask.Output(
                    "heat_map",
                    tooltip="How much the edit has changed, everywhere: for Mask Refine, where "
                    "mask takes too much or too little.",
                ),
                io.Image.Output(
                    "aligned",
                    tooltip="The whole edit, laid over the original and in its colours: for Paste "
                    "Edit, with a mask of your own.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(cls, original: Tensor, edited: Tensor, grow: int, feather: int) -> io.NodeOutput:
        count = len(edited)
        check_count("original", "picture", len(original), count, "edits")
        before, after = with_colours(original).expand(count, -1, -1, -1), rgb(edited)
        refinement = Refinement(grow=grow)
        found = [
            keep_the_rest(before[number], after[number], refinement, feather)
            for number in one_by_one(count)
        ]
        kept = Kept(*(torch.stack(column) for column in zip(*found, strict=True)))
        return io.NodeOutput(*kept, ui=text_ui(_told(kept.mask)))


def _told(mask: Tensor) -> str:
    """What there is to say of the masks `[B, H, W]`."""
    fractions = mask.mean((1, 2)).tolist()
    if not any(fractions):
        return "nothing has changed: image is the original"
    return "changed: " + ", ".join(f"{fraction:.1%}" for fraction in fractions)
