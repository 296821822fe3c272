"""The mask branch through the API of a real ComfyUI."""

import numpy as np
import pytest

from tools.comfy_server import ComfyServer, Workflow

BRANCH = (
    *("source", "model", "source_prompt", "target_prompt", "encode"),
    *("find_mask", "refine_mask", "mask"),
)


@pytest.fixture
def branch(workflow: Workflow) -> Workflow:
    """The demo's workflow up to its masks, that of DiffEdit Mask and that of Mask Refine."""
    branch = {name: workflow[name] for name in BRANCH}
    branch["own_mask"] = {"class_type": "MaskPreview", "inputs": {"mask": ["find_mask", 0]}}
    return branch


def use_recipe(branch: Workflow, name: str, **knobs) -> None:
    inputs = branch["find_mask"]["inputs"]
    for key in [key for key in inputs if key.startswith("recipe")]:
        del inputs[key]
    inputs |= {"recipe": name} | {f"recipe.{knob}": value for knob, value in knobs.items()}


def own_mask(comfy: ComfyServer, branch: Workflow) -> np.ndarray:
    return np.asarray(comfy.images(comfy.run(branch), "own_mask")[0].convert("L")) > 127


def test_recipes_find_the_thing_each_in_its_way(comfy: ComfyServer, branch: Workflow):
    masks = {}
    for recipe in ("paper", "diffusers", "blog"):
        use_recipe(branch, recipe)
        masks[recipe] = own_mask(comfy, branch)
    use_recipe(branch, "auto", spread=0.2)
    thing = own_mask(comfy, branch)
    assert 0.05 < thing.mean() < 0.2
    for mask in masks.values():
        assert (mask & thing).sum() > 0.6 * thing.sum()
    assert masks["paper"].mean() < masks["diffusers"].mean() < masks["blog"].mean()


def test_manual_recipe_takes_its_knobs(comfy: ComfyServer, branch: Workflow):
    use_recipe(branch, "blog")
    expected = own_mask(comfy, branch)
    knobs = {"spread": 0.0, "clamp": 0.0, "extremes": 0.0, "stretch": True, "threshold": 0.1}
    use_recipe(branch, "manual", **knobs)
    assert np.array_equal(own_mask(comfy, branch), expected)
    use_recipe(branch, "manual", **knobs | {"threshold": 0.4})
    assert own_mask(comfy, branch).sum() < expected.sum()


def test_the_number_of_draws_is_told(comfy: ComfyServer, branch: Workflow):
    branch["find_mask"]["inputs"] |= {"draws": 50, "adaptive": True}
    (draws,) = comfy.run(branch)["find_mask"]["draws"]
    assert 4 <= draws < 50


def test_refining_again_does_not_evaluate_the_model(comfy: ComfyServer, branch: Workflow):
    ran: set[str] = set()
    comfy.run(branch, lambda node, done, total: ran.add(node))
    ran.clear()
    branch["refine_mask"]["inputs"] |= {"method": "value", "threshold": 0.42, "grow": 3}
    comfy.run(branch, lambda node, done, total: ran.add(node))
    assert ran == {"refine_mask", "mask"}
