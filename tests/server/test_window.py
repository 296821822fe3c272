"""Windows of large pictures through the API of a real ComfyUI."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tools.comfy_server import PACK, ComfyServer, Workflow


@pytest.fixture(scope="module")
def large(comfy: ComfyServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's picture, enlarged to 601×452 pixels."""
    path = tmp_path_factory.mktemp("large") / "large.png"
    source = Image.open(PACK / "web" / "pictures" / "source.png").convert("RGB")
    source.resize((601, 452), Image.Resampling.LANCZOS).save(path)
    comfy.upload(path)
    return path


def with_results(workflow: Workflow, image: list[Any], mask: list[Any]) -> Workflow:
    """The workflow with the picture saved, and what of the mask is not black shown."""
    results = {
        "touched": ("ThresholdMask", {"mask": mask, "value": 0.0}),
        "mask": ("MaskPreview", {"mask": ["touched", 0]}),
        "edit": ("SaveImage", {"images": image, "filename_prefix": "window"}),
    }
    return workflow | {
        name: {"class_type": type_, "inputs": inputs} for name, (type_, inputs) in results.items()
    }


def assert_only_the_mask_changed(comfy: ComfyServer, workflow: Workflow, large: Path) -> None:
    outputs = comfy.run(workflow)
    source = np.asarray(Image.open(large))
    (edit,) = comfy.images(outputs, "edit")
    touched = np.asarray(comfy.images(outputs, "mask")[0].convert("L")) > 0
    edit = np.asarray(edit)
    assert edit.shape == source.shape and touched.shape == source.shape[:2]
    assert np.array_equal(edit[~touched], source[~touched])
    assert 0.01 < touched.mean() < 0.5
    assert np.abs(edit.astype(int) - source)[touched].mean() > 3


@pytest.fixture
def picture_and_model(large: Path, demo_workflow: Workflow) -> Workflow:
    """The demo's prompts, its model, and the large picture as "source"."""
    demo_workflow["source"]["inputs"]["image"] = large.name
    names = ("source", "model", "source_prompt", "target_prompt", "negative_prompt")
    return {name: demo_workflow[name] for name in names}


def test_the_one_node(comfy: ComfyServer, picture_and_model: Workflow, large: Path):
    texts = {
        name: picture_and_model[f"{name}_prompt"]["inputs"]["text"] for name in ("source", "target")
    }
    links = {name: ["model", i] for i, name in enumerate(("model", "clip", "vae"))}
    widgets = {"seed": 0, "steps": 5, "strength": 0.8, "cfg": 7.5, "grow": 0}
    inputs = {**links, **texts, **widgets, "image": ["source", 0]}
    workflow = picture_and_model | {"diffedit": {"class_type": "DiffEdit", "inputs": inputs}}
    workflow = with_results(workflow, ["diffedit", 0], ["diffedit", 1])
    assert_only_the_mask_changed(comfy, workflow, large)


def test_stock_inpainting_in_a_window(comfy: ComfyServer, picture_and_model: Workflow, large: Path):
    prompts = {"positive": ["target_prompt", 0], "negative": ["negative_prompt", 0]}
    sampling = {"seed": 1, "steps": 4, "cfg": 7.5, "sampler_name": "euler", "denoise": 1.0}
    nodes: dict[str, tuple[str, dict[str, Any]]] = {
        "black": ("SolidMask", {"value": 0.0, "width": 601, "height": 452}),
        "white": ("SolidMask", {"value": 1.0, "width": 90, "height": 70}),
        "painted": (
            "MaskComposite",
            {
                "destination": ["black", 0],
                "source": ["white", 0],
                **{"x": 500, "y": 30, "operation": "add"},
            },
        ),
        "window": (
            "DiffEditWindow",
            {
                **{"model": ["model", 0], "image": ["source", 0], "mask": ["painted", 0]},
                **{"context": 0.5, "around": "all"},
            },
        ),
        "encode": ("VAEEncode", {"pixels": ["window", 0], "vae": ["model", 2]}),
        "masked": ("SetLatentNoiseMask", {"samples": ["encode", 0], "mask": ["window", 1]}),
        "sample": (
            "KSampler",
            {
                **{"model": ["model", 0], "latent_image": ["masked", 0], "scheduler": "normal"},
                **prompts,
                **sampling,
            },
        ),
        "decode": ("VAEDecode", {"samples": ["sample", 0], "vae": ["model", 2]}),
        "paste": (
            "DiffEditPaste",
            {
                **{"edited": ["decode", 0], "window": ["window", 2], "mask": ["window", 1]},
                "feather": 0,
            },
        ),
    }
    workflow = picture_and_model | {
        name: {"class_type": type_, "inputs": inputs} for name, (type_, inputs) in nodes.items()
    }
    workflow = with_results(workflow, ["paste", 0], ["paste", 1])
    assert_only_the_mask_changed(comfy, workflow, large)
