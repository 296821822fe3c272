"""What a user reads after a mistake: one sentence that names the input; the next run works."""

import copy
import math
import shutil
from typing import Any

import pytest
import requests
import torch
from safetensors.torch import save_file

from tests.one_sentence import complaint
from tools.comfy_server import PACK, ComfyServer, Workflow, WorkflowError

MASK_BRANCH = (
    *("source", "model", "source_prompt", "target_prompt", "encode"),
    *("find_mask", "refine_mask", "mask"),
)


@pytest.fixture(autouse=True)
def next_run_works(comfy: ComfyServer, workflow: Workflow):
    """After each mistake the same server still finds a mask."""
    mask_alone = copy.deepcopy({name: workflow[name] for name in MASK_BRANCH})
    yield
    assert comfy.images(comfy.run(mask_alone), "mask")


@pytest.fixture
def nan_latent(comfy: ComfyServer, workflow: Workflow, tmp_path) -> list:
    """Adds a node with a LATENT full of NaN to the workflow; returns the link to it."""
    tensors = {
        "latent_tensor": torch.full((1, 4, 24, 24), torch.nan),
        "latent_format_version_0": torch.tensor([]),
    }
    save_file(tensors, tmp_path / "nan.latent")
    comfy.upload(tmp_path / "nan.latent")
    workflow["nan"] = {"class_type": "LoadLatent", "inputs": {"latent": "nan.latent"}}
    return ["nan", 0]


def repeat_source(workflow: Workflow, name: str, amount: int) -> list:
    """Adds the demo's picture `amount` times as one batch; returns the link to it."""
    inputs = {"image": ["source", 0], "amount": amount}
    workflow[name] = {"class_type": "RepeatImageBatch", "inputs": inputs}
    return [name, 0]


def test_mask_batch_differs_from_latent_batch(comfy: ComfyServer, workflow: Workflow):
    workflow["encode"]["inputs"]["pixels"] = repeat_source(workflow, "three", 3)
    workflow["two_masks"] = {
        "class_type": "ImageToMask",
        "inputs": {"image": repeat_source(workflow, "two", 2), "channel": "red"},
    }
    workflow["sample"]["inputs"]["mask"] = ["two_masks", 0]
    said = complaint(comfy, workflow)
    assert said.startswith("MaskedDDIMSample: ")
    assert "mask" in said and "2" in said and "3" in said


def test_latent_without_trajectory(comfy: ComfyServer, workflow: Workflow):
    workflow["sample"]["inputs"]["latent"] = ["encode", 0]
    said = complaint(comfy, workflow)
    assert said.startswith("MaskedDDIMSample: ")
    assert "latent" in said and "DDIM" in said


def test_latent_resized_after_inversion(comfy: ComfyServer, workflow: Workflow):
    workflow["resize"] = {
        "class_type": "LatentUpscaleBy",
        "inputs": {"samples": ["invert", 0], "upscale_method": "bilinear", "scale_by": 2.0},
    }
    workflow["sample"]["inputs"]["latent"] = ["resize", 0]
    said = complaint(comfy, workflow)
    assert said.startswith("MaskedDDIMSample: ")
    assert "latent" in said


@pytest.mark.parametrize("node", ["find_mask", "invert"])
def test_nan_in_latent(comfy: ComfyServer, workflow: Workflow, nan_latent: list, node: str):
    workflow[node]["inputs"]["latent"] = nan_latent
    said = complaint(comfy, workflow)
    assert said.startswith(f"{workflow[node]['class_type']}: ")
    assert "latent" in said and "NaN" in said


@pytest.mark.parametrize("node", ["refine_mask", "sample"])
def test_nan_in_mask(comfy: ComfyServer, workflow: Workflow, nan_latent: list, node: str):
    workflow["nan_image"] = {
        "class_type": "VAEDecode",
        "inputs": {"samples": nan_latent, "vae": ["model", 2]},
    }
    workflow["nan_mask"] = {
        "class_type": "ImageToMask",
        "inputs": {"image": ["nan_image", 0], "channel": "red"},
    }
    workflow[node]["inputs"]["mask"] = ["nan_mask", 0]
    said = complaint(comfy, workflow)
    assert said.startswith(f"{workflow[node]['class_type']}: ")
    assert "mask" in said and "NaN" in said


