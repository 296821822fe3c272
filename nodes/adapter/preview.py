"""Pictures on a node, in the editor."""

from typing import Any

from comfy_api.latest import io, ui
from torch import Tensor


def preview(node: type[io.ComfyNode], pictures: Tensor) -> dict[str, Any]:
    """Return what shows pictures `[B, H, W, 3]` on a running node whose schema asks for
    `extra_pnginfo`, where there is an editor to show them in: it sends its workflow along.

    A program that queues a run is spared them.  They would come first among its pictures.
    """
    if not node.hidden or "workflow" not in (node.hidden.extra_pnginfo or {}):
        return {}
    return ui.PreviewImage(pictures, cls=node).as_dict()
