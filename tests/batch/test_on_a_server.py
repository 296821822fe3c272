"""Rows on a real ComfyUI, by a worker in this process: any workflow, and ComfyUI's cache."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from batch.editor import Editor, Job
from batch.table import Row
from batch.workflow import DEFAULT, DEFAULT_MAP, FOLDER, find_places, parse_map, read_workflow
from tools.comfy_server import PACK, ComfyServer

PICTURE = PACK / "web" / "pictures" / "source.png"
STAGES = PACK / "demo" / "workflow_api.json"
MAP = (
    "image=Load Image.image,source=source_prompt.text,target=target_prompt.text,"
    "draws=find_mask.draws,steps=invert.steps"
)
SOURCE = "a blue bowl of oranges on a wooden table"
TARGET = "a blue bowl of apples on a wooden table"


def editor(comfy: ComfyServer, out: Path, workflow: Path = DEFAULT, mapping: Any = None) -> Editor:
    read = read_workflow(workflow)
    places = find_places(read, mapping or DEFAULT_MAP)
    return Editor(Job(read, places, PICTURE.parent, out, 600.0, (comfy.url,), out))


def row(output: str, **cells: Any) -> Row:
    cells = {"image": PICTURE.name, "source": SOURCE, "target": TARGET} | cells
    return Row(2, output, cells)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_any_workflow(comfy: ComfyServer, tmp_path: Path):
    worker = editor(comfy, tmp_path, STAGES, parse_map(MAP))
    entry = worker.edit(row("apples", draws="2", steps="4"))
    assert entry["state"] == "done", entry
    workflow = json.loads(STAGES.read_text())
    workflow["find_mask"]["inputs"]["draws"] = 2
    workflow["invert"]["inputs"]["steps"] = 4
    for name, text in {"source_prompt": SOURCE, "target_prompt": TARGET}.items():
        workflow[name]["inputs"]["text"] = text
    (alone,) = comfy.images(comfy.run(workflow), "edit")
    assert np.array_equal(pixels(tmp_path / "edits" / "apples.png"), np.asarray(alone))
    assert not (tmp_path / "masks").exists()  # it saves none


def test_the_evaluations(comfy: ComfyServer, tmp_path: Path):
    """Two for each of 6 draws; for each step one up, and two down where there is guidance."""
    worker = editor(comfy, tmp_path)
    assert worker.edit(row("guided", steps="10", seed="77001"))["evaluations"] == 12 + 8 + 16
    # No step is one that ComfyUI has in its cache.
    unguided = row("unguided", steps="5", seed="77004", cfg="1")
    assert worker.edit(unguided)["evaluations"] == 12 + 4 + 4


def test_what_comfyui_has_in_its_cache(comfy: ComfyServer, tmp_path: Path):
    """The same edit under another name, after somebody has emptied the server's folder and other
    files have taken the names of those that were there.
    """
    worker = editor(comfy, tmp_path)
    assert worker.edit(row("first", steps="2", seed="77002"))["state"] == "done"
    shutil.rmtree(comfy.base / "output" / FOLDER)
    assert worker.edit(row("another", steps="2", seed="77003"))["state"] == "done"
    assert worker.edit(row("second", steps="2", seed="77002"))["state"] == "done"
    for kind in ("edits", "masks"):
        first, second = (pixels(tmp_path / kind / f"{name}.png") for name in ("first", "second"))
        assert np.array_equal(first, second)


@pytest.mark.parametrize(
    "cells, complaint",
    [
        ({"steps": "0"}, "DiffEdit: Value 0 smaller than min of 1: steps"),
        ({"cfg": "1000"}, "DiffEdit: Value 1000.0 bigger than max of 100.0: cfg"),
    ],
)
def test_what_comfyui_refuses(
    comfy: ComfyServer, tmp_path: Path, cells: dict[str, str], complaint: str
):
    entry = editor(comfy, tmp_path).edit(row("refused", **cells))
    assert (entry["state"], entry["error"]) == ("failed", complaint)
