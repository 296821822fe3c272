"""The examples that paste: what is saved is the loaded picture wherever the mask is black."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests.browser.editor import load, load_own_picture, workflow_in
from tools.comfy_server import PACK, ComfyServer


@pytest.mark.parametrize(
    ("example", "picture", "at_least"),
    [
        ("DiffEdit", "source.png", 0.05),
        ("DiffEdit pixel-exact", "source.png", 0.05),
        ("DiffEdit large photo", "large_photo.jpg", 0.003),
    ],
)
def test_every_pixel_outside_the_mask_is_the_source(
    comfy: ComfyServer, page: Page, tmp_path: Path, example: str, picture: str, at_least: float
):
    path = PACK / "example_workflows" / f"{example}.json"
    load(page, json.loads(path.read_text()))
    workflow = workflow_in(page)
    ids = {node["class_type"]: node_id for node_id, node in workflow.items()}
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    inputs["DDIMInvert"] |= {"steps": 4, "iterations": 1}
    # A preview of the mask itself would show its last, darkest gray as black.
    workflow["touched"] = {
        "class_type": "ThresholdMask",
        "inputs": {"mask": [ids["DiffEditPaste"], 1], "value": 0.0},
    }
    inputs["MaskPreview"]["mask"] = ["touched", 0]

    whole = Image.open(PACK / "web" / "pictures" / picture).convert("RGB")
    # Of the small ones VAE Encode trims 3 columns and 5 rows.
    uneven = whole.crop((0, 0, whole.width - 5, whole.height - 43))
    for number, one in enumerate((whole, uneven)):
        path = tmp_path / f"{number}.png"
        one.save(path)
        comfy.upload(path)
        load_own_picture(workflow, path.name)
        outputs = comfy.run(workflow)
        source = np.asarray(one)
        edit = np.asarray(comfy.images(outputs, ids["SaveImage"])[0])
        touched = np.asarray(comfy.images(outputs, ids["MaskPreview"])[0].convert("L")) > 0

        assert edit.shape == source.shape and touched.shape == source.shape[:2]
        assert np.array_equal(edit[~touched], source[~touched])
        assert at_least < touched.mean() < 0.6
        assert np.abs(edit.astype(int) - source)[touched].mean() > 5
