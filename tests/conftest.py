"""What the server tests and the browser test share: one running ComfyUI and the demo's workflow."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from demo import run
from tests import narrow_qwen
from tests.other_pack import other_pack
from tests.soak import odd_nodes
from tools.comfy_server import PACK, ComfyServer, Workflow

torch.set_num_threads(1)  # everything here is small: threads would only wait for each other


@pytest.fixture(scope="session")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyServer]:
    """A ComfyUI with this pack, for the whole session, that has the demo's picture."""
    arguments = other_pack(tmp_path_factory.mktemp("packs"), narrow_qwen.CODE + odd_nodes.CODE)
    with ComfyServer(arguments=arguments) as server:
        server.upload(PACK / "web" / "pictures" / "source.png")
        yield server


@pytest.fixture(scope="session")
def language_models(comfy: ComfyServer) -> Path:
    """The server's models/LLM, with small models under the names of the real ones."""
    from tests.language_models import save_blip, save_t5  # transformers takes its time to import

    folder = comfy.base / "models" / "LLM"
    save_t5(folder / "flan-t5-base")
    save_blip(folder / "blip-image-captioning-large")
    return folder


@pytest.fixture(scope="session")
def text_generator(comfy: ComfyServer) -> None:
    """The text encoder of the server that Generate Text writes with, a small one."""
    narrow_qwen.save_narrow_qwen(comfy.base / "models" / "text_encoders")


@pytest.fixture
def demo_workflow() -> Workflow:
    return run.demo_workflow()


@pytest.fixture
def workflow(demo_workflow: Workflow) -> Workflow:
    """The demo's workflow with few steps and draws, for the test to change as it likes. Its edit
    is saved as it is decoded, not pasted: what the stages have made of every pixel.
    """
    del demo_workflow["paste"]
    demo_workflow["edit"]["inputs"]["images"] = ["decode", 0]
    demo_workflow["find_mask"]["inputs"]["draws"] = 2
    demo_workflow["invert"]["inputs"] |= {"steps": 4, "iterations": 1}
    return demo_workflow