@pytest.mark.parametrize("node", ["find_mask", "invert"])
def test_strength_zero(comfy: ComfyServer, workflow: Workflow, node: str):
    workflow[node]["inputs"]["strength"] = 0.0
    said = complaint(comfy, workflow)
    assert said.startswith(f"{workflow[node]['class_type']}: ")
    assert "strength" in said


@pytest.mark.parametrize("recipe", [None, "atuo", ["model", 0]])
def test_recipe_missing_or_misspelt(comfy: ComfyServer, workflow: Workflow, recipe: Any):
    """ComfyUI accepts a choice without a value, or with one that there is not."""
    workflow["find_mask"]["inputs"]["recipe"] = recipe
    if recipe is None:
        del workflow["find_mask"]["inputs"]["recipe"]
    said = complaint(comfy, workflow)
    assert said.startswith("DiffEditMask: recipe: ")
    assert all(name in said for name in ("auto", "paper", "diffusers", "blog", "manual"))


@pytest.mark.parametrize("name", ["spread", "clamp", "extremes", "stretch", "threshold"])
def test_input_of_a_recipe_missing(comfy: ComfyServer, workflow: Workflow, name: str):
    """ComfyUI refuses the workflow before anything runs."""
    inputs = workflow["find_mask"]["inputs"]
    inputs["recipe"] = "manual"
    knobs = {"spread": 0.2, "clamp": 0.0, "extremes": 0.5, "stretch": False, "threshold": 0.5}
    inputs |= {f"recipe.{knob}": value for knob, value in knobs.items() if knob != name}
    inputs.pop(f"recipe.{name}", None)
    answer = requests.post(f"{comfy.url}/prompt", json={"prompt": workflow})
    (reason,) = answer.json()["node_errors"]["find_mask"]["errors"]
    assert reason["message"] == "Required input is missing"
    assert reason["extra_info"]["input_name"] == f"recipe.{name}"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize(
    ("node", "name"),
    [("find_mask", "strength"), ("find_mask", "recipe.spread"), ("refine_mask", "blur")],
)
def test_number_that_is_none(
    comfy: ComfyServer, workflow: Workflow, node: str, name: str, value: float
):
    """ComfyUI lets NaN through every range, and refuses infinity."""
    workflow[node]["inputs"][name] = value
    if math.isnan(value):
        said = complaint(comfy, workflow)
        assert said.startswith(f"{workflow[node]['class_type']}: {name}: it is nan; give a number")
    else:
        with pytest.raises(WorkflowError, match="bigger than max"):
            comfy.run(workflow)


def load_model(name: str) -> Workflow:
    load = {"class_type": "DiffEditLanguageModelLoader", "inputs": {"model": name}}
    return {"load": load, "show": {"class_type": "PreviewAny", "inputs": {"source": ["load", 0]}}}


def test_text_that_no_log_can_print(comfy: ComfyServer):
    """ComfyUI's queue stops for good where its log cannot be written; `next_run_works` tries it."""
    assert r"half \ud83c of a flag" in complaint(comfy, load_model("half \ud83c of a flag"))


def test_text_that_this_log_cannot_print(workflow: Workflow, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    wide = {"width": 64, "height": 16, "batch_size": 1, "color": 0}
    paste = {"edited": ["source", 0], "original": ["wide", 0], "feather": 0}
    pasting: Workflow = {
        "source": workflow["source"],
        "wide": {"class_type": "EmptyImage", "inputs": wide},
        "paste": {"class_type": "DiffEditPaste", "inputs": paste},
        "show": {"class_type": "PreviewImage", "inputs": {"images": ["paste", 0]}},
    }
    with ComfyServer() as ascii_log:
        ascii_log.upload(PACK / "web" / "pictures" / "source.png")
        assert r"\u76bf" in complaint(ascii_log, load_model("皿"))
        assert r"64\xd716 of" in complaint(ascii_log, pasting)
        assert ascii_log.images(ascii_log.run(workflow), "edit")


def test_missing_demo_weights(workflow: Workflow, tmp_path):
    """A copy of the pack without demo/, in a server of its own."""
    for part in ("nodes", "diffedit_core", "web"):
        shutil.copytree(PACK / part, tmp_path / part)
    shutil.copy(PACK / "__init__.py", tmp_path)
    with ComfyServer(pack=tmp_path) as without_weights:
        without_weights.upload(PACK / "web" / "pictures" / "source.png")
        said = complaint(without_weights, workflow)
        assert said.startswith("DiffEditDemoModel: ")
        assert "demo/model" in said
