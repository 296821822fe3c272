"""Paste Edit: the edited picture back into the original, every other pixel as it was."""

from collections.abc import Sequence

import comfy.model_management
import comfy.utils
import torch
import torch.nn.functional as F
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.paste import paste
from .adapter.checks import check_count
from .adapter.pictures import check_pictures, mask_values, over_picture, vae_crop


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
                    "original", tooltip="The picture before the edit, as it was loaded."
                ),
                io.Image.Input(
                    "edited",
                    tooltip="The picture after the edit, from VAE Decode. Of the original's size, "
                    "or what VAE Encode has left of it; another size is stretched.",
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="Where the edit was made. Black stays the original, bit for bit. One "
                    "mask for all pictures or one for each.",
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
    def execute(cls, original: Tensor, edited: Tensor, mask: Tensor, feather: int) -> io.NodeOutput:
        check_pictures(original, "original")
        check_pictures(edited, "edited")
        count, size = len(original), original.shape[1:3]
        check_count("edited", "picture", len(edited), count)
        check_count("mask", "mask", len(mask), count)
        pasted = original.cpu().float().clone()
        whole_mask = over_picture(mask_values(mask).cpu()[:, None], size, "bilinear")[:, 0]
        rows, columns = _place(size, edited.shape[1:3])
        mask = torch.zeros_like(whole_mask)
        mask[:, rows, columns] = whole_mask[:, rows, columns]
        edited = _of_size(edited[..., :3].cpu().float(), pasted[0, rows, columns].shape[:2])
        bar = comfy.utils.ProgressBar(count)
        for number in range(count):
            comfy.model_management.throw_exception_if_processing_interrupted()
            here = number, rows, columns
            one_edit = edited[number % len(edited)]
            one_mask = mask[number % len(mask), rows, columns]
            pasted[here] = paste(pasted[here], one_edit, one_mask, feather)
            bar.update(1)
        return io.NodeOutput(pasted, mask.expand(count, -1, -1))


def _place(size: Sequence[int], edited: Sequence[int]) -> tuple[slice, slice]:
    """Where in a picture of a size `(H, W)` an edit of another size belongs: where VAE Encode can
    have taken it from, or all over it.
    """
    top, left = vae_crop(size, edited) or (0, 0)
    height, width = edited if vae_crop(size, edited) else size
    return slice(top, top + height), slice(left, left + width)


def _of_size(edited: Tensor, size: Sequence[int]) -> Tensor:
    """The pictures `[B, h, w, 3]`, resampled to `size` `(H, W)` where they are of another one."""
    if edited.shape[1:3] == tuple(size):
        return edited
    channels_first = edited.movedim(-1, 1)
    resized = F.interpolate(channels_first, tuple(size), mode="bicubic", antialias=True)
    return resized.clamp(0, 1).movedim(1, -1)
