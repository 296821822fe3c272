"""What nodes say of a run stays on them: after the run, undo, and another workflow in between."""

import json
from collections.abc import Callable

from playwright.sync_api import Page

from tests.browser.editor import (
    BOTH_RENDERERS,
    NOTICE_CHANGES,
    TRACKER,
    load,
    run,
    set_widget,
)
from tools.comfy_server import PACK, ComfyServer

STAGES = PACK / "example_workflows" / "DiffEdit.json"
ONE_NODE = PACK / "example_workflows" / "DiffEdit one node.json"

SAYS = """([type, text, count]) => {
    const node = app.graph.nodes.find(node => node.type === type);
    const element = node?.widgets.find(widget => widget.name === "said")?.element;
    const seen = [...document.querySelectorAll(".diffedit-text")];
    return seen.includes(element) && seen.length === count && element.textContent.match(text);
}"""


@BOTH_RENDERERS
def test_what_nodes_say_stays(
    comfy: ComfyServer, open_editor: Callable[..., Page], vue_nodes: bool
):
    page = open_editor(vue_nodes)

    def wait_for(node_type: str, text: str, count: int) -> None:
        """Until a node says so, and `count` nodes in all say something."""
        page.wait_for_function(SAYS, arg=[node_type, text, count])

    load(page, json.loads(STAGES.read_text()))
    set_widget(page, "DDIMInvert", "steps", 4)
    run(comfy, page)
    wait_for("DiffEditMask", "^6 draws", 2)
    wait_for("DDIMInvert", "^3 steps, 3 model evaluations", 2)

    set_widget(page, "DDIMInvert", "steps", 5)
    page.evaluate(NOTICE_CHANGES)
    page.evaluate(f"{TRACKER}.undo()")
    wait_for("DiffEditMask", "^6 draws", 2)
    wait_for("DDIMInvert", "^3 steps", 2)

    load(page, json.loads(ONE_NODE.read_text()))
    set_widget(page, "DiffEdit", "steps", 6)
    run(comfy, page)
    wait_for("DiffEdit", "^6 draws.*\n6 steps.*$", 1)

    page.get_by_test_id("topbar-workflow-tabs").get_by_text("Unsaved Workflow (2)").click()
    wait_for("DiffEditMask", "^6 draws", 2)
    wait_for("DDIMInvert", "^3 steps", 2)

    # What its last stage has not said is not forgotten.
    page.get_by_test_id("topbar-workflow-tabs").get_by_text("Unsaved Workflow (3)").click()
    wait_for("DiffEdit", "^6 draws.*\n6 steps.*$", 1)
