"""Paste Edit: the edited picture back into the original, every other pixel as it was."""

from collections.abc import Sequence

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.paste import paste
from .adapter.checks import check_count
from .adapter.pictures import (
    check_pictures,
    check_proportions,
    mask_values,
    over_picture,
    resampled,
    vae_crop,
)
from .adapter.windows import PictureWindows
from .edit_window import WINDOW


class DiffEditPaste(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditPaste",
            display_name="Paste Edit",
            category="DiffEdit",
            description="Pastes an edited picture back into the original through the mask of the "
            "edit. Outside the mask every pixel is the original's own, which a VAE would have "
            "redrawn.",
            search_aliases=[
                *("composite", "stitch", "uncrop", "paste back", "pixel exact", "restore"),
                *("blend images", "keep background"),
            ],
            inputs=[
                io.Image.Input(
                    "edited",
                    tooltip="The picture after the edit, from VAE Decode: of the original's size, "
                    "or what VAE Encode has left of it, or the window. Another size is resampled.",
                ),
                io.Image.Input(
                    "original",
                    optional=True,
                    tooltip="The picture before the edit, as it was loaded. Not needed with a "
                    "window, which brings it.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the edit was made, of the size of edited or of the original. "
                    "Black stays the original, bit for bit. One mask for all pictures or one for "
                    "each. Left open, all of edited is pasted.",
                ),
                WINDOW.Input(
                    "window",
                    optional=True,
                    tooltip="From Edit Window, where edited is an edit of its image.",
                ),
                io.Int.Input(
                    "feather",
                    default=0,
                    min=0,
                    max=256,
                    tooltip="Fades the edit in over this many pixels, all inside the mask. 0 is a "
                    "hard edge, best for a mask that follows the thing's. Where a seam shows, "
                    "raise it, and grow in Mask Refine as much. Good: 0 to 8.",
                ),
            ],
            outputs=[
                io.Image.Output(
                    "pasted", display_name="image", tooltip="The original with the edit in it."
                ),
                io.Mask.Output(
                    "pasted_mask",
                    display_name="mask",
                    tooltip="The mask at the original's size.",
                ),
            ],
        )

    @classmethod
    def execute(
        cls,
        edited: Tensor,
        feather: int,
        original: Tensor | None = None,
        mask: Tensor | None = None,
        window: PictureWindows | None = None,
    ) -> io.NodeOutput:
        original = _original(original, window)
        check_pictures(original, "original")
        check_pictures(edited, "edited")
        count = len(original)
        check_count("edited", "picture", len(edited), count)
        if mask is None:
            mask = torch.ones(1, *edited.shape[1:3])
        check_count("mask", "mask", len(mask), count)
        places = _places(original.shape[1:3], edited.shape[1:3], window) * (1 if window else count)
        whole_masks = _whole_masks(mask, original.shape[:3], places, window is not None)
        pasted = original.cpu().float().clone()
        edited = resampled(edited[..., :3].cpu().float(), pasted[(0, *places[0])].shape[:2])
        bar = comfy.utils.ProgressBar(count)
        for number, place in enumerate(places):
            comfy.model_management.throw_exception_if_processing_interrupted()
            here = number, *place
            one = edited[number % len(edited)]
            pasted[here] = paste(pasted[here], one, whole_masks[here], feather)
            bar.update(1)
        return io.NodeOutput(pasted, whole_masks)


def _original(original: Tensor | None, window: PictureWindows | None) -> Tensor:
    if window is not None:
        return window.original
    if original is None:
        raise ValueError(
            "original: there is nothing to paste into; connect the picture before the edit, or the "
            "window from Edit Window."
        )
    return original


def _places(
    size: Sequence[int], edited: Sequence[int], window: PictureWindows | None
) -> list[tuple[slice, slice]]:
    """Rows and columns of a picture of a size `(H, W)` that an edit of another size belongs into:
    each window's, or else, for all pictures, where VAE Encode can have taken it from.
    """
    if window is not None:
        first = window.windows[0]
        check_proportions("edited", edited, (first.height, first.width), "the window")
        return [one.slices for one in window.windows]
    corner = vae_crop(size, edited)
    if corner is None:
        check_proportions("edited", edited, size, "the original")
        corner, edited = (0, 0), size
    top, left = corner
    return [(slice(top, top + edited[0]), slice(left, left + edited[1]))]


def _whole_masks(
    mask: Tensor, shape: Sequence[int], places: list[tuple[slice, slice]], in_window: bool
) -> Tensor:
    """The mask of each picture, `[B, H, W]` as `shape` says: black but in its place."""
    mask = mask_values(mask).cpu()
    whole = torch.zeros(tuple(shape))
    for number, place in enumerate(places):
        here = number, *place
        one = mask[number % len(mask)][None, None]
        if in_window:
            whole[here] = resampled(one.movedim(1, -1), whole[here].shape)[0, ..., 0]
        else:
            whole[here] = over_picture(one, shape[1:], "bilinear")[0, 0][place]
    return whole
