"""Which tokens begin, end and fill a text: all that is taken of a folder's generation settings.

The rest, such as beams, is the nodes' to say.
"""

import os
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import GenerationConfig

from .folders import LARGEST_CONFIG, read_config
from .json_object import read_object

SETTINGS = "generation_config.json"


def set_token_ids(network: Any, folder: Path) -> None:
    """Give the network's generation the tokens that the folder states and the network has.

    Raises ValueError where the folder's generation settings are damaged, or do not say how a text
    begins to a network that must be told.
    """
    folder_says = _stated(folder)
    for part in network.modules():
        if isinstance(getattr(part, "generation_config", None), GenerationConfig):
            vocabulary = vocabulary_size(part)
            own = _token_ids(part.generation_config.to_dict(), vocabulary)
            part.generation_config = GenerationConfig(**own | _token_ids(folder_says, vocabulary))
    settings = network.generation_config
    first = settings.decoder_start_token_id, settings.bos_token_id
    if network.config.is_encoder_decoder and first == (None, None):
        raise ValueError(
            f"model: neither {SETTINGS} nor config.json in {folder} says with which token a text "
            "begins (decoder_start_token_id); download both again."
        )


def vocabulary_size(network: Any) -> int:
    """How many tokens the network knows. What is none of them must not be given to it: afterwards
    a graphics card serves nobody until ComfyUI is restarted.
    """
    return network.get_input_embeddings().weight.shape[0]


def check_tokens(tokens: Tensor, network: Any) -> None:
    """Raise ValueError, as part of a sentence, where there are no tokens, or one that the network
    does not know.
    """
    if not tokens.numel():
        raise ValueError("its tokenizer makes no token of the text")
    if not 0 <= int(tokens.min()) <= int(tokens.max()) < vocabulary_size(network):
        raise ValueError("its tokenizer makes tokens that it does not know")


def _stated(folder: Path) -> dict[str, Any]:
    path = folder / SETTINGS
    if not os.path.lexists(path):
        return read_config(folder)  # where old models say it
    stated = read_object(path, LARGEST_CONFIG)
    if stated is None:
        raise ValueError(f"model: {path} is no readable JSON object; download that file again.")
    return stated


def _token_ids(stated: dict[str, Any], vocabulary: int) -> dict[str, Any]:
    """The stated token ids that are ids of tokens."""

    def known(value: Any) -> Any:
        return value if type(value) is int and 0 <= value < vocabulary else None

    ids = {name: known(value) for name, value in stated.items() if name.endswith("_token_id")}
    ends = stated.get("eos_token_id")
    if isinstance(ends, list):  # a text may end in several ways
        ids["eos_token_id"] = [end for end in ends if known(end) is not None] or None
    return {name: value for name, value in ids.items() if value is not None}
