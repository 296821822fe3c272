"""The DiffEdit node, expanded into its stages by ComfyUI's own executor."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.families.zoo import FAMILIES
from tests.one_sentence import assert_one_sentence
from tools.comfy_server import PACK, Workflow, WorkflowError
from tools.executor import Executor, running_executor
from tools.in_process import defaults

FEW = {"steps": 5, "strength": 0.8}
"""An edit of 12 model evaluations for the mask, 4 for the inversion and 8 for the decoding."""

PROMPTS = {
    "source": "a blue bowl of oranges on a wooden table",
    "target": "a blue bowl of apples on a wooden table",
}

STAGES = (
    *("source_prompt", "target_prompt", "empty_prompt", "encode"),
    *("find_mask", "refine_mask", "invert", "sample", "decode", "paste"),
)


@pytest.fixture
def executor(nodes, demo) -> Iterator[Executor]:
    """An executor that is given the demo model and the demo's picture."""
    pixels = np.asarray(Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB"))
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
    workflow["paste"]["inputs"]["original"] = ["given", 3]
    results = {"image": ["paste", 0], "mask": ["paste", 1], "heat_map": ["find_mask", 1]}
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
    assert changed[inside].mean() > 0.05
    assert torch.equal(edit["image"][~inside], source[~inside])


CHANGES = [
    ({"cfg": 5.0}, ("sample", "decode", "paste"), 8),
    ({"grow": 6}, ("refine_mask", "sample", "decode", "paste"), 8),
    ({"strength": 0.6}, ("invert", "sample", "decode", "paste"), 9),
    ({"steps": 10}, ("invert", "sample", "decode", "paste"), 18),
    ({"seed": 1}, ("find_mask", "refine_mask", "sample", "decode", "paste"), 24),
    (
        {"target": "a blue bowl of lemons on a wooden table"},
        ("target_prompt", "find_mask", "refine_mask", "sample", "decode", "paste"),
        24,
    ),
    (
        {"source": "a red bowl of oranges on a wooden table"},
        ("source_prompt", "find_mask", "refine_mask", "sample", "decode", "paste"),
        24,
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
    assert sum(sizes) == 24
    for change, again, evaluations in CHANGES:
        sizes.clear()
        edit["edit"]["inputs"] |= change
        executor.run(edit)
        assert stages_run(executor) == set(again), change
        assert sum(sizes) == evaluations, change


def stages_run(executor: Executor) -> set[str]:
    """The names of the stages that the latest run did not find in the cache."""
    return {node.removeprefix("edit.0.0.") for node in executor.ran if node.startswith("edit.")}


LARGE = {
    "source": "a white bowl of oranges and a red vase on a marble table",
    "target": "a white bowl of pears and a red vase on a marble table",
}
BOWL = np.s_[180:300, 10:230]
"""Where in the large picture the oranges are, with some room around them."""

PASS = 2 * 6
"""The model evaluations of looking for the region once."""


@pytest.fixture(scope="module")
def large_picture() -> torch.Tensor:
    """The large photo, smaller and with its border drawn out: 600×600 pixels."""
    photo = (
        Image.open(PACK / "web" / "pictures" / "large_photo.jpg").convert("RGB").resize((480, 480))
    )
    wider = np.pad(np.asarray(photo), ((0, 120), (0, 120), (0, 0)), mode="edge")
    return torch.from_numpy(wider)[None] / 255


def large_edit(**different: Any) -> Workflow:
    return one_node(**LARGE, **different)


def test_a_large_picture_is_edited_in_a_window(executor, large_picture, count_forwards):
    image = large_picture
    executor.given = (*executor.given[:3], torch.cat([image, image[..., :1]], -1))
    sizes, _ = count_forwards()
    made = executor.run(large_edit())
    assert sum(sizes) == 2 * PASS + 4 + 8  # none of them larger than the model likes
    mask = made["mask"][0].numpy() > 0.5
    assert mask[BOWL].sum() > 0.9 * mask.sum() > 3000
    assert made["heat_map"].shape == made["mask"].shape == image.shape[:3]
    outside = made["mask"] == 0
    assert torch.equal(made["image"][outside], executor.given[3][outside])
    assert torch.equal(made["image"][..., 3], executor.given[3][..., 3])
    assert (made["image"][..., :3] - image).abs().mean(-1)[~outside].mean() > 0.05


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"cfg": 5.0}, {"sample", "decode", "paste"}),
        ({"grow": 6}, {"refine_mask", "sample", "decode", "paste"}),
        ({"strength": 0.6}, {"invert", "sample", "decode", "paste"}),
    ],
)
def test_a_change_in_a_window_repeats_only_what_it_concerns(executor, large_picture, change, again):
    executor.given = (*executor.given[:3], large_picture)
    executor.run(large_edit())
    assert stages_run(executor) >= {"find_region", "window", "find_mask", "invert"}
    executor.run(large_edit(**change))
    assert stages_run(executor) == again


