"""Every example workflow: the editor opens it and runs it, and no node covers another then, in both
renderers.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.editor import BOTH_RENDERERS, load, next_frame, nodes_of, run, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLES = sorted(
    path
    for path in (PACK / "example_workflows").glob("*.json")
    if " with " not in path.stem  # models that are not here
)

FEW = {"steps": 4, "iterations": 1, "draws": 2, "max_tokens": 8}
"""What the test puts into inputs of these names, so that a run takes a moment."""

SET_FEW = """few => {
    for (const widget of app.graph.nodes.flatMap(node => node.widgets ?? []))
        if (widget.name in few) widget.value = few[widget.name];
}"""

PICTURES_SHOWN = """ids => ids.every(id => app.nodeOutputs[id])
    && [...document.images, ...app.graph.nodes.flatMap(node => node.imgs ?? [])]
        .every(picture => picture.complete)"""

OVERLAPS = """() => {
    const boxes = app.graph.nodes.map(node => [node.title, ...node.boundingRect]);
    return boxes.flatMap(([a, x, y, w, h], index) => boxes.slice(index + 1)
        .filter(([b, bx, by, bw, bh]) => x < bx + bw && bx < x + w && y < by + bh && by < y + h)
        .map(([b]) => `${a} and ${b}`));
}"""


@BOTH_RENDERERS
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.usefixtures("language_models", "text_generator")
def test_example_opens_and_runs(
    comfy: ComfyServer, open_editor: Callable[..., Page], example: Path, vue_nodes: bool
):
    page = open_editor(vue_nodes)
    load(page, json.loads(example.read_text()))
    assert page.evaluate(OVERLAPS) == []

    page.evaluate(SET_FEW, FEW)
    outputs = run(comfy, page)["outputs"]
    for node_id in nodes_of(workflow_in(page), "SaveImage"):
        (picture,) = comfy.images(outputs, node_id)
        assert picture.convert("L").getextrema()[0] < picture.convert("L").getextrema()[1]

    on_canvas = [node_id for node_id in outputs if "." not in node_id]
    page.wait_for_function(PICTURES_SHOWN, arg=on_canvas)
    next_frame(page)
    assert page.evaluate(OVERLAPS) == []
