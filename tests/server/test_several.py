"""Two edits of one picture in one pass, through the API of a real ComfyUI."""

import copy

import numpy as np
import pytest

from benchmarks import checker
from tools.comfy_server import PACK, ComfyServer, Workflow, WorkflowError

STEPS = 10
TEXTS = {
    "source_prompt": "a blue bowl of apples and a red cup on a wooden table",
    "target_prompt": "a blue bowl of pears and a red cup on a wooden table",
    "second_target": "a blue bowl of apples and a red vase on a wooden table",
}


@pytest.fixture
def several(comfy: ComfyServer, demo_workflow: Workflow) -> Workflow:
    """The demo's workflow on a picture of two things, with an edit of each, in few steps."""
    workflow = demo_workflow
    comfy.upload(PACK / "web" / "pictures" / "two_things.png")
    workflow["source"]["inputs"]["image"] = "two_things.png"
    workflow["second_target"] = copy.deepcopy(workflow["target_prompt"])
    for name, text in TEXTS.items():
        workflow[name]["inputs"]["text"] = text
    workflow["second_mask"] = copy.deepcopy(workflow["find_mask"])
    workflow["second_mask"]["inputs"]["target"] = ["second_target", 0]
    workflow["join"] = {
        "class_type": "DiffEditJoinEdits",
        "inputs": {
            "mask_a": ["find_mask", 0],
            "target_a": ["target_prompt", 0],
            "heat_map_a": ["find_mask", 1],
            "mask_b": ["second_mask", 0],
            "target_b": ["second_target", 0],
            "heat_map_b": ["second_mask", 1],
        },
    }
    workflow["invert"]["inputs"] |= {"steps": STEPS, "strength": 0.8, "iterations": 1}
    workflow["sample"]["inputs"] |= {"positive": ["join", 1], "mask": ["join", 0]}
    workflow["paste"]["inputs"]["mask"] = ["join", 0]
    del workflow["refine_mask"]
    workflow["mask"]["inputs"]["mask"] = ["find_mask", 0]
    workflow["other_mask"] = {"class_type": "MaskPreview", "inputs": {"mask": ["second_mask", 0]}}
    return workflow


def test_both_things_change_in_one_pass(comfy: ComfyServer, several: Workflow):
    outputs = comfy.run(several)
    edit, *masks = (
        np.asarray(comfy.images(outputs, node)[0].convert("RGB"))
        for node in ("edit", "mask", "other_mask")
    )
    judge = checker.load()
    fruit, vase = (checker.recognise(judge, edit, mask[..., 0] > 127) for mask in masks)
    assert fruit.fruit == "pears"
    assert (vase.kind, vase.colour) == ("vase", "red")
    assert outputs["invert"]["evaluations"] == [round(0.8 * STEPS)]


def test_another_wish_for_one_thing_repeats_neither_the_inversion_nor_the_other_mask(
    comfy: ComfyServer, several: Workflow
):
    several["find_mask"]["inputs"]["draws"] = several["second_mask"]["inputs"]["draws"] = 2
    several["invert"]["inputs"]["steps"] = 4
    ran: set[str] = set()
    comfy.run(several, lambda node, done, total: ran.add(node))
    assert {"invert", "find_mask"} <= ran
    ran.clear()
    several["second_target"]["inputs"]["text"] = TEXTS["source_prompt"].replace("red", "green")
    comfy.run(several, lambda node, done, total: ran.add(node))
    assert {"second_mask", "join", "sample"} <= ran
    assert not {"invert", "find_mask"} & ran


def test_an_edit_without_its_target(comfy: ComfyServer, several: Workflow):
    del several["join"]["inputs"]["target_b"]
    del several["mask"], several["other_mask"]  # which ComfyUI would show all the same
    with pytest.raises(WorkflowError, match="target_b"):
        comfy.run(several)


def test_masks_of_two_pictures(comfy: ComfyServer, several: Workflow):
    inputs = {"value": 1.0, "width": 64, "height": 48}
    several["solid"] = {"class_type": "SolidMask", "inputs": inputs}
    several["join"]["inputs"]["mask_b"] = ["solid", 0]
    several["find_mask"]["inputs"]["draws"] = several["second_mask"]["inputs"]["draws"] = 2
    with pytest.raises(WorkflowError, match=r"^mask_b: it is 64×48 pixels [^\n]*\.$"):
        comfy.run(several)