def test_where_the_window_is_nearly_all_the_mask_is_found_once(
    executor, small_picture, count_forwards
):
    small_picture(1, 320, 320, 3)
    sizes, _ = count_forwards()
    executor.run(one_node(target=PROMPTS["source"]))  # nothing to find: the window is everything
    assert sum(sizes) == PASS + 4 + 8
    assert "window" in stages_run(executor) and "find_mask" not in stages_run(executor)


@pytest.mark.parametrize("name", ["source", "target"])
def test_a_prompt_for_a_region_needs_the_whole_picture(executor, small_picture, name):
    """In a window its region would lie somewhere else."""
    small_picture(1, 240, 240, 3)
    workflow = one_node()
    workflow["text"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"clip": ["given", 1], "text": "a red cup"},
    }
    everywhere = {"x": 0.0, "y": 0.0, "width": 1.0, "height": 1.0, "strength": 1.0}
    workflow["area"] = {
        "class_type": "ConditioningSetAreaPercentage",
        "inputs": {"conditioning": ["text", 0], **everywhere},
    }
    workflow["edit"]["inputs"][f"{name}_conditioning"] = ["area", 0]
    assert executor.run(workflow)["image"].shape == (1, 240, 240, 3)
    assert stages_run(executor) & {"find_mask", "window"} == {"find_mask"}


def test_a_batch_of_large_pictures(executor, large_picture):
    image = torch.cat([large_picture.flip(1), large_picture])
    executor.given = (*executor.given[:3], image)
    made = executor.run(large_edit())
    assert made["image"].shape == image.shape and made["heat_map"].shape == image.shape[:3]
    outside = made["mask"] == 0
    assert torch.equal(made["image"][outside], image[outside])


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
    picture = executor.given[3]
    assert torch.equal(with_transparency["image"][..., 3], picture[..., 3])
    with_transparency["image"] = with_transparency["image"][..., :3]
    executor.given = (*executor.given[:3], picture[..., :3])
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


@pytest.mark.parametrize("side", [64, 480], ids=["whole", "in a window"])
def test_a_grey_picture_is_edited_as_its_rgb(executor, side):
    grey = torch.rand(1, side, side, 1, generator=torch.Generator().manual_seed(0))
    edits = []
    for picture in (grey, grey.repeat(1, 1, 1, 3)):
        executor.given = (*executor.given[:3], picture)
        executor.forget()
        edits.append(executor.run(one_node())["image"])
    torch.testing.assert_close(*edits, atol=1 / 255, rtol=0)


def test_a_picture_of_nan(executor):
    executor.given = (*executor.given[:3], torch.full((1, 16, 16, 3), torch.nan))
    assert "NaN" in complaint(executor, one_node(), "image")


def test_the_frames_of_a_video(executor):
    family = FAMILIES["WAN21_T2V"]
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


