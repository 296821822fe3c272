"""Paste Edit: the edited picture back into the original, every other pixel as it was."""

from collections.abc import Sequence

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.paste import paste
from ..diffedit_core.sizes import resampled
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.pictures import check_proportions, over_picture, rgb, vae_crop, with_colours
from .adapter.progress import one_by_one
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
                *("diffedit", "composite", "stitch", "uncrop", "paste back", "pixel exact"),
                *("restore", "blend images", "keep background"),
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
                    "window, which brings it; with both, the edit goes into this one.",
                ),
                io.Mask.Input(
                    "mask",
                    optional=True,
                    tooltip="Where the edit was made, over edited or over the original. "
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
    @checked
    def execute(
        cls,
        edited: Tensor,
        feather: int,
        original: Tensor | None = None,
        mask: Tensor | None = None,
        window: PictureWindows | None = None,
    ) -> io.NodeOutput:
        original = _original(original, window)
        count = len(original)
        check_count("edited", "picture", len(edited), count)
        if mask is None:
            mask = torch.ones(1, *edited.shape[1:3])
        check_count("mask", "mask", len(mask), count)
        size = original.shape[1], original.shape[2]
        places = _places(size, edited.shape[1:3], count, window)
        place_size = tuple(along.stop - along.start for along in places[0])
        mask = mask.cpu()
        if window is None or mask.shape[1:] == size != edited.shape[1:3]:
            over_all = over_picture(mask[:, None], size, "bilinear")[:, 0]
            masks = [over_all[(number % len(mask), *place)] for number, place in enumerate(places)]
        else:
            check_proportions("mask", mask.shape[1:], place_size, "the window")
            masks = list(resampled(mask[..., None], place_size)[..., 0].expand(count, -1, -1))
        edited = resampled(rgb(edited), place_size).expand(count, -1, -1, -1)
        pasted = with_colours(original).clone()
        pasted_mask = torch.zeros(count, *size)
        for number in one_by_one(count):
            here = number, *places[number]
            pasted[here] = paste(pasted[here], edited[number], masks[number], feather)
            pasted_mask[here] = masks[number]
        return io.NodeOutput(pasted, pasted_mask)


def _original(original: Tensor | None, window: PictureWindows | None) -> Tensor:
    if original is None:
        if window is None:
            raise ValueError(
                "original: there is nothing to paste into; connect the picture before the edit, or "
                "the window from Edit Window."
            )
        return window.original
    if window is not None and original.shape[:3] != window.original.shape[:3]:
        given, wanted = (
            f"{count} of {width}×{height} pixels"
            for count, height, width in (one.shape[:3] for one in (original, window.original))
        )
        raise ValueError(
            f"original: it is {given}, and the window is from {wanted}; connect what Edit Window "
            "got, or leave it open."
        )
    return original


def _places(
    size: Sequence[int], edited: Sequence[int], count: int, window: PictureWindows | None
) -> list[tuple[slice, slice]]:
    """Rows and columns of each picture of a size `(H, W)` that an edit of another size belongs
    into: its window, or else where VAE Encode can have taken it from.
    """
    if window is not None:
        check_proportions("edited", edited, window.windows[0].size, "the window")
        return [one.slices for one in window.windows]
    corner = vae_crop(size, edited)
    if corner is None:
        check_proportions("edited", edited, size, "the original")
        corner, edited = (0, 0), size
    top, left = corner
    return [(slice(top, top + edited[0]), slice(left, left + edited[1]))] * count
