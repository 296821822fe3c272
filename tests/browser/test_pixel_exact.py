"""The pixel-exact example: what is saved is the loaded picture wherever the mask is black."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from tests.browser.editor import load, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLE = PACK / "example_workflows" / "DiffEdit pixel-exact.json"
SOURCE = PACK / "demo" / "source.png"


def test_every_pixel_outside_the_mask_is_the_source(comfy: ComfyServer, page: Page, tmp_path: Path):
    load(page, json.loads(EXAMPLE.read_text()))
    workflow = workflow_in(page)
    ids = {node["class_type"]: node_id for node_id, node in workflow.items()}
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    inputs["DDIMInvert"] |= {"steps": 4, "iterations": 1}
    # A preview of the mask itself would show its last, darkest gray as black.
    workflow["touched"] = {
        "class_type": "ThresholdMask",
        "inputs": {"mask": [ids["MaskRefine"], 0], "value": 0.0},
    }
    inputs["MaskPreview"]["mask"] = ["touched", 0]

    # VAE Encode trims 3 columns and 5 rows of it, 1 and 2 of them on the left and at the top.
    uneven = tmp_path / "uneven.png"
    Image.open(SOURCE).convert("RGB").crop((0, 0, 187, 149)).save(uneven)
    comfy.upload(uneven)
    for picture, left, top in ((SOURCE, 0, 0), (uneven, 1, 2)):
        inputs["LoadImage"]["image"] = picture.name
        inputs["ImageCompositeMasked"] |= {"x": left, "y": top}
        outputs = comfy.run(workflow)
        source = np.asarray(Image.open(picture).convert("RGB"))
        edit = np.asarray(comfy.images(outputs, ids["SaveImage"])[0])
        white = np.asarray(comfy.images(outputs, ids["MaskPreview"])[0].convert("L")) > 0
        touched = np.zeros(source.shape[:2], bool)
        touched[top : top + len(white), left : left + white.shape[1]] = white

        assert edit.shape == source.shape
        assert np.array_equal(edit[~touched], source[~touched])
        assert 0.05 < touched.mean() < 0.6
        assert np.abs(edit.astype(int) - source)[touched].mean() > 5