@pytest.mark.parametrize(("family", "scheduler"), [("SDXL", "ddim_uniform"), ("SD3", "simple")])
def test_other_model_families(executor, demo_workflow, family, scheduler):
    """As docs/models.md tells to connect the stages for them."""
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


def test_pictures_of_a_model_whose_vae_takes_them_for_a_video(executor):
    """Each is edited as it is alone."""
    family = FAMILIES["QwenImage"]
    pictures = torch.rand(2, 64, 96, 3, generator=torch.Generator().manual_seed(0))

    def encode(pixels: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(pixels.movedim(-1, 1).mean(1, keepdim=True), 8)
        return small.movedim(0, 1)[None].expand(-1, 16, -1, -1, -1)  # frames of one video

    def decode(samples: torch.Tensor) -> torch.Tensor:
        frames = samples[:, :3].movedim(2, 1).flatten(0, 1)
        return torch.nn.functional.interpolate(frames, scale_factor=8).movedim(1, -1)

    vae = SimpleNamespace(encode=encode, decode=decode)
    model, clip = family.model(), clip_of(family)
    executor.given = (model, clip, vae, pictures)
    together = executor.run(one_node())
    assert together["image"].shape == (2, 64, 96, 3)
    executor.forget()
    executor.given = (model, clip, vae, pictures[1:])
    alone = executor.run(one_node())
    for name in ("image", "mask", "heat_map"):
        torch.testing.assert_close(together[name][1:], alone[name], atol=1e-4, rtol=1e-4)


def test_ready_made_prompts_take_the_place_of_the_texts(executor, small_picture):
    small_picture(1, 64, 64, 3)
    by_text = executor.run(one_node())
    workflow = one_node(source="", target="")
    for name, text in PROMPTS.items():
        inputs = {"clip": ["given", 1], "text": text}
        workflow[f"{name} prompt"] = {"class_type": "CLIPTextEncode", "inputs": inputs}
        workflow["edit"]["inputs"][f"{name}_conditioning"] = [f"{name} prompt", 0]
    assert_same(executor.run(workflow), by_text)


def test_a_reference_has_to_be_in_the_empty_prompt_too(executor, small_picture):
    small_picture(1, 64, 64, 3)
    workflow = one_node()
    workflow["text"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"clip": ["given", 1], "text": "a bowl"},
    }
    workflow["latent"] = {
        "class_type": "VAEEncode",
        "inputs": {"pixels": ["given", 3], "vae": ["given", 2]},
    }
    workflow["reference"] = {
        "class_type": "InpaintModelConditioning",
        "inputs": {
            "positive": ["text", 0],
            "negative": ["text", 0],
            "vae": ["given", 2],
            "pixels": ["given", 3],
            "mask": ["mask", 0],
            "noise_mask": False,
        },
    }
    workflow["mask"] = {
        "class_type": "SolidMask",
        "inputs": {"value": 1.0, "width": 64, "height": 64},
    }
    workflow["edit"]["inputs"]["target_conditioning"] = ["reference", 0]
    complaint(executor, workflow, "empty_conditioning")
    workflow["edit"]["inputs"]["empty_conditioning"] = ["reference", 1]
    assert executor.run(workflow)["image"].isfinite().all()


def test_the_picture_is_inverted_under_the_empty_prompt_that_is_connected(
    executor, small_picture, demo_workflow
):
    """On a model, too, that could do without one."""
    small_picture(1, 64, 64, 3)
    workflow = one_node()
    workflow["text"] = {
        "class_type": "CLIPTextEncode",
        "inputs": {"clip": ["given", 1], "text": "a red cup"},
    }
    workflow["edit"]["inputs"]["empty_conditioning"] = ["text", 0]
    stages = stage_nodes(demo_workflow)
    stages["negative_prompt"]["inputs"]["text"] = "a red cup"
    stages["invert"]["inputs"] |= {**FEW, "conditioning": ["negative_prompt", 0]}
    assert_same(executor.run(workflow), executor.run(stages))
