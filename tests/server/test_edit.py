"""Whole edits through the API of a real ComfyUI, and the demo model with stock nodes."""

import json
import re

import numpy as np
import pytest
import requests
from PIL import Image

from tools.comfy_server import PACK, PACK_FOLDER, ComfyServer, Workflow, WorkflowError

HELP_PAGES = sorted(page.stem for page in (PACK / "web" / "docs").glob("*.md"))


def picture(comfy: ComfyServer, workflow: Workflow, node: str = "edit") -> np.ndarray:
    """Run the workflow; returns the first picture of a node, uint8."""
    return np.asarray(comfy.images(comfy.run(workflow), node)[0])


def add_plain_round_trip(workflow: Workflow) -> None:
    """Add a node "plain" that shows the source after the autoencoder alone, without an edit."""
    workflow["plain_decode"] = {
        "class_type": "VAEDecode",
        "inputs": {"samples": ["encode", 0], "vae": ["model", 2]},
    }
    workflow["plain"] = {
        "class_type": "PreviewImage",
        "inputs": {"images": ["plain_decode", 0]},
    }


def use_solid_mask(workflow: Workflow, value: float, width: int = 192, height: int = 192) -> None:
    """Give MaskedDDIMSample a mask of one value in place of the refined one."""
    inputs = {"value": value, "width": width, "height": height}
    workflow["solid"] = {"class_type": "SolidMask", "inputs": inputs}
    workflow["sample"]["inputs"]["mask"] = ["solid", 0]


def test_every_node_has_a_help_page(comfy: ComfyServer):
    assert comfy.node_ids() == set(HELP_PAGES)


@pytest.mark.parametrize("node_id", HELP_PAGES)
def test_the_help_page_tells_every_input(comfy: ComfyServer, node_id: str):
    node = requests.get(f"{comfy.url}/object_info/{node_id}").json()[node_id]
    assert node["category"] == "DiffEdit"
    assert node["description"]
    inputs = node["input"].get("required", {}) | node["input"].get("optional", {})
    without_tooltip = [name for name, (_, *options) in inputs.items() if not options[0]["tooltip"]]
    assert not without_tooltip
    help_page = requests.get(f"{comfy.url}/extensions/{PACK_FOLDER}/docs/{node_id}.md")
    assert help_page.ok
    assert [name for name in inputs if f"`{name}`" not in help_page.text] == []
    for picture in re.findall(r"!\[.+?\]\((.+?)\)", help_page.text):
        answer = requests.get(f"{comfy.url}/extensions/{PACK_FOLDER}/docs/{picture}")
        assert answer.headers["Content-Type"] == "image/jpeg"


def test_example_workflows_are_among_the_templates(comfy: ComfyServer):
    templates = requests.get(f"{comfy.url}/workflow_templates").json()[PACK_FOLDER]
    examples = (PACK / "example_workflows").glob("*.json")
    assert sorted(templates) == sorted(example.stem for example in examples)
    for name in templates:
        thumbnail = requests.get(f"{comfy.url}/api/workflow_templates/{PACK_FOLDER}/{name}.jpg")
        assert thumbnail.headers["Content-Type"] == "image/jpeg"


def test_the_editor_gets_the_texts_of_every_language(comfy: ComfyServer):
    texts = requests.get(f"{comfy.url}/i18n").json()
    for file in (PACK / "locales").glob("*/nodeDefs.json"):
        assert texts[file.parent.name]["nodeDefs"] == json.loads(file.read_text("utf-8"))


def test_whole_edit_with_its_defaults(comfy: ComfyServer, demo_workflow: Workflow):
    steps_seen: dict[str, list[int]] = {}

    def note(node: str, done: int, total: int) -> None:
        steps_seen.setdefault(node, []).append(done)

    add_plain_round_trip(demo_workflow)
    outputs = comfy.run(demo_workflow, note)
    edit, plain, mask = (
        np.asarray(comfy.images(outputs, node)[0].convert("RGB")).astype(float)
        for node in ("edit", "plain", "mask")
    )
    assert edit.shape == plain.shape == mask.shape
    changes = np.abs(edit - plain).mean(axis=2)
    inside = mask[..., 0] > 127
    assert 0.02 < inside.mean() < 0.6
    assert changes[inside].mean() > 3 * changes[~inside].mean()
    for node in ("find_mask", "invert", "sample"):
        assert max(steps_seen[node]) > 0, f"{node} showed no progress"


def test_same_seed_same_edit_on_a_fresh_run(comfy: ComfyServer, workflow: Workflow):
    first = picture(comfy, workflow, "edit")
    requests.post(f"{comfy.url}/free", json={"unload_models": True, "free_memory": True})
    assert np.array_equal(first, picture(comfy, workflow, "edit"))


def test_empty_mask_returns_the_source_itself(comfy: ComfyServer, workflow: Workflow):
    use_solid_mask(workflow, 0.0)
    add_plain_round_trip(workflow)
    outputs = comfy.run(workflow)
    edit, plain = (np.asarray(comfy.images(outputs, node)[0]) for node in ("edit", "plain"))
    assert np.array_equal(edit, plain)


