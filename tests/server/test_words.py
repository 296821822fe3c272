"""Language and caption models in a real ComfyUI, with small models in its models/LLM."""

import shutil
from pathlib import Path

import pytest
import requests
from PIL import Image

from tests.one_sentence import complaint
from tools.comfy_server import ComfyServer, Workflow

WRITING = {
    "load": {"class_type": "DiffEditLanguageModelLoader", "inputs": {"model": "flan-t5-base"}},
    "write": {
        "class_type": "DiffEditConceptPrompts",
        "inputs": {
            "language_model": ["load", 0],
            "concept": "bowl",
            "instruction": "a caption for a {concept}",
            "count": 4,
            "temperature": 0.8,
            "top_k": 10,
            "max_tokens": 8,
            "seed": 0,
        },
    },
    "show": {"class_type": "PreviewAny", "inputs": {"source": ["write", 0]}},
}
CAPTIONING = {
    "source": {"class_type": "LoadImage", "inputs": {"image": "source.png"}},
    "load": {
        "class_type": "DiffEditCaptionModelLoader",
        "inputs": {"model": "blip-image-captioning-large"},
    },
    "look": {
        "class_type": "DiffEditImageCaption",
        "inputs": {
            "caption_model": ["load", 0],
            "image": ["source", 0],
            "prefix": "a picture of",
            "max_tokens": 8,
        },
    },
    "show": {"class_type": "PreviewAny", "inputs": {"source": ["look", 0]}},
}

pytestmark = pytest.mark.usefixtures("language_models")


def changed(workflow: Workflow, node: str, **inputs) -> Workflow:
    """A copy of the workflow with other inputs of one node."""
    node_inputs = {**workflow[node]["inputs"], **inputs}
    return {**workflow, node: {**workflow[node], "inputs": node_inputs}}


def shown(comfy: ComfyServer, workflow: Workflow) -> list[str]:
    """Run the workflow; returns the texts that its last node shows."""
    return comfy.run(workflow)["show"]["text"]


@pytest.mark.parametrize("concept", ["bowl", "🍎", "وعاء"])
def test_a_concept_becomes_prompts(comfy: ComfyServer, concept: str):
    steps = []
    outputs = comfy.run(
        changed(WRITING, "write", concept=concept, seed=len(concept)),
        lambda node, done, total: steps.append(done) if node == "write" else None,
    )
    (text,) = outputs["show"]["text"]
    assert 1 <= len(text.split("\n")) <= 4
    assert outputs["write"]["text"] == [text]
    assert max(steps) > 0


def test_same_seed_same_prompts_after_unloading(comfy: ComfyServer):
    first = shown(comfy, WRITING)
    requests.post(f"{comfy.url}/free", json={"unload_models": True, "free_memory": True})
    assert shown(comfy, WRITING) == first


def test_a_picture_becomes_a_caption(comfy: ComfyServer):
    (caption,) = shown(comfy, CAPTIONING)
    assert caption.startswith("a picture of ")


def test_each_picture_of_a_batch_has_its_caption(comfy: ComfyServer, tmp_path: Path):
    Image.new("RGBA", (16, 16), (200, 20, 20, 128)).save(tmp_path / "small.png")
    comfy.upload(tmp_path / "small.png")
    small = changed(CAPTIONING, "source", image="small.png")
    (alone,) = shown(comfy, small)
    small["many"] = {
        "class_type": "RepeatImageBatch",
        "inputs": {"image": ["source", 0], "amount": 64},
    }
    outputs = comfy.run(changed(small, "look", image=["many", 0]))
    assert outputs["look"]["text"] == [alone] * 64


@pytest.mark.parametrize(
    ("workflow", "said"),
    [
        (changed(WRITING, "write", concept=""), "DiffEditConceptPrompts: concept: it is empty"),
        (
            changed(WRITING, "write", concept="bowl " * 5000),
            "DiffEditConceptPrompts: concept: with the",
        ),
        (changed(WRITING, "load", model="gone"), "DiffEditLanguageModelLoader: model: there is no"),
        (changed(WRITING, "load", model="half"), "DiffEditLanguageModelLoader: model: "),
        (changed(CAPTIONING, "load", model="corrupt"), "DiffEditCaptionModelLoader: model: "),
        (changed(CAPTIONING, "load", model="flan-t5-base"), "DiffEditCaptionModelLoader: model: "),
    ],
)
def test_bad_input_is_one_sentence_and_the_server_lives_on(
    comfy: ComfyServer, language_models: Path, workflow: Workflow, said: str
):
    for name, source in (("half", "flan-t5-base"), ("corrupt", "blip-image-captioning-large")):
        shutil.copytree(language_models / source, language_models / name, dirs_exist_ok=True)
    (language_models / "half" / "model.safetensors").unlink(missing_ok=True)
    (language_models / "corrupt" / "model.safetensors").write_bytes(b"no weights at all")
    assert complaint(comfy, workflow).startswith(said)
    assert shown(comfy, changed(WRITING, "write", seed=len(said)))
