"""The pack's nodes in this process, imported as ComfyUI imports them, without a server."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch

from .comfy_server import COMFYUI, PACK

NAME = "custom_nodes.DiffEdit"


def load_pack(arguments: Sequence[str] = ()) -> ModuleType:
    """Import ComfyUI and the pack; returns the pack's `nodes`.

    arguments: of ComfyUI's command line.
    """
    # At the end, so that our own `tests` and `demo` are not taken for ComfyUI's.
    sys.path.append(str(COMFYUI))
    from comfy.cli_args import args, parser

    parser.parse_args(list(arguments), args)
    args.cpu = args.cpu or not torch.cuda.is_available()
    spec = importlib.util.spec_from_file_location(
        NAME, PACK / "__init__.py", submodule_search_locations=[str(PACK)]
    )
    assert spec and spec.loader
    pack = importlib.util.module_from_spec(spec)
    sys.modules[NAME] = pack
    spec.loader.exec_module(pack)
    return sys.modules[f"{NAME}.nodes"]


def defaults(node: Any) -> dict[str, Any]:
    """What the widgets of a new node in the editor give to its `execute`."""
    from comfy_api.latest import io

    widget_defaults = sys.modules[f"{NAME}.nodes.widgets.defaults"].widget_defaults
    inputs = node.define_schema().inputs
    choices = {one.id for one in inputs if isinstance(one, io.DynamicCombo.Input)}
    values: dict[str, Any] = {}
    for name, value in widget_defaults(inputs).items():
        outer, _, inner = name.partition(".")
        if outer in choices:  # with the widgets that it opens, in a dictionary of its own
            values.setdefault(outer, {})[inner or outer] = value
        else:
            values[outer] = value
    return values
