"""How a row is filled into a workflow, and the key of what comes of it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from batch.workflow import (
    DEFAULT,
    DEFAULT_MAP,
    content_key,
    filled,
    find_places,
    parse_map,
    picture_columns,
    read_workflow,
    saved_as,
    saving_nodes,
    settings_of,
)
from tools.comfy_server import Workflow


@pytest.fixture
def workflow() -> Workflow:
    return read_workflow(DEFAULT)


@pytest.fixture
def places(workflow: Workflow) -> dict[str, tuple[str, str]]:
    return find_places(workflow, DEFAULT_MAP)


def test_a_row_is_filled_in(workflow: Workflow, places: Any):
    before = copy.deepcopy(workflow)
    cells = {"image": "cat.png", "source": "a cat", "target": "7", "steps": "30", "cfg": "5"}
    settings = settings_of(workflow, places, cells)
    inputs = filled(workflow, places, settings)["diffedit"]["inputs"]
    assert (inputs["source"], inputs["target"]) == ("a cat", "7")  # a prompt stays a text
    assert (inputs["steps"], inputs["cfg"], inputs["strength"]) == (30, 5, 0.8)
    assert filled(workflow, places, settings)["source"]["inputs"]["image"] == "cat.png"
    assert workflow == before


@pytest.mark.parametrize(
    "column, cell, kind",
    [
        ("seed", "x", "a whole number"),
        ("steps", "2.5", "a whole number"),
        ("steps", True, "a whole number"),
        ("cfg", "high", "a number"),
        ("strength", "nan", "a number"),
        ("strength", "0,8", "a number"),
    ],
)
def test_texts_for_numbers(workflow: Workflow, places: Any, column: str, cell: Any, kind: str):
    with pytest.raises(ValueError) as caught:
        settings_of(workflow, places, {column: cell})
    assert str(caught.value) == f"{column}: {str(cell)!r} is not {kind}; write one."


def test_a_round_number_in_a_workflow_may_be_any(workflow: Workflow):
    """The editor writes a cfg of 7.0 as 7."""
    workflow["diffedit"]["inputs"]["cfg"] = 7
    places = find_places(workflow, DEFAULT_MAP)
    assert settings_of(workflow, places, {"cfg": "7.5"})["cfg"] == 7.5


def test_nodes_by_id_title_and_type(workflow: Workflow):
    mapping = parse_map("image=Load Image.image, target=diffedit.target,prefix=SaveImage.images")
    with pytest.raises(ValueError, match="2 nodes 'SaveImage' for prefix; name one by its id"):
        find_places(workflow, mapping)
    mapping["prefix"] = "edit.filename_prefix"
    assert find_places(workflow, mapping) == {
        "image": ("source", "image"),
        "target": ("diffedit", "target"),
        "prefix": ("edit", "filename_prefix"),
    }


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("image", "'image' has no pairs; write column=node.input,..."),
        ("image=Nothing.image", "the workflow has no nodes 'Nothing' for image"),
        ("image=source.picture", "node 'source' has no input 'picture' for image; take image."),
        ("image=diffedit.image", "diffedit.image of image is connected to another node"),
    ],
)
def test_what_is_said_about_a_map(workflow: Workflow, text: str, complaint: str):
    with pytest.raises(ValueError) as caught:
        find_places(workflow, parse_map(text))
    assert str(caught.value).startswith(f"--map: {complaint}")


def test_pictures_go_to_load_image(workflow: Workflow):
    mapping = {"photo": "LoadImage.image", "target": "DiffEdit.target"}
    assert picture_columns(workflow, find_places(workflow, mapping)) == ["photo"]


def test_the_key_is_what_is_done(workflow: Workflow, places: Any):
    key = content_key(workflow)
    named = copy.deepcopy(workflow)
    named["edit"]["_meta"]["title"] = "Result"
    assert content_key(named) == content_key(dict(reversed(workflow.items()))) == key
    for column, cell in {"image": "b.png", "target": "a dog", "seed": 1, "strength": 0.7}.items():
        settings = settings_of(workflow, places, {column: cell})
        assert content_key(filled(workflow, places, settings)) != key


def test_edit_and_mask_are_saved(workflow: Workflow):
    saving = saving_nodes(workflow)
    assert (saving.edit, saving.mask) == ("edit", "mask")
    first, second = (saved_as(workflow, name) for name in ("a", "b"))
    for node in (saving.edit, saving.mask):
        assert node
        prefixes = {one[node]["inputs"]["filename_prefix"] for one in (workflow, first, second)}
        assert len(prefixes) == 3


def test_a_workflow_with_a_mask_of_its_own(tmp_path: Path):
    given = json.loads(DEFAULT.read_text())
    given["7"] = copy.deepcopy(given["edit"]) | {"_meta": {"title": "Mask"}}
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(given))
    assert read_workflow(path) == given
    assert saving_nodes(given).mask == "7"


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"nodes": [], "links": []}', '"a"'])
def test_no_workflow(tmp_path: Path, text: str):
    """Such as the one that the editor saves, which is not in API format."""
    path = tmp_path / "workflow.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="--workflow: .*; (name|export)"):
        read_workflow(path)


def test_a_workflow_that_saves_nothing(workflow: Workflow):
    del workflow["edit"]
    with pytest.raises(ValueError, match="--workflow: it saves no picture; end it with Save Image"):
        saving_nodes(workflow)
