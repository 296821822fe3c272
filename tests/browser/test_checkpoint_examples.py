"""The examples for checkpoints that are downloaded: their loaders are as the server wants them, the
editor can offer the downloads, and the rest runs, here with the demo model in their place.
"""

import json
from pathlib import Path
from urllib.parse import urlparse

import pytest
import requests
from playwright.sync_api import Page

from tests.browser.editor import load, nodes_of, workflow_in
from tools.comfy_server import PACK, ComfyServer

EXAMPLES = sorted((PACK / "example_workflows").glob("* with *.json"))

FEW = {"steps": 4, "denoise": 0.3}
"""What the test puts into inputs of these names; of all noise the demo model makes no edit."""

OUTPUTS = {"MODEL": 0, "CLIP": 1, "VAE": 2}
"""Of DiffEdit Demo Model."""


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_for_a_checkpoint(comfy: ComfyServer, page: Page, example: Path):
    graph = json.loads(example.read_text())
    loaders = {
        str(node["id"]): node["properties"]["models"]
        for node in graph["nodes"]
        if "models" in node["properties"]
    }
    assert loaders
    load(page, graph)
    workflow = workflow_in(page)
    known = requests.get(f"{comfy.url}/object_info").json()
    workflow["demo"] = {"class_type": "DiffEditDemoModel", "inputs": {}}
    for node_id, models in loaders.items():
        node = workflow[node_id]
        required = known[node["class_type"]]["input"]["required"]
        assert node["inputs"].keys() >= required.keys()
        for model in models:
            assert model["name"] in node["inputs"].values()
            assert requests.get(f"{comfy.url}/models/{model['directory']}").ok
            address = urlparse(model["url"])
            assert (address.scheme, address.netloc) == ("https", "huggingface.co")
            assert address.path.endswith("/" + model["name"]) and not address.query
        for other in workflow.values():
            for name, value in other["inputs"].items():
                if isinstance(value, list) and value[0] == node_id:
                    kind = known[node["class_type"]]["output"][value[1]]
                    other["inputs"][name] = ["demo", OUTPUTS[kind]]
    for node_id in loaders:
        del workflow[node_id]

    for node in workflow.values():
        node["inputs"] |= {name: few for name, few in FEW.items() if name in node["inputs"]}
    (saved,) = nodes_of(workflow, "SaveImage")
    (picture,) = comfy.images(comfy.run(workflow), saved)
    assert picture.size == (1536, 1536)
