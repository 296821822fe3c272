"""The example workflow in the editor: an artist opens it, presses Run and the pictures arrive."""

import json
from typing import Any

from playwright.sync_api import Page

from tests.browser.editor import load, load_own_picture, next_frame, run, workflow_in
from tools.comfy_server import PACK, ComfyServer, Workflow

EXAMPLE = PACK / "example_workflows" / "DiffEdit.json"
SCREENSHOT = PACK / "output" / "editor.png"

# A live preview is a blob, a picture that a node has made comes from /view.
ALL_PICTURES_SHOWN = """types => types.every(type => app.graph.nodes.some(
    node => node.type === type && node.imgs?.length && node.imgs.every(
        image => image.naturalWidth > 0 && image.src.includes("/view?"))))"""


MASK_SHOWN = """app.graph.nodes.find(node => node.type === "MaskRefine")
    .widgets.find(widget => widget.name === "mask_view").view.mask"""


def test_run_shows_the_pictures(comfy: ComfyServer, page: Page, demo_workflow: Workflow):
    load(page, json.loads(EXAMPLE.read_text()))
    opened = workflow_in(page)
    load_own_picture(opened, "source.png")
    assert written_out(opened) == written_out(demo_workflow), "not the workflow of make demo"

    run(comfy, page)
    makers = ["DiffEditMask", "MaskPreview", "SaveImage"]
    page.wait_for_function(ALL_PICTURES_SHOWN, arg=makers)
    page.wait_for_function(MASK_SHOWN)

    next_frame(page)
    SCREENSHOT.parent.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOT)


def written_out(workflow: Workflow) -> list[Any]:
    """What a workflow computes, whatever its node ids: its end nodes with all that leads there."""

    def node_and_inputs(node_id: str) -> list[Any]:
        node = workflow[node_id]
        inputs = sorted(node["inputs"].items())
        return [node["class_type"], [[name, followed(value)] for name, value in inputs]]

    def followed(value: Any) -> Any:
        return [node_and_inputs(value[0]), value[1]] if isinstance(value, list) else value

    linked = {
        value[0]
        for node in workflow.values()
        for value in node["inputs"].values()
        if isinstance(value, list)
    }
    return sorted((node_and_inputs(node_id) for node_id in workflow.keys() - linked), key=repr)
