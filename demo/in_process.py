"""The pack's nodes in this process, imported as ComfyUI imports them, without a server."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

import torch

from .comfy_server import COMFYUI, PACK

NAME = "custom_nodes.DiffEdit"


def load_pack() -> ModuleType:
    """Import ComfyUI and the pack; returns the pack's `nodes`."""
    # At the end, so that our own `tests` and `demo` are not taken for ComfyUI's.
    sys.path.append(str(COMFYUI))
    from comfy.cli_args import args

    args.cpu = not torch.cuda.is_available()
    spec = importlib.util.spec_from_file_location(
        NAME, PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    pack = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = pack
    spec.loader.exec_module(pack)
    return sys.modules[f"{NAME}.nodes"]
