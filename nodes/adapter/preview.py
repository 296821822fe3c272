"""Pictures on a node, in the editor."""

from typing import Any

import numpy as np
from comfy_api.latest import io, ui
from torch import Tensor

from . import temp_picture

MAX_SHOWN = 16
"""How many pictures of a batch the editor shows."""


def is_looked_at(node: type[io.ComfyNode]) -> bool:
    """Whether there is an editor to show a running node's pictures in: it sends its workflow along.
    The node's schema has to ask for `extra_pnginfo`.
    """
    return bool(node.hidden) and "workflow" in (node.hidden.extra_pnginfo or {})


def preview(pictures: Tensor) -> tuple[dict[str, Any], str]:
    """Return what shows pictures `[B, H, W, 3]` on a node, and what there is to complain of.

    The run goes on where they cannot be saved: the complaint is then for the node's text.
    """
    try:
        return {"images": [saved(one) for one in pictures[:MAX_SHOWN]]}, ""
    except OSError as error:
        return {}, temp_picture.complaint(error)


def saved(picture: Tensor) -> ui.SavedResult:
    """Save a picture `[H, W, 3]` in 0..1 for the editor; errors as of `temp_picture.save`."""
    pixels: np.ndarray = (255 * picture).round().clamp(0, 255).byte().numpy()
    return temp_picture.save(pixels)
