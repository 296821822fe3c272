"""ComfyUI's dictionary of nodes, which has one place for each id: the last pack to load gets it."""

from importlib import import_module

from comfy_api.latest import io


def require_own(node: type[io.ComfyNode]) -> None:
    """Raise ValueError where ComfyUI has another pack's node under the id of `node`."""
    node_id = node.define_schema().node_id
    comfyui_nodes = import_module("nodes")  # by this name, while this pack's are `.nodes`
    owner = comfyui_nodes.NODE_CLASS_MAPPINGS[node_id]
    if owner is not node:
        folder = getattr(owner, "RELATIVE_PYTHON_MODULE", owner.__module__).replace(".", "/", 1)
        raise ValueError(
            f"DiffEdit: its stage {node_id} has been replaced by a node of the same name from "
            f"{folder}; disable that pack, or use DiffEdit without it."
        )
