"""What the server tests and the browser test share: one running ComfyUI and the demo's workflow."""

import json
from collections.abc import Iterator

import pytest
import torch

from demo.comfy_server import PACK, ComfyServer, Workflow

torch.set_num_threads(1)  # everything here is small: threads would only wait for each other


@pytest.fixture(scope="session")
def comfy() -> Iterator[ComfyServer]:
    """A ComfyUI with this pack, for the whole session, that has the demo's picture."""
    with ComfyServer() as server:
        server.upload(PACK / "demo" / "source.png")
        yield server


@pytest.fixture
def demo_workflow() -> Workflow:
    return json.loads((PACK / "demo" / "workflow_api.json").read_text())


@pytest.fixture
def workflow(demo_workflow: Workflow) -> Workflow:
    """The demo's workflow with few steps and draws, for the test to change as it likes."""
    demo_workflow["find_mask"]["inputs"]["draws"] = 2
    demo_workflow["invert"]["inputs"] |= {"steps": 4, "iterations": 1}
    return demo_workflow
