"""The example workflow whose source prompt ComfyUI's own Generate Text writes."""

import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page

from tests import narrow_qwen
from tests.browser.editor import load, nodes_of, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLE = PACK / "example_workflows" / "DiffEdit generate text.json"


@pytest.mark.usefixtures("text_generator")
def test_the_description_becomes_the_edit(comfy: ComfyServer, page: Page):
    load(page, json.loads(EXAMPLE.read_text()))
    workflow = workflow_in(page)
    (edit,), (sentence,), (diffedit,) = (
        nodes_of(workflow, kind) for kind in ("SaveImage", "PreviewAny", "DiffEdit")
    )
    target = workflow[diffedit]["inputs"]["target"]
    workflow["target"] = {"class_type": "PreviewAny", "inputs": {"source": target}}
    outputs = comfy.run(workflow)
    assert outputs[sentence]["text"] == [narrow_qwen.SENTENCE]
    assert outputs["target"]["text"] == [narrow_qwen.SENTENCE.replace("oranges", "apples")]

    (picture,) = comfy.images(outputs, edit)
    before = np.array(
        Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB"), dtype=int
    )
    change = np.abs(np.array(picture.convert("RGB"), dtype=int) - before)
    height, width = change.shape[:2]
    fruits = change[height // 3 : height // 2, 2 * width // 5 : 3 * width // 5]
    assert fruits.mean() > 40  # orange has become red
    assert change[: height // 5].max() == 0  # the wall is as it was
