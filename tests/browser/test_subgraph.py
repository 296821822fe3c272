"""The subgraph blueprint: the editor offers it, and it makes what the DiffEdit node makes."""

import json

import numpy as np
import requests
from playwright.sync_api import Page

from tests.browser.editor import nodes_of, workflow_in
from tools.comfy_server import PACK, PACK_FOLDER, ComfyServer, Workflow

BLUEPRINT = PACK / "subgraphs" / "DiffEdit stages.json"

STAGES = ["CLIPTextEncode"] * 3 + ["DDIMInvert", "DiffEditMask", "MaskRefine", "MaskedDDIMSample"]
STAGES += ["VAEDecode", "VAEEncode", "DiffEditPaste"]

LINKED = ["model", "clip", "vae", "image"]
WIDGETS = ["source", "target", "seed", "steps", "strength", "cfg", "grow"]

IS_COMPLETE = """([inputs, widgets, outputs]) => app.graph.nodes.some(node => node.subgraph
    && node.inputs.length === inputs && node.widgets.length === widgets
    && node.outputs.length === outputs)"""

THE_NODE = """() => {
    const [node] = app.graph.nodes;
    return [node.inputs, node.widgets, node.outputs].map(all => all.map(one => one.name))
        .concat([node.subgraph.nodes.map(stage => stage.type)]);
}"""

VALUES = """names => names.map(
    name => app.graph.nodes[0].widgets.find(widget => widget.name === name).value)"""

ADD_NODE = "() => { app.graph.add(LiteGraph.createNode('DiffEdit')); }"

# Around the one node that is there, with everything but its own settings.
CONNECT = """() => {
    const [edit] = app.graph.nodes;
    const [image, model, save] = ["LoadImage", "DiffEditDemoModel", "SaveImage"].map(type => {
        const node = LiteGraph.createNode(type);
        app.graph.add(node);
        return node;
    });
    const set = (node, name, value) => {
        node.widgets.find(widget => widget.name === name).value = value;
    };
    set(image, "image", "source.png");
    set(edit, "source", "a blue bowl of oranges on a wooden table");
    set(edit, "target", "a blue bowl of apples on a wooden table");
    set(edit, "seed", 7);
    set(edit, "steps", 5);
    set(edit, "strength", 0.6);
    set(edit, "cfg", 5);
    set(edit, "grow", 3);
    for (const [output, name] of ["model", "clip", "vae"].entries())
        model.connect(output, edit, name);
    image.connect(0, edit, "image");
    edit.connect(0, save, 0);
}"""


def test_the_blueprint_is_the_node_opened_up(comfy: ComfyServer, page: Page):
    page.evaluate("() => app.graph.clear()")
    insert_blueprint(page)
    inputs, widgets, outputs, stages = page.evaluate(THE_NODE)
    assert inputs == LINKED + WIDGETS
    assert widgets == WIDGETS
    assert outputs == ["image", "mask", "heat_map"]
    assert sorted(stages) == sorted(STAGES)
    of_blueprint = page.evaluate(VALUES, WIDGETS)
    blueprint = connected(page)
    assert len(blueprint) == len(STAGES) + 3

    page.evaluate("() => app.graph.clear()")
    page.evaluate(ADD_NODE)
    assert page.evaluate(VALUES, WIDGETS) == of_blueprint
    node = connected(page)
    assert len(node) == 1 + 3
    assert np.array_equal(picture(comfy, blueprint), picture(comfy, node))


def test_the_server_lists_the_blueprint_as_ours(comfy: ComfyServer):
    listed = requests.get(f"{comfy.url}/global_subgraphs").json().values()
    ours = [entry for entry in listed if entry["info"]["node_pack"].endswith(f".{PACK_FOLDER}")]
    assert [entry["name"] for entry in ours] == ["DiffEdit stages"]


def insert_blueprint(page: Page) -> None:
    """Insert it as a user does, from the search box, where its description tells it apart."""
    blueprint = json.loads(BLUEPRINT.read_text())
    (subgraph,), (node,) = blueprint["definitions"]["subgraphs"], blueprint["nodes"]
    page.evaluate("() => app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    search = page.get_by_role("search")
    search.get_by_role("combobox").fill(subgraph["name"])
    search.get_by_role("option").filter(has_text=subgraph["description"]).click()
    widgets = [one for one in node["inputs"] if "widget" in one]
    counts = [len(node["inputs"]), len(widgets), len(node["outputs"])]
    page.wait_for_function(IS_COMPLETE, arg=counts)


def connected(page: Page) -> Workflow:
    """The workflow of the node on the canvas, with a picture, a model and settings of its own."""
    page.evaluate(CONNECT)
    return workflow_in(page)


def picture(comfy: ComfyServer, workflow: Workflow) -> np.ndarray:
    (saved,) = nodes_of(workflow, "SaveImage")
    return np.asarray(comfy.images(comfy.run(workflow), saved)[0])
