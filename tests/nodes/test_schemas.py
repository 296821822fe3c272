"""The nodes' schemas against those of the last release: every change is in the changelog.

`python3 tools/environment.py -m tests.nodes.test_schemas` writes those of today, for a release.
"""

import asyncio
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

from tools.comfy_server import PACK
from tools.in_process import load_pack

RELEASED = Path(__file__).parent.parent / "schemas.json"
CHANGELOG = PACK / "CHANGELOG.md"

PROSE = {"tooltip", "display_name", "placeholder"}
OF_THE_MACHINE = {"scheduler", "model"}
"""Choices of which the options are ComfyUI's, or what is installed."""


def schemas(nodes: ModuleType) -> dict[str, dict[str, Any]]:
    """What workflows rely on, for each node id: its inputs and outputs by name, without prose."""
    found = {}
    for node in asyncio.run(nodes.DiffEditExtension().get_node_list()):
        info = node.GET_NODE_INFO_V1()
        order = {kind: names for kind, names in info["input_order"].items() if kind != "hidden"}
        inputs = {
            name: [kind, *without_prose(name, info["input"][kind][name])]
            for kind, names in order.items()
            for name in names
        }
        outputs = dict(zip(info["output_name"], info["output"], strict=True))
        found[info["name"]] = {"category": info["category"], "inputs": inputs, "outputs": outputs}
    return json.loads(json.dumps(found))


def without_prose(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        left_out = PROSE | ({"options"} if name in OF_THE_MACHINE else set())
        return {key: without_prose(key, one) for key, one in value.items() if key not in left_out}
    if isinstance(value, (list, tuple)):
        return [without_prose(name, one) for one in value]
    return value


def changes(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """The names of what differs: "Node", "Node.input" or "Node.output"."""
    found = set()
    for node in before.keys() | after.keys():
        if node not in before or node not in after:
            found.add(node)
            continue
        old, new = before[node], after[node]
        for kind in ("inputs", "outputs"):
            names = old[kind].keys() | new[kind].keys()
            found |= {
                f"{node}.{name}" for name in names if old[kind].get(name) != new[kind].get(name)
            }
            # A saved workflow finds its values by their order.
            if [*old[kind]] != [*new[kind]] and old[kind].keys() == new[kind].keys():
                found.add(node)
        if old["category"] != new["category"]:
            found.add(node)
    return found


def unreleased() -> str:
    return re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", CHANGELOG.read_text(), re.M | re.S)[1]


def test_every_change_is_in_the_changelog(nodes):
    changed = changes(json.loads(RELEASED.read_text()), schemas(nodes))
    named = set(re.findall(r"`([\w.]+)`", unreleased()))
    silent = {change for change in changed - named if change.split(".")[0] not in named}
    assert not silent, "name them in backticks under Unreleased in CHANGELOG.md"


def test_a_change_is_noticed(nodes):
    today = schemas(nodes)

    def changed(change) -> set[str]:
        other = json.loads(json.dumps(today))
        change(other)
        return changes(today, other)

    def reorder(other) -> None:
        inputs = other["MaskRefine"]["inputs"]
        inputs["mask"] = inputs.pop("mask")

    assert changed(lambda other: None) == set()
    assert changed(lambda other: other.pop("MaskRefine")) == {"MaskRefine"}
    assert changed(lambda other: other["DDIMInvert"]["inputs"].pop("steps")) == {"DDIMInvert.steps"}
    default = {"default": 51}
    assert changed(lambda other: other["DDIMInvert"]["inputs"]["steps"][2].update(default)) == {
        "DDIMInvert.steps"
    }
    assert changed(lambda other: other["DiffEdit"]["outputs"].update(image="MASK")) == {
        "DiffEdit.image"
    }
    assert changed(reorder) == {"MaskRefine"}


if __name__ == "__main__":
    RELEASED.write_text(json.dumps(schemas(load_pack()), indent=1) + "\n")
