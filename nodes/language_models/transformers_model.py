"""Models of the transformers library, loaded and offloaded by ComfyUI's memory management."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import comfy.model_management
import comfy.model_patcher
import torch
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from ..adapter.error_reason import error_reason


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
    folder: Path, network_class: Callable[[PretrainedConfig], Any], processor_class: Any
) -> TransformersModel:
    """Load a model from its folder alone, without the network and without foreign code.

    network_class: of transformers, for the folder's configuration.  processor_class: the same for
    what prepares the network's input.
    Raises ValueError where the files do not fit together.
    """
    device = comfy.model_management.text_encoder_device()
    # T5 overflows in float16.
    bfloat16 = comfy.model_management.should_use_bf16(device)
    try:
        # Some releases of transformers draw random weights before they read the stored ones.
        with torch.random.fork_rng(devices=[]):
            config = AutoConfig.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            network, loading = network_class(config).from_pretrained(
                folder,
                # The name that every release knows; `network.to` would round float32 buffers too.
                torch_dtype=torch.bfloat16 if bfloat16 else torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
        processor = processor_class.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # transformers and tokenizers raise whatever comes
        raise ValueError(
            f"model: {folder} cannot be loaded ({error_reason(error)}); download its files again."
        ) from error
    # These transformers has filled with random values.
    random = {*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])}
    if random:
        raise ValueError(
            f"model: the weights in {folder} do not belong to its config.json: {len(random)} of "
            f"{type(network).__name__}'s tensors are missing or of another size, {min(random)} for "
            "one; download both again."
        )
    return TransformersModel(network, processor)
