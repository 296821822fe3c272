"""The DiffEdit node, expanded into its stages by ComfyUI's own executor."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.nodes.executor import Executor, running_executor
from tests.one_sentence import assert_one_sentence
from tools.comfy_server import PACK, Workflow, WorkflowError
from tools.in_process import defaults

FEW = {"steps": 5, "strength": 0.8}
"""An edit of 16 model evaluations for the mask, 8 for the inversion and 8 for the decoding."""

PROMPTS = {
    "source": "a blue bowl of oranges on a wooden table",
    "target": "a blue bowl of apples on a wooden table",
}

STAGES = (
    *("source_prompt", "target_prompt", "empty_prompt", "encode"),
    *("find_mask", "refine_mask", "invert", "sample", "decode"),
)


@pytest.fixture
def executor(nodes, demo) -> Iterator[Executor]:
    """An executor that is given the demo model and the demo's picture."""
    pixels = np.asarray(Image.open(PACK / "demo" / "source.png").convert("RGB"))
    picture = torch.from_numpy(pixels.copy())[None].float() / 255
    with running_executor(nodes) as executor:
        executor.given = (demo.model, demo.clip, demo.vae, picture)
        yield executor


@pytest.fixture
def small_picture(executor) -> Callable[..., None]:
    """Gives the executor a random picture in the place of the demo's."""

    def give(*shape: int) -> None:
        picture = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        executor.given = (*executor.given[:3], picture)

    return give


def one_node(**different: Any) -> Workflow:
    """DiffEdit alone."""
    widgets = {"seed": 0, **FEW, "cfg": 7.5, "grow": 0}
    links = {"model": ["given", 0], "clip": ["given", 1], "vae": ["given", 2]}
    inputs = {**links, "image": ["given", 3], **PROMPTS, **widgets, **different}
    results = {"image": ["edit", 0], "mask": ["edit", 1], "heat_map": ["edit", 2]}
    return {
        "given": {"class_type": "Given", "inputs": {}},
        "edit": {"class_type": "DiffEdit", "inputs": inputs},
        "taken": {"class_type": "Taken", "inputs": results},
    }


def stage_nodes(workflow: Workflow) -> Workflow:
    """The example workflow DiffEdit with what is given in the place of its model and picture."""
    given = {"model": "given", "source": "given"}
    workflow["encode"]["inputs"]["pixels"] = ["given", 3]
    for name in ("find_mask", "refine_mask"):
        workflow[name]["inputs"]["image"] = ["given", 3]
    for node in workflow.values():
        for name, value in node["inputs"].items():
            if isinstance(value, list):
                node["inputs"][name] = [given.get(value[0], value[0]), value[1]]
    results = {"image": ["decode", 0], "mask": ["refine_mask", 0], "heat_map": ["find_mask", 1]}
    stages = {name: workflow[name] for name in workflow if name not in ("model", "source", "mask")}
    stages["given"] = {"class_type": "Given", "inputs": {}}
    return stages | {"taken": {"class_type": "Taken", "inputs": results}}


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys() == {"image", "mask", "heat_map"}
    for name in one:
        assert torch.equal(one[name], other[name]), name


def test_it_makes_the_edit_of_the_example_workflow(nodes, executor, demo_workflow):
    edit = executor.run(one_node(**defaults(nodes.DiffEdit) | PROMPTS))
    assert_same(edit, executor.run(stage_nodes(demo_workflow)))
    assert 0.02 < edit["mask"].mean() < 0.6
    source = executor.given[3]
    changed = (edit["image"] - source).abs().mean(-1)
    inside = edit["mask"] > 0
    assert changed[inside].mean() > 3 * changed[~inside].mean()


CHANGES = [
    ({"cfg": 5.0}, ("sample", "decode"), 8),
    ({"grow": 6}, ("refine_mask", "sample", "decode"), 8),
    ({"strength": 0.6}, ("invert", "sample", "decode"), 12),
    ({"steps": 10}, ("invert", "sample", "decode"), 24),
    ({"seed": 1}, ("find_mask", "refine_mask", "sample", "decode"), 28),
    (
        {"target": "a blue bowl of lemons on a wooden table"},
        ("target_prompt", "find_mask", "refine_mask", "sample", "decode"),
        28,
    ),
    (
        {"source": "a red bowl of oranges on a wooden table"},
        ("source_prompt", "find_mask", "refine_mask", "sample", "decode"),
        28,
    ),
    ({}, (), 0),
]
"""Changes one after the other, the stages each repeats, and their model evaluations."""


def test_a_change_repeats_only_the_stages_it_concerns(executor, small_picture, count_forwards):
    small_picture(1, 64, 64, 3)
    sizes, _ = count_forwards()
    edit = one_node()
    executor.run(edit)
    assert stages_run(executor) == set(STAGES)
    assert sum(sizes) == 32
    for change, again, evaluations in CHANGES:
        sizes.clear()
        edit["edit"]["inputs"] |= change
        executor.run(edit)
        assert stages_run(executor) == set(again), change
        assert sum(sizes) == evaluations, change