def test_full_mask_edits_everywhere(comfy: ComfyServer, workflow: Workflow):
    use_solid_mask(workflow, 1.0)
    add_plain_round_trip(workflow)
    outputs = comfy.run(workflow)
    edit, plain = (np.asarray(comfy.images(outputs, node)[0]) for node in ("edit", "plain"))
    corners = [np.s_[:32, :32], np.s_[:32, -32:], np.s_[-32:, :32], np.s_[-32:, -32:]]
    assert all(not np.array_equal(edit[corner], plain[corner]) for corner in corners)


def test_mask_of_another_size_is_resized(comfy: ComfyServer, workflow: Workflow):
    use_solid_mask(workflow, 1.0, width=40, height=56)
    small = picture(comfy, workflow)
    use_solid_mask(workflow, 1.0)
    assert np.array_equal(small, picture(comfy, workflow))


def test_equal_prompts_give_an_empty_mask(comfy: ComfyServer, workflow: Workflow):
    workflow["find_mask"]["inputs"]["target"] = ["source_prompt", 0]
    add_plain_round_trip(workflow)
    outputs = comfy.run(workflow)
    mask, edit, plain = (
        np.asarray(comfy.images(outputs, node)[0]) for node in ("mask", "edit", "plain")
    )
    assert not mask[..., :3].any()
    assert np.array_equal(edit, plain)


def test_one_step_and_full_strength(comfy: ComfyServer, workflow: Workflow):
    workflow["invert"]["inputs"] |= {"steps": 1, "strength": 1.0}
    workflow["find_mask"]["inputs"]["strength"] = 1.0
    assert picture(comfy, workflow).std() > 0


def test_picture_whose_sides_are_no_multiples_of_8(
    comfy: ComfyServer, workflow: Workflow, tmp_path
):
    odd = tmp_path / "odd.png"
    Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB").crop((0, 0, 187, 149)).save(
        odd
    )
    comfy.upload(odd)
    workflow["source"]["inputs"]["image"] = odd.name
    add_plain_round_trip(workflow)
    outputs = comfy.run(workflow)
    sizes = [comfy.images(outputs, node)[0].size for node in ("edit", "plain", "mask")]
    # ComfyUI's VAEEncode crops to the size that its latent stands for.
    assert sizes == [(184, 144)] * 3


def test_batch_of_two_pictures(comfy: ComfyServer, workflow: Workflow):
    workflow["two"] = {
        "class_type": "RepeatImageBatch",
        "inputs": {"image": ["source", 0], "amount": 2},
    }
    alone = picture(comfy, workflow)
    workflow["encode"]["inputs"]["pixels"] = ["two", 0]
    first, second = comfy.images(comfy.run(workflow), "edit")
    assert first.size == second.size
    # Up to the rounding of larger matrix products.
    assert np.abs(np.asarray(first).astype(int) - alone).mean() < 1


def test_interrupt_stops_at_once(comfy: ComfyServer, workflow: Workflow):
    workflow["invert"]["inputs"] |= {"steps": 1000, "strength": 1.0}
    steps_seen = []

    def interrupt_at_first_step(node: str, done: int, total: int) -> None:
        if node == "invert" and done > 0:
            if not steps_seen:
                comfy.interrupt()
            steps_seen.append(done)

    with pytest.raises(WorkflowError, match="interrupted"):
        comfy.run(workflow, interrupt_at_first_step)
    # It takes one step; the request itself takes as long as a few of the demo model's.
    assert steps_seen[-1] < 50


def sampled_from_noise(model: list, steps: int = 2) -> Workflow:
    """A stock KSampler workflow on the demo model, without any of the pack's other nodes."""
    return {
        "model": {"class_type": "DiffEditDemoModel", "inputs": {}},
        "text": {
            "class_type": "CLIPTextEncode",
            "inputs": {"clip": ["model", 1], "text": "a red ball on a wooden table"},
        },
        "empty": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": 192, "height": 192, "batch_size": 1},
        },
        "sample": {
            "class_type": "KSampler",
            "inputs": {
                "model": model,
                "positive": ["text", 0],
                "negative": ["text", 0],
                "latent_image": ["empty", 0],
                "seed": 1,
                "steps": steps,
                "cfg": 1.0,
                "sampler_name": "ddim",
                "scheduler": "ddim_uniform",
                "denoise": 1.0,
            },
        },
        "decode": {
            "class_type": "VAEDecode",
            "inputs": {"samples": ["sample", 0], "vae": ["model", 2]},
        },
        "edit": {"class_type": "PreviewImage", "inputs": {"images": ["decode", 0]}},
    }


def test_stock_sampler_and_lora_loader_take_the_demo_model(comfy: ComfyServer, lora: str):
    """A LoRA on one attention layer must change what KSampler draws."""
    plain = picture(comfy, sampled_from_noise(["model", 0]))
    with_lora = sampled_from_noise(["lora", 0])
    with_lora["lora"] = {
        "class_type": "LoraLoaderModelOnly",
        "inputs": {"model": ["model", 0], "lora_name": lora, "strength_model": 1.0},
    }
    assert plain.std() > 0
    assert not np.array_equal(plain, picture(comfy, with_lora))
