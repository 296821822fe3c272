"""pyproject.toml, read by ComfyUI's own reader of it."""

import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tools.comfy_server import COMFYUI, PACK


@pytest.fixture(scope="module")
def manifest() -> Any:
    sys.path.append(str(COMFYUI))
    from comfy_config.config_parser import extract_node_configuration

    read = extract_node_configuration(str(PACK))
    assert read
    return SimpleNamespace(project=read.project, comfy=read.tool_comfy)


def test_what_the_registry_asks_for(manifest: Any):
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest.project.version)
    assert manifest.project.license.file == "LICENSE"
    assert manifest.project.urls.repository.startswith("https://")
    assert manifest.comfy.publisher_id
    assert manifest.comfy.display_name == "DiffEdit"


def test_the_oldest_comfyui_is_the_one_that_is_checked(manifest: Any):
    oldest = re.search(r"OLDEST = \[(.*)\]", (PACK / "__init__.py").read_text())
    assert oldest
    number = oldest[1].replace(", ", ".")
    assert manifest.project.supported_comfyui_version == f">={number}"
    assert f"({number} or newer)" in (PACK / "README.md").read_text()


def test_requirements_are_the_same_everywhere(manifest: Any):
    lines = (PACK / "requirements.txt").read_text().splitlines()
    asked = [line for line in lines if not line.startswith("#")]
    assert manifest.project.dependencies == asked


def test_icon_and_banner():
    """Of the sizes that the registry takes, at the places that pyproject.toml names."""
    text = (PACK / "pyproject.toml").read_text()
    paths = dict(re.findall(r'^(Icon|Banner) = "https://.*/main/(.*)"$', text, re.MULTILINE))
    with Image.open(PACK / paths["Icon"]) as icon:
        assert icon.width <= 800 and icon.height <= 400
    with Image.open(PACK / paths["Banner"]) as banner:
        assert banner.width * 9 == banner.height * 21
