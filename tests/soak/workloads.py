"""The edits that the soak repeats: small, and new to ComfyUI's cache each time."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np

from demo.run import demo_workflow
from tests.soak.prompts import Link, node
from tools.comfy_server import PACK, ComfyServer, OnProgress, Workflow

SIZE = 96
STEPS = 5

LONGEST = 120
"""Seconds in which every one of these edits ends, however busy the machine is."""


def salted(workflow: Workflow, salt: str) -> Workflow:
    """The workflow with its model and picture passed through a node that the cache does not know,
    so that every stage runs again, to the same result.
    """
    workflow = copy.deepcopy(workflow)
    for one in workflow.values():
        for name, value in one["inputs"].items():
            if value in (["model", 0], ["source", 0]):
                one["inputs"][name] = [f"new_{value[0]}", 0]
    for name in ("model", "source"):
        passed = {"type": "*", "name": "right", "salt": salt, "right": [name, 0]}
        workflow[f"new_{name}"] = node("OddValue", **passed)
    return workflow


def stages() -> Workflow:
    """The demo's workflow on a smaller picture."""
    workflow = _smaller(demo_workflow())
    del workflow["mask"]  # a preview by a stock node
    workflow["find_mask"]["inputs"]["draws"] = 2
    workflow["invert"]["inputs"]["steps"] = STEPS
    return workflow


def one_node() -> Workflow:
    path = PACK / "demo" / "one_node_api.json"
    workflow = _smaller(json.loads(path.read_text(encoding="utf-8")))
    workflow["diffedit"]["inputs"]["steps"] = STEPS
    return workflow


def flow_edit() -> Workflow:
    workflow = stages()
    sample = workflow["sample"]["inputs"]
    inputs = {name: sample[name] for name in ("model", "mask", "cfg", "seed", "negative")}
    schedule = {"steps": STEPS, "strength": 0.8, "scheduler": "ddim_uniform"}
    prompts = {"source": ["source_prompt", 0], "target": ["target_prompt", 0]}
    workflow["sample"] = node(
        "DiffEditFlowEdit", latent=["encode", 0], **inputs, **schedule, **prompts
    )
    del workflow["invert"]
    return workflow


def refine() -> Workflow:
    """Mask Refine alone, on large pictures."""
    workflow = stages()
    large = {"upscale_method": "bilinear", "width": 1024, "height": 1024, "crop": "disabled"}
    workflow = {name: workflow[name] for name in ("model", "original", "source", "refine_mask")}
    workflow["large"] = node("ImageScale", image=["source", 0], **large)
    workflow["several"] = node("RepeatImageBatch", image=["large", 0], amount=4)
    workflow["heat"] = node("ImageToMask", image=["several", 0], channel="red")
    workflow["refine_mask"]["inputs"] |= {"mask": ["heat", 0], "image": ["several", 0], "snap": 64}
    workflow["picture"] = node("MaskToImage", mask=["refine_mask", 0])
    workflow["edit"] = node("SaveImage", images=["picture", 0], filename_prefix="DiffEdit")
    return workflow


def stock() -> Workflow:
    """An edit with nothing of the pack but its model: img2img by KSampler."""
    workflow = stages()
    kept = ("model", "original", "source", "target_prompt", "negative_prompt", "encode", "edit")
    workflow = {name: workflow[name] for name in kept}
    prompts = {"positive": ["target_prompt", 0], "negative": ["negative_prompt", 0]}
    settings: dict[str, Any] = {"seed": 0, "steps": 3 * STEPS, "cfg": 7.5, "denoise": 0.8}
    workflow["sample"] = node(
        *("KSampler",),
        model=["model", 0],
        latent_image=["encode", 0],
        sampler_name="ddim",
        scheduler="ddim_uniform",
        **prompts,
        **settings,
    )
    workflow["decode"] = node("VAEDecode", samples=["sample", 0], vae=["model", 2])
    workflow["edit"]["inputs"]["images"] = ["decode", 0]
    return workflow


WORKLOADS: dict[str, Callable[[], Workflow]] = {
    "stages": stages,
    "one node": one_node,
    "FlowEdit": flow_edit,
    "Mask Refine": refine,
}


def result(
    comfy: ComfyServer, workflow: Workflow, on_progress: OnProgress | None = None
) -> np.ndarray:
    """Run a workflow; returns the first picture of its "edit".  Raises as ComfyServer.run does."""
    outputs = comfy.run(workflow, on_progress, seconds=LONGEST)
    return np.asarray(comfy.images(outputs, "edit")[0])


def _smaller(workflow: Workflow) -> Workflow:
    """The picture "source" shrunk, which leaves "original" as it was loaded."""
    workflow["original"] = workflow["source"]
    original: Link = ["original", 0]
    small = {"upscale_method": "area", "width": SIZE, "height": SIZE, "crop": "disabled"}
    workflow["source"] = node("ImageScale", image=original, **small)
    return workflow
