"""ComfyUI without its editor: the workflows in API format, and the recipes of docs/headless.md."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

from tools.comfy_server import PACK, ComfyServer, Workflow

PAGE = (PACK / "docs" / "headless.md").read_text(encoding="utf-8")
ONE_NODE = PACK / "demo" / "one_node_api.json"
STAGES = PACK / "demo" / "workflow_api.json"
TEMPLATE = PACK / "example_workflows" / "DiffEdit one node.json"
SECONDS = 600


def read(path: Path) -> Workflow:
    return json.loads(path.read_text(encoding="utf-8"))


def run_by_a_program(comfy: ComfyServer, workflow: Workflow) -> list[dict[str, Any]]:
    """Queue a workflow with nothing else, as a program does; returns its pictures in order."""
    answer = requests.post(f"{comfy.url}/prompt", json={"prompt": workflow}).json()
    deadline = time.monotonic() + SECONDS
    while not (history := requests.get(f"{comfy.url}/history/{answer['prompt_id']}").json()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    outputs = history[answer["prompt_id"]]["outputs"].values()
    return [picture for output in outputs for picture in output.get("images", [])]


def one_node_edit(comfy: ComfyServer, **inputs: Any) -> np.ndarray:
    """The edit of the one-node workflow with other widgets."""
    workflow = read(ONE_NODE)
    workflow["diffedit"]["inputs"] |= inputs
    return np.asarray(comfy.images(comfy.run(workflow), "edit")[0])


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like the pack's, for what the recipes write."""
    for name in ("demo", "example_workflows", "web"):
        (tmp_path / name).symlink_to(PACK / name)
    return tmp_path


def recipes(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("path", [ONE_NODE, STAGES])
def test_nodes_are_found_by_title(path: Path):
    titles = [node["_meta"]["title"] for node in read(path).values()]
    assert len(set(titles)) == len(titles)
    assert {"Load Image", "Edit"} <= set(titles)


@pytest.mark.parametrize(
    ("path", "finder", "seed"), [(ONE_NODE, "diffedit", 20_221), (STAGES, "find_mask", 20_222)]
)
def test_the_first_picture_is_the_edit(comfy: ComfyServer, path: Path, finder: str, seed: int):
    workflow = read(path)
    # A seed of its own: ComfyUI's cache would bring back what it has shown in the editor.
    workflow[finder]["inputs"]["seed"] = seed
    (picture,) = run_by_a_program(comfy, workflow)
    assert picture["type"] == "output" and picture["filename"].startswith("DiffEdit_")


def test_one_node_is_the_stages(comfy: ComfyServer):
    stages = comfy.images(comfy.run(read(STAGES)), "edit")[0]
    assert np.array_equal(one_node_edit(comfy), stages)


def test_recipe_for_python(comfy: ComfyServer, folder: Path):
    (code,) = recipes("python")
    default = "http://127.0.0.1:8188"
    assert default in code
    command = [sys.executable, "-I", "-c", code.replace(default, comfy.url)]
    subprocess.run(command, cwd=folder, check=True, timeout=SECONDS)
    pears = one_node_edit(comfy, target="a blue bowl of pears on a wooden table")
    assert np.array_equal(pixels(folder / "edit.png"), pears)


def test_recipes_for_the_shell(comfy: ComfyServer, folder: Path):
    """comfy-cli's picture of a template is that of the same widgets in API format."""
    before = set((comfy.base / "output").iterdir())
    surroundings = os.environ | {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(folder / "home"),  # where comfy-cli has its settings and caches
        "COMFY_LOCAL_URL": comfy.url,
        "COMFY_CLI_NO_REMOTE_REFRESH": "1",
        "DO_NOT_TRACK": "1",  # whatever the page says
    }
    script = "set -eo pipefail\n" + "".join(recipes("bash"))
    subprocess.run(
        ["bash", "-c", script], cwd=folder, env=surroundings, check=True, timeout=SECONDS
    )

    saved = sorted(set((comfy.base / "output").glob("DiffEdit one node_*.png")) - before)
    workflows = [TEMPLATE, *sorted((folder / "varied").iterdir())]
    targets = [diffedit_widgets(path)["target"] for path in workflows]
    assert len(set(targets)) == len(saved) == 3
    for path, workflow in zip(saved, workflows, strict=True):
        assert np.array_equal(pixels(path), one_node_edit(comfy, **diffedit_widgets(workflow)))

    (downloaded,) = (folder / "edits").iterdir()
    assert np.array_equal(pixels(downloaded), one_node_edit(comfy))


def diffedit_widgets(path: Path) -> dict[str, Any]:
    """What the widgets of a template's DiffEdit node say."""
    (node,) = [node for node in read(path)["nodes"] if node["type"] == "DiffEdit"]
    names = ("source", "target", "seed", "control", "steps", "strength", "cfg", "grow")
    widgets = dict(zip(names, node["widgets_values"], strict=True))
    del widgets["control"]  # of the seed, in the editor alone
    return widgets
