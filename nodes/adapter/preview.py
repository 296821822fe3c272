"""Pictures on a node, in the editor."""

from collections.abc import Callable
from typing import Any

import numpy as np
from comfy_api.latest import io, ui
from torch import Tensor

from . import temp_picture
from .node_text import text_ui

MAX_SHOWN = 16
"""How many pictures of a batch the editor shows."""


def is_looked_at(node: type[io.ComfyNode]) -> bool:
    """Whether there is an editor to show a running node's pictures in: it sends its workflow along.
    The node's schema has to ask for `extra_pnginfo`.
    """
    return bool(node.hidden) and "workflow" in (node.hidden.extra_pnginfo or {})


def shown(save: Callable[[], dict[str, Any]], text: str = "") -> dict[str, Any]:
    """Return the ui dict of the pictures that `save` saves and tells of, and of the node's text.

    The run goes on where they cannot be saved, and the text says so.
    """
    pictures: dict[str, Any] = {}
    try:
        pictures = save()
    except OSError as error:
        complaint = f"no preview: ComfyUI's temporary folder cannot be written ({error.strerror})"
        text = f"{text}\n{complaint}" if text else complaint
    temp_picture.remove_oldest()
    return pictures | (text_ui(text) if text else {})


def preview(pictures: Tensor) -> dict[str, Any]:
    """Save pictures `[B, H, W, 3]` for the editor to show them on the node; errors as of
    `temp_picture.save`.
    """
    return {"images": [saved(one) for one in pictures[:MAX_SHOWN]]}


def saved(picture: Tensor) -> ui.SavedResult:
    """Save a picture `[H, W, 3]` in 0..1 for the editor; errors as of `temp_picture.save`."""
    pixels: np.ndarray = (255 * picture).round().clamp(0, 255).byte().numpy()
    return temp_picture.save(pixels)
