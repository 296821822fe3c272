"""The subgraph blueprint: the editor offers it, and it makes what the DiffEdit node makes."""

import numpy as np
import requests
from playwright.sync_api import Page

from demo.comfy_server import PACK_FOLDER, ComfyServer, Workflow

STAGES = ["CLIPTextEncode"] * 3 + ["DDIMInvert", "DiffEditMask", "MaskRefine", "MaskedDDIMSample"]
STAGES += ["VAEDecode", "VAEEncode"]

INPUTS = ["model", "clip", "vae", "image", "source", "target"]
INPUTS += ["seed", "steps", "strength", "cfg", "grow"]

STAGES_OF_THE_NODE = """() => {
    const [node] = app.graph.nodes;
    return [node.inputs.map(input => input.name), node.outputs.map(output => output.name),
        node.subgraph.nodes.map(stage => stage.type)];
}"""

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
    inputs, outputs, stages = page.evaluate(STAGES_OF_THE_NODE)
    assert inputs == INPUTS
    assert outputs == ["image", "mask", "heat_map"]
    assert sorted(stages) == sorted(STAGES)
    blueprint = connected(page)
    assert len(blueprint) == len(STAGES) + 3

    page.evaluate("() => app.graph.clear()")
    page.evaluate(ADD_NODE)
    node = connected(page)
    assert len(node) == 1 + 3
    assert np.array_equal(picture(comfy, blueprint), picture(comfy, node))


def test_the_server_lists_the_blueprint_as_ours(comfy: ComfyServer):
    listed = requests.get(f"{comfy.url}/global_subgraphs").json().values()
    ours = [entry for entry in listed if entry["info"]["node_pack"].endswith(f".{PACK_FOLDER}")]
    assert [entry["name"] for entry in ours] == ["DiffEdit"]


def insert_blueprint(page: Page) -> None:
    """Insert it as a user does, from the search box."""
    page.evaluate("() => app.extensionManager.command.execute('Workspace.SearchBox.Toggle')")
    page.get_by_placeholder("Add a node").fill("DiffEdit")
    page.get_by_text("made of the DiffEdit stage nodes").click()
    page.wait_for_function("app.graph.nodes.some(node => node.subgraph)")


def connected(page: Page) -> Workflow:
    """The workflow of the node on the canvas, with a picture, a model and settings of its own."""
    page.evaluate(CONNECT)
    return page.evaluate("async () => (await app.graphToPrompt()).output")


def picture(comfy: ComfyServer, workflow: Workflow) -> np.ndarray:
    (saved,) = [name for name, node in workflow.items() if node["class_type"] == "SaveImage"]
    return np.asarray(comfy.images(comfy.run(workflow), saved)[0])
