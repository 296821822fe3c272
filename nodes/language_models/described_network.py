"""The network that a configuration describes, before there is memory for it.

A configuration of a few lines can ask for any number of numbers, and memory is full before anyone
notices that the weights have other ones.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.nn.modules.module import (
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from transformers import PretrainedConfig, PreTrainedModel

# A tied or merged tensor stands for several, and most modules hold no tensor.
PARTS_PER_TENSOR, FEW_PARTS = 20, 2000
# Tensors that are computed, not stored, such as masks and positions, have a size of their own. A
# stored number takes four bytes at most.
BYTES_PER_NUMBER, FEW_BYTES = 8, 1 << 30

TOO_LARGE = "its config.json asks for a larger network than its weights fill"


def check_layers(config: dict[str, Any], tensors: int) -> None:
    """Raise ValueError where a config.json states many more layers than there are tensors in the
    weights: to make an object of it takes time and memory for each.
    """
    for key, value in config.items():
        if isinstance(value, dict):
            check_layers(value, tensors)
        elif "layer" in key and isinstance(value, int) and value > FEW_PARTS + tensors:
            raise ValueError(TOO_LARGE)


def described_network(
    build: Callable[[PretrainedConfig], PreTrainedModel],
    config: PretrainedConfig,
    weights: dict[str, torch.Tensor],
) -> PreTrainedModel:
    """Return the network on the meta device, where tensors have shapes and no memory.

    Raises ValueError where it is larger than its weights, and whatever `build` does.
    """
    with torch.device("meta"), _at_most(FEW_PARTS + PARTS_PER_TENSOR * len(weights)):
        network = build(config)
    described = (*network.parameters(), *network.buffers())
    size = sum(tensor.numel() * tensor.element_size() for tensor in described)
    stored = sum(tensor.numel() for tensor in weights.values())
    if size > FEW_BYTES + BYTES_PER_NUMBER * stored:
        raise ValueError(TOO_LARGE)
    return network


@contextmanager
def _at_most(parts: int) -> Iterator[None]:
    """Let this thread make no network of more modules and parameters."""
    thread, left = threading.get_ident(), parts

    def count(module: torch.nn.Module, name: str, part: Any) -> None:
        nonlocal left
        if threading.get_ident() == thread:
            left -= 1
            if left < 0:
                raise ValueError(TOO_LARGE)

    hooks = [
        register_module_module_registration_hook(count),
        register_module_parameter_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