def stages_run(executor: Executor) -> set[str]:
    """The names of the stages that the latest run did not find in the cache."""
    return {node.removeprefix("edit.0.0.") for node in executor.ran if node.startswith("edit.")}


def test_prompts_from_another_node(executor, small_picture):
    small_picture(1, 64, 64, 3)
    typed = executor.run(one_node())
    executor.given += ("a blue bowl of apples on a wooden table",)
    executor.forget()
    assert_same(typed, executor.run(one_node(target=["given", 4])))


@pytest.mark.parametrize("batch", [1, 64])
def test_small_pictures_and_large_batches(executor, small_picture, batch):
    small_picture(batch, 16, 16, 3)
    edit = executor.run(one_node())
    assert edit["image"].shape == (batch, 16, 16, 3) and edit["image"].isfinite().all()
    assert edit["mask"].shape == edit["heat_map"].shape == (batch, 16, 16)


def test_the_edit_of_a_picture_with_transparency_is_that_without(executor, small_picture):
    small_picture(1, 40, 48, 4)
    with_transparency = executor.run(one_node())
    executor.given = (*executor.given[:3], executor.given[3][..., :3])
    executor.forget()
    assert_same(with_transparency, executor.run(one_node()))


@pytest.mark.parametrize(
    "text",
    ["", "apple " * 5000, "🍎🍏 apples 🙂", "تفاح أحمر"],
    ids=["empty", "5,000 words", "emoji", "right to left"],
)
def test_prompts_of_any_kind(executor, small_picture, text):
    small_picture(1, 32, 32, 3)
    edit = executor.run(one_node(source=text, target=f"{text} bowl"))
    assert edit["image"].isfinite().all()


@pytest.mark.parametrize(
    ("shape", "said"), [((0, 32, 32, 3), "no picture"), ((1, 32, 7, 3), "7x32 pixels")]
)
def test_pictures_that_cannot_be_edited(executor, small_picture, shape, said):
    small_picture(*shape)
    assert said in complaint(executor, one_node(), "image")
    small_picture(1, 16, 16, 3)
    executor.forget()
    assert executor.run(one_node())["image"].shape == (1, 16, 16, 3)


def test_a_picture_of_nan(executor):
    executor.given = (*executor.given[:3], torch.full((1, 16, 16, 3), torch.nan))
    assert "NaN" in complaint(executor, one_node(), "image")


def test_the_frames_of_a_video(executor):
    from tests.nodes.small_models import FAMILIES  # ComfyUI cannot be imported before the pack

    family = FAMILIES["Wan, video"]
    executor.given = (family.model(), clip_of(family), vae_of(family), torch.rand(5, 64, 96, 3))
    assert "frames of a video" in complaint(executor, one_node(), "image")


def test_what_a_stage_refuses_is_told_of_the_node(executor, small_picture):
    small_picture(1, 16, 16, 3)
    assert "no step to take" in complaint(executor, one_node(strength=0.0), "strength")


@pytest.mark.parametrize(("name", "output"), [("image", 3), ("source", 4)])
def test_a_list_is_refused(executor, name, output):
    """ComfyUI would give all its stages the whole of it."""
    executor.given += ("a blue bowl of lemons",)
    workflow = one_node(**{name: ["two", output]})
    workflow["two"] = {"class_type": "GivenTwice", "inputs": {}}
    assert "list" in complaint(executor, workflow, "image")


def complaint(executor: Executor, workflow: Workflow, name: str) -> str:
    """The one sentence, about the input `name`, with which DiffEdit refuses to run."""
    with pytest.raises(WorkflowError) as error:
        executor.run(workflow)
    assert error.value.node_type == "DiffEdit"
    assert_one_sentence(error, name)
    return str(error.value)


@pytest.mark.parametrize(("family", "scheduler"), [("SDXL", "ddim_uniform"), ("SD 3", "simple")])
def test_other_model_families(executor, demo_workflow, family, scheduler):
    """As docs/models.md tells to connect the stages for them."""
    from tests.nodes.small_models import FAMILIES  # ComfyUI cannot be imported before the pack

    family = FAMILIES[family]
    executor.given = (family.model(), clip_of(family), vae_of(family), torch.rand(2, 64, 96, 3))
    stages = stage_nodes(demo_workflow)
    stages["invert"]["inputs"] |= {
        **FEW,
        "conditioning": ["negative_prompt", 0],
        "scheduler": scheduler,
    }
    edit = executor.run(one_node())
    assert_same(edit, executor.run(stages))
    assert edit["image"].std() > 0


def clip_of(family: Any) -> Any:
    """A CLIP of the family's widths, which reads no more of a text than its length."""
    return SimpleNamespace(tokenize=len, encode_from_tokens_scheduled=family.conditioning)


def vae_of(family: Any) -> Any:
    """A VAE of the family's channels, which shows one of them as grey."""

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1).mean(1, keepdim=True), 8)
        return small.expand(-1, family.latent[1], -1, -1)

    def decode(samples: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.interpolate(samples[:, :3], scale_factor=8).movedim(1, -1)

    return SimpleNamespace(encode=encode, decode=decode)
