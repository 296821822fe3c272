"""Models of the transformers library, loaded and offloaded by ComfyUI's memory management."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.model_patcher
import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from .clean_copy import clean_copy
from .described_network import check_layers, described_network
from .files import weight_files
from .folders import read_config
from .foreign import explained
from .token_ids import set_token_ids


class TransformersModel:
    """A network with what prepares its input: a tokenizer, or a processor of pictures and text."""

    def __init__(self, network: PreTrainedModel, processor: Any):
        self.processor = processor
        self.patcher = comfy.model_patcher.ModelPatcher(
            _Holder(network.eval()),
            load_device=comfy.model_management.text_encoder_device(),
            offload_device=comfy.model_management.text_encoder_offload_device(),
        )

    def load(self) -> Any:
        """Return the network on the device it runs on; ComfyUI offloads it when it needs room."""
        comfy.model_management.load_models_gpu([self.patcher], force_full_load=True)
        return self.patcher.model.network


class _Holder(torch.nn.Module):
    """ModelPatcher writes to `device`, which transformers' models only let one read."""

    def __init__(self, network: PreTrainedModel):
        super().__init__()
        self.network = network
        self.device = network.device


def load_folder(
    folder: Path,
    build_network: Callable[[Any], PreTrainedModel],
    build_processor: Callable[[Path, Any], Any],
) -> TransformersModel:
    """Load a model from its folder alone, without the network and without foreign code.

    build_network: of a class of transformers, from the folder's configuration.  build_processor:
    what prepares the network's input, from a clean copy of the folder and the network; both may
    raise ValueError with a reason, as part of a sentence.
    Raises ValueError where the files are damaged or do not fit together.
    """

    def sentence(reason: str) -> str:
        return f"model: {folder} cannot be loaded ({reason}); download its files again."

    with clean_copy(folder) as copy, explained(sentence):
        weights = {
            name: tensor
            for path in weight_files(folder)
            for name, tensor in load_file(path).items()
        }
        check_layers(read_config(copy), len(weights))
        config = AutoConfig.from_pretrained(copy, local_files_only=True, trust_remote_code=False)
        # Some releases of transformers draw random weights before they read the stored ones.
        with torch.random.fork_rng(devices=[]):
            network, loading = _filled(described_network(build_network, config, weights), weights)
        processor = build_processor(copy, network)
    _check_filled(folder, network, loading)
    set_token_ids(network, folder)
    return TransformersModel(network, processor)


def _filled(described: Any, weights: dict[str, Tensor]) -> tuple[Any, dict[str, Any]]:
    """The network with its weights, and what transformers reports of them.

    It is given no folder to look around in: in some there are adapters to other models, other
    weights, or settings of where to find them.
    """
    # T5 overflows in float16.
    bfloat16 = comfy.model_management.should_use_bf16(comfy.model_management.text_encoder_device())
    return type(described).from_pretrained(
        None,
        config=described.config,
        state_dict=weights,
        # The name that every release knows; `network.to` would round float32 buffers too.
        torch_dtype=torch.bfloat16 if bfloat16 else torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
    )


def _check_filled(folder: Path, network: PreTrainedModel, loading: dict[str, Any]) -> None:
    # These transformers has filled with random values.
    random = {*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])}
    if random:
        raise ValueError(
            f"model: the weights in {folder} do not belong to its config.json: {len(random)} of "
            f"{type(network).__name__}'s tensors are missing or of another size, {min(random)} for "
            "one; download both again."
        )


def tokenizer_of(copy: Path, config: PretrainedConfig) -> PreTrainedTokenizerBase:
    """Load the tokenizer from a clean copy of its folder."""
    tokenizer = AutoTokenizer.from_pretrained(
        copy, config=config, local_files_only=True, trust_remote_code=False
    )
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        raise TypeError("its tokenizer is none")
    return tokenizer
