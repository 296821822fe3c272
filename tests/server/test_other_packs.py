"""Another pack that has a node of the same id as one of ours, on a real server."""

from pathlib import Path

import pytest

from tests.one_sentence import complaint
from tests.other_pack import other_pack
from tools.comfy_server import PACK, ComfyServer, Workflow

OTHER_PACK = """
class MaskRefine:
    RETURN_TYPES = ("MASK",)
    FUNCTION = "refine"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"mask": ("MASK",)}}

    def refine(self, mask):
        return (1 - mask,)

NODE_CLASS_MAPPINGS = {"MaskRefine": MaskRefine}
"""


@pytest.fixture
def arguments(tmp_path: Path, other_comes_last: bool) -> list[str]:
    """Of a ComfyUI that loads the other pack too, before ours or after it."""
    return other_pack(tmp_path, OTHER_PACK, other_comes_last)


@pytest.fixture
def one_node(workflow: Workflow) -> Workflow:
    """DiffEdit on the demo's picture, with few steps."""
    prompts = {name: workflow[f"{name}_prompt"]["inputs"]["text"] for name in ("source", "target")}
    links = {"model": ["model", 0], "clip": ["model", 1], "vae": ["model", 2]}
    widgets = {"seed": 0, "steps": 4, "strength": 0.8, "cfg": 7.5, "grow": 0}
    inputs = {**links, **prompts, **widgets, "image": ["source", 0]}
    return {
        "model": workflow["model"],
        "source": workflow["source"],
        "diffedit": {"class_type": "DiffEdit", "inputs": inputs},
        "edit": {"class_type": "PreviewImage", "inputs": {"images": ["diffedit", 0]}},
    }


@pytest.mark.parametrize("other_comes_last", [False, True])
def test_a_stage_that_another_pack_replaced(
    arguments: list[str], one_node: Workflow, other_comes_last: bool
):
    with ComfyServer(arguments=arguments) as comfy:
        comfy.upload(PACK / "web" / "pictures" / "source.png")
        if not other_comes_last:  # then the id is ours again
            assert comfy.images(comfy.run(one_node), "edit")
            return
        said = complaint(comfy, one_node)
        assert said.startswith("DiffEdit: DiffEdit: its stage MaskRefine has been replaced")
        assert "custom_nodes/TheOtherPack" in said
