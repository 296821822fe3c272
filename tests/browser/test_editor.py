"""The example workflow in the editor: an artist opens it, presses Run and the pictures arrive."""

import json
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from playwright.sync_api import Page, sync_playwright

from demo.comfy_server import PACK, ComfyServer, Workflow

EXAMPLE = PACK / "example_workflows" / "DiffEdit.json"
SCREENSHOT = PACK / "output" / "editor.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_SECONDS = 120

# A live preview is a blob, a picture that a node has made comes from /view.
ALL_PICTURES_SHOWN = """types => types.every(type => app.graph.nodes.some(
    node => node.type === type && node.imgs?.length && node.imgs.every(
        image => image.naturalWidth > 0 && image.src.includes("/view?"))))"""


@pytest.fixture
def page(comfy: ComfyServer) -> Iterator[Page]:
    """An empty editor, without the tour that greets a new user."""
    executable = next(filter(None, map(shutil.which, BROWSERS)), None)
    if executable is None:
        pytest.fail("The browser test needs Chromium; install it (Debian: apt install chromium).")
    requests.post(f"{comfy.url}/settings", json={"Comfy.TutorialCompleted": True})
    # A node whose followers are all cached is not visited, and then shows no preview.
    requests.post(f"{comfy.url}/free", json={"free_memory": True})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        page.goto(comfy.url)
        page.wait_for_function("window.app?.graph && window.app.extensionManager?.workflow")
        yield page
        browser.close()


def test_run_shows_the_pictures(page: Page, demo_workflow: Workflow):
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.evaluate("workflow => app.loadGraphData(workflow)", json.loads(EXAMPLE.read_text()))
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    assert written_out(prompt) == written_out(demo_workflow), "not the workflow of make demo"

    page.get_by_test_id("queue-button").click()
    makers = ["DiffEditMask", "LoadImage", "MaskPreview", "SaveImage"]
    page.wait_for_function(ALL_PICTURES_SHOWN, arg=makers)

    SCREENSHOT.parent.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOT)
    assert errors == []


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
