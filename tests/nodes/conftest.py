"""The pack's nodes in this process, imported as ComfyUI imports them, on the CPU."""

from collections.abc import Iterator
from types import ModuleType, SimpleNamespace

import pytest
import torch

from demo.in_process import load_pack


@pytest.fixture(scope="session")
def nodes() -> ModuleType:
    return load_pack()


@pytest.fixture(scope="session")
def demo(nodes) -> SimpleNamespace:
    """The demo model's MODEL, CLIP and VAE, and `encode`, which makes CONDITIONING of a text."""
    model, clip, vae = nodes.DiffEditDemoModel.execute().result

    def encode(text: str) -> list:
        return clip.encode_from_tokens_scheduled(clip.tokenize(text))

    return SimpleNamespace(model=model, clip=clip, vae=vae, encode=encode)


@pytest.fixture
def prompts(demo) -> SimpleNamespace:
    return SimpleNamespace(
        source=demo.encode("a bowl of red apples"),
        target=demo.encode("a bowl of green pears"),
        empty=demo.encode(""),
    )


@pytest.fixture
def latent(demo) -> dict:
    """Two encoded pictures, wider than high, of an odd number of latent cells."""
    image = torch.rand(2, 72, 104, 3, generator=torch.Generator().manual_seed(0))
    return {"samples": demo.vae.encode(image)}


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes() -> Iterator[None]:
    with torch.inference_mode():
        yield
