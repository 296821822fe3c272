"""The pack's nodes in this process, imported as ComfyUI imports them, on the CPU."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from tools.in_process import defaults, load_pack

STEPS, STRENGTH = 5, 0.8


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


@pytest.fixture
def find_mask(nodes, demo, prompts) -> Callable[..., Any]:
    """DiffEditMask on a latent, with its defaults and two draws unless told otherwise."""

    def run(latent: dict, **inputs: Any) -> Any:
        given = {"model": demo.model, "source": prompts.source, "target": prompts.target}
        fixed = {**defaults(nodes.DiffEditMask), **given, "draws": 2}
        return nodes.DiffEditMask.execute(**{**fixed, "latent": latent, **inputs})

    return run


@pytest.fixture
def stages(nodes, demo, prompts) -> SimpleNamespace:
    """DDIMInvert, DiffEditNoiseTrajectory and MaskedDDIMSample on a latent, with few steps and
    their defaults unless told otherwise."""

    def stage(node, **fixed):
        fixed = {**defaults(node), "model": demo.model, **fixed}

        def run(latent, **inputs):
            return node.execute(**{**fixed, "latent": latent, **inputs}).result[0]

        return run

    return SimpleNamespace(
        invert=stage(nodes.DDIMInvert, steps=STEPS, strength=STRENGTH, iterations=1),
        noise=stage(nodes.DiffEditNoiseTrajectory, steps=STEPS, strength=STRENGTH),
        sample=stage(nodes.MaskedDDIMSample, positive=prompts.target, negative=prompts.empty),
    )


@pytest.fixture
def half_mask() -> torch.Tensor:
    mask = torch.zeros(1, 72, 104)
    mask[:, 16:48, :40] = 1
    return mask


@pytest.fixture
def in_editor() -> Callable[[Any], Any]:
    """A node as ComfyUI runs it for an editor, which sends its workflow along."""

    def run(node: Any) -> Any:
        from comfy_api.latest import io

        looked_at = {"hidden_inputs": {io.Hidden.extra_pnginfo: {"workflow": {}}}}
        return node.PREPARE_CLASS_CLONE(looked_at)

    return run


@pytest.fixture
def temp_folder(monkeypatch, tmp_path) -> Path:
    """ComfyUI's temporary folder, which is not there yet."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "temp_directory", str(tmp_path / "temp"))
    return tmp_path / "temp"


@pytest.fixture
def count_forwards(demo) -> Iterator[Callable[[], tuple[list[int], Any]]]:
    """A function that starts counting the network's forward passes: it returns a list, which
    collects the size of each, and a hook, whose `remove` stops the count.
    """
    hooks = []

    def start() -> tuple[list[int], Any]:
        sizes: list[int] = []
        network = demo.model.model.diffusion_model
        hooks.append(network.register_forward_pre_hook(lambda m, args: sizes.append(len(args[0]))))
        return sizes, hooks[-1]

    yield start
    for hook in hooks:
        hook.remove()


@pytest.fixture(autouse=True)
def as_comfyui_runs_nodes() -> Iterator[None]:
    with torch.inference_mode():
        yield
