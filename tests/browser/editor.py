"""What the tests do in the editor: open a workflow, set its widgets, run it.

Each waits for a condition.  The limits are long, because they only matter where a test fails
anyway, and a busy machine is slow.
"""

from typing import Any

import pytest
from playwright.sync_api import Error, Page

from tools.comfy_server import ComfyServer, ServerError, Workflow

PATIENCE_MS = 600_000

# The editor calls itself `app` before it has opened its first workflow, and without a client id the
# server would not tell it what the nodes show.
READY = """window.app?.extensionManager?.spinner === false && app.api.clientId
    && app.extensionManager.workflow.activeWorkflow"""

BOTH_RENDERERS = pytest.mark.parametrize("vue_nodes", [False, True], ids=["canvas", "vue"])

TRACKER = "app.extensionManager.workflow.activeWorkflow.changeTracker"
NOTICE_CHANGES = f"{TRACKER}.captureCanvasState()"  # nothing where the editor has done it already

LAID_OUT = "app.graph.nodes.every(node => node.boundingRect[2] > 0)"

# What is due in the next frame has happened after two.
NEXT_FRAME = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

RECORD = """async id => {
    for (;;) {
        const record = (await (await fetch(`/history/${id}`)).json())[id];
        if (record) return record; // the server writes it when the run has ended
        await new Promise(askAgain => setTimeout(askAgain, 250));
    }
}"""

SET_WIDGET = """([type, name, value]) => {
    const widget = app.graph.nodes.find(node => node.type === type)
        .widgets.find(widget => widget.name === name);
    widget.value = value;
    widget.callback?.(value);
}"""


def load(page: Page, graph: dict[str, Any]) -> None:
    """Open a workflow in the editor's own format."""
    page.evaluate("graph => app.loadGraphData(graph)", graph)
    page.wait_for_function(LAID_OUT)
    next_frame(page)  # in which the editor may move the view


def next_frame(page: Page) -> None:
    """Wait until the page has drawn what has changed."""
    page.evaluate(NEXT_FRAME)


def set_widget(page: Page, node_type: str, name: str, value: Any) -> None:
    """Set a widget of the first node of a type."""
    page.evaluate(SET_WIDGET, [node_type, name, value])


def workflow_in(page: Page) -> Workflow:
    """What is on the canvas, as it would be queued."""
    return page.evaluate("async () => (await app.graphToPrompt()).output")


def nodes_of(workflow: Workflow, class_type: str) -> list[str]:
    """The ids of the nodes of a type."""
    return [node_id for node_id, node in workflow.items() if node["class_type"] == class_type]


def load_own_picture(workflow: Workflow, name: str) -> None:
    """Put Load Image, with one of the server's inputs, in the place of the demo's picture."""
    for node_id in nodes_of(workflow, "DiffEditDemoPicture") + nodes_of(workflow, "LoadImage"):
        workflow[node_id] |= {"class_type": "LoadImage", "inputs": {"image": name}}


def run(comfy: ComfyServer, page: Page) -> dict[str, Any]:
    """Press Run and wait for the end; returns the server's record of the run.

    There is no limit: a run ends, or the server stops, which raises ServerError.  What the nodes
    show arrives in the editor by another way, so that it may still be to come.
    """
    with page.expect_response(
        lambda answer: answer.request.method == "POST" and answer.url.endswith("/prompt")
    ) as queued:
        page.get_by_test_id("queue-button").click()
    answer = queued.value
    assert answer.ok, answer.text()
    prompt_id = answer.json()["prompt_id"]
    try:
        record = page.evaluate(RECORD, prompt_id)
    except Error as error:
        raise ServerError(f"ComfyUI did not answer.\n{comfy.log_tail()}") from error
    assert record["status"]["status_str"] == "success", record["status"]["messages"]
    return record
