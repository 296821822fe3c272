"""The workflow of a batch in API format, and how a row is filled into it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.comfy_server import PACK, Workflow

DEFAULT = PACK / "demo" / "one_node_api.json"
DEFAULT_MAP = {
    "image": "LoadImage.image",
    "source": "DiffEdit.source",
    "target": "DiffEdit.target",
    "seed": "DiffEdit.seed",
    "steps": "DiffEdit.steps",
    "strength": "DiffEdit.strength",
    "cfg": "DiffEdit.cfg",
}
"""The inputs that the columns go to where nothing else is said."""

WHOLE = ("seed", "steps")
"""The columns of whole numbers. Elsewhere a whole number in a workflow may be any: the editor
writes 7.0 as 7.
"""

FOLDER = "diffedit-batch"
"""Where pictures lie among a server's inputs and outputs."""

EDIT, MASK = "edit", "mask"
"""The ids or titles of the nodes that save the two."""

MASK_OUTPUT = 1
PREFIX = "filename_prefix"

Places = Mapping[str, tuple[str, str]]
"""The node and the input that each column goes to."""


def read_workflow(path: Path) -> Workflow:
    """A workflow in API format. The mask of a single *DiffEdit* is shown, if it is not yet.

    Raises ValueError for a file that is none.
    """
    try:
        workflow = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"--workflow: {path} cannot be read ({error}); name a workflow.") from None
    nodes = workflow.values() if isinstance(workflow, dict) else []
    if not nodes or not all(isinstance(node, dict) and "inputs" in node for node in nodes):
        raise ValueError(
            f"--workflow: {path} is not in API format; export it with File → Export (API)."
        )
    return with_mask(workflow)


def with_mask(workflow: Workflow) -> Workflow:
    """The workflow with the mask of its only *DiffEdit* saved, unless it saves one itself."""
    finders = find_nodes(workflow, "DiffEdit")
    if len(finders) != 1 or find_nodes(workflow, MASK):
        return workflow
    picture = {"class_type": "MaskToImage", "inputs": {"mask": [finders[0], MASK_OUTPUT]}}
    inputs = {"images": ["mask_picture", 0], PREFIX: MASK}
    return workflow | {
        "mask_picture": picture,
        MASK: {"class_type": "SaveImage", "inputs": inputs},
    }


@dataclass(frozen=True)
class Saving:
    """The ids of the nodes that save a row's edit and its mask."""

    edit: str
    mask: str | None


def saving_nodes(workflow: Workflow) -> Saving:
    """The nodes that save: for the edit, one that is called so, or else the first.

    Raises ValueError where nothing is saved.
    """
    savers = [id for id, node in workflow.items() if PREFIX in node["inputs"]]
    masks = [id for id in find_nodes(workflow, MASK) if id in savers]
    others = [id for id in savers if id not in masks]
    edits = [id for id in find_nodes(workflow, EDIT) if id in others]
    if not others:
        raise ValueError("--workflow: it saves no picture; end it with Save Image.")
    return Saving((edits or others)[0], masks[0] if masks else None)


def saved_as(workflow: Workflow, name: str) -> Workflow:
    """A copy of the workflow whose files begin with that name, in a folder of batches.

    With a name that is new, nothing is answered from ComfyUI's cache by naming an older file, which
    may be another picture by now.
    """
    return {
        id: node | {"inputs": node["inputs"] | {PREFIX: f"{FOLDER}/{name}-{id}"}}
        if PREFIX in node["inputs"]
        else node
        for id, node in workflow.items()
    }


def find_nodes(workflow: Workflow, name: str) -> list[str]:
    """The ids of the nodes of that id, title or type, capitals aside; an id goes first."""
    if name in workflow:
        return [name]
    wanted = name.casefold()
    return [
        id
        for id, node in workflow.items()
        if wanted
        in (node.get("_meta", {}).get("title", "").casefold(), node["class_type"].casefold())
    ]


def parse_map(text: str) -> dict[str, str]:
    """The pairs of `image=load.image,prompt=6.text`.

    Raises ValueError for anything else.
    """
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(column.strip() and place.strip() for column, _, place in pairs):
        raise ValueError(f"--map: {text!r} has no pairs; write column=node.input,...")
    return {column.strip(): place.strip() for column, _, place in pairs}


def find_places(workflow: Workflow, mapping: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """The node and the input of each column.

    Raises ValueError for a place that is not there, is not the only one, or has a connection.
    """
    return {column: _place(workflow, column, place) for column, place in mapping.items()}


def _place(workflow: Workflow, column: str, place: str) -> tuple[str, str]:
    name, _, key = place.partition(".")
    nodes = find_nodes(workflow, name)
    if len(nodes) != 1:
        count = len(nodes) or "no"
        raise ValueError(
            f"--map: the workflow has {count} nodes {name!r} for {column}; name one by its id, "
            f"as in {column}=ID.{key or 'input'}."
        )
    inputs = workflow[nodes[0]]["inputs"]
    if key not in inputs:
        raise ValueError(
            f"--map: node {name!r} has no input {key!r} for {column}; take {' or '.join(inputs)}."
        )
    if isinstance(inputs[key], list):
        raise ValueError(
            f"--map: {place} of {column} is connected to another node; name that node's input."
        )
    return nodes[0], key


def picture_columns(workflow: Workflow, places: Places) -> list[str]:
    """The columns whose cells are paths of pictures: those that go to a *Load Image*."""
    return [
        column
        for column, (node, key) in places.items()
        if workflow[node]["class_type"].startswith("LoadImage") and key == "image"
    ]


def settings_of(workflow: Workflow, places: Places, cells: Mapping[str, Any]) -> dict[str, Any]:
    """What a row sets, by column: numbers where the workflow has numbers, and what the workflow
    has where the row has nothing.

    Raises ValueError, in a sentence, for a text where a number is needed.
    """
    settings: dict[str, Any] = {}
    for column, (node, key) in places.items():
        present = workflow[node]["inputs"][key]
        settings[column] = (
            _converted(column, cells[column], present) if column in cells else present
        )
    return settings


def _converted(column: str, cell: Any, like: Any) -> Any:
    text = str(cell).strip()
    if isinstance(like, bool):
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError(f"{column}: {text!r} is neither true nor false; write one of them.")
    if not isinstance(like, (int, float)):
        return str(cell)
    try:
        return int(text)
    except ValueError:
        kind = "a whole number" if column in WHOLE else "a number"
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if column in WHOLE or not math.isfinite(number):
        raise ValueError(f"{column}: {text!r} is not {kind}; write one.")
    return number


def filled(workflow: Workflow, places: Places, settings: Mapping[str, Any]) -> Workflow:
    """A copy of the workflow with the settings in it."""
    copied = copy.deepcopy(workflow)
    for column, value in settings.items():
        node, key = places[column]
        copied[node]["inputs"][key] = value
    return copied


def content_key(workflow: Workflow) -> str:
    """The hash of what a filled workflow does: of all but its titles.

    Where its picture is named by the hash of its bytes, this is a key of content and settings.
    """
    content = {
        id: {"class_type": node["class_type"], "inputs": node["inputs"]}
        for id, node in workflow.items()
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
