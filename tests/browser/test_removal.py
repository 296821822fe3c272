"""The example that removes a thing, just as it is, against scenes rendered without the thing."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from benchmarks.cases import removals_of
from benchmarks.quality import psnr
from tests.browser.editor import load, load_own_picture, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLE = PACK / "example_workflows" / "DiffEdit remove a thing.json"
FIRST_SEED = 3_000_000


def test_the_thing_goes_and_the_rest_stays(comfy: ComfyServer, page: Page, tmp_path: Path):
    load(page, json.loads(EXAMPLE.read_text()))
    workflow = workflow_in(page)
    ids = {node["class_type"]: node_id for node_id, node in workflow.items()}
    inputs = {node["class_type"]: node["inputs"] for node in workflow.values()}
    prompts = inputs["DiffEditMask"]

    for case in (*removals_of(2, 1, FIRST_SEED), *removals_of(1, 1, FIRST_SEED)):
        Image.fromarray(case.source.rgb).save(tmp_path / "scene.png")
        comfy.upload(tmp_path / "scene.png")
        load_own_picture(workflow, "scene.png")
        for side, scene in (("source", case.edit.source), ("target", case.edit.target)):
            workflow[prompts[side][0]]["inputs"]["text"] = scene.caption
        (picture,) = comfy.images(comfy.run(workflow), ids["SaveImage"])
        removed, truth = np.asarray(picture), case.target.rgb
        before = psnr(case.source.rgb, truth, case.region)
        assert psnr(removed, truth, case.region) > before + 5
        assert psnr(removed, truth, ~case.region) > 30
