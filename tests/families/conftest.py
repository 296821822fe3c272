"""The pack's nodes in this process, as ComfyUI runs them."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import torch

from tools.in_process import load_pack


@pytest.fixture(scope="session")
def nodes() -> ModuleType:
    return load_pack()


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes() -> Iterator[None]:
    with torch.inference_mode():
        yield
