"""Every example workflow: the editor opens it, lays it out legibly, and the server runs it."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.editor import load, nodes_of, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLES = sorted((PACK / "example_workflows").glob("*.json"))

FEW = {"steps": 4, "iterations": 1, "draws": 2, "max_tokens": 8}
"""What the test puts into inputs of these names, so that a run takes a moment."""

OVERLAPS = """() => {
    const boxes = app.graph.nodes.map(node => [node.title, ...node.boundingRect]);
    return boxes.flatMap(([a, x, y, w, h], index) => boxes.slice(index + 1)
        .filter(([b, bx, by, bw, bh]) => x < bx + bw && bx < x + w && y < by + bh && by < y + h)
        .map(([b]) => `${a} and ${b}`));
}"""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("language_models", "text_generator")
def test_example_opens_and_runs(comfy: ComfyServer, page: Page, example: Path):
    load(page, json.loads(example.read_text()))
    assert page.evaluate(OVERLAPS) == []

    workflow = workflow_in(page)
    for node in workflow.values():
        node["inputs"] |= {name: few for name, few in FEW.items() if name in node["inputs"]}
    outputs = comfy.run(workflow)
    for node_id in nodes_of(workflow, "SaveImage"):
        (picture,) = comfy.images(outputs, node_id)
        assert picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1]
