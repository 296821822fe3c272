"""What the registry ships is the whole pack to ComfyUI, and no more."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tools.comfy_server import PACK, PACK_FOLDER, ComfyServer, Workflow


@pytest.fixture(scope="module")
def shipped_comfy(shipped: Path) -> Iterator[ComfyServer]:
    """A ComfyUI with the pack as it is shipped, that has the demo's picture."""
    with ComfyServer(pack=shipped) as server:
        server.upload(shipped / "web" / "pictures" / "source.png")
        yield server


def test_no_tests_and_tools(shipped: Path):
    left_out = {"batch", "tests", "benchmarks", "lab", "tools"}
    assert left_out <= {path.name for path in PACK.iterdir()}
    assert not left_out & {path.name for path in shipped.iterdir()}


def test_all_nodes_and_templates(shipped_comfy: ComfyServer):
    assert shipped_comfy.node_ids() == {path.stem for path in PACK.glob("web/docs/*.md")}
    listed = requests.get(f"{shipped_comfy.url}/workflow_templates").json()[PACK_FOLDER]
    assert set(listed) == {path.stem for path in PACK.glob("example_workflows/*.json")}


def test_the_demo_runs(shipped_comfy: ComfyServer, workflow: Workflow):
    outputs = shipped_comfy.run(workflow)
    (edit,) = shipped_comfy.images(outputs, "edit")
    assert edit.size == (192, 192)


def test_the_editor_finds_everything(shipped: Path):
    ours, theirs = (
        {path.relative_to(pack) for path in pack.glob("web/**/*")} for pack in (PACK, shipped)
    )
    assert ours == theirs
