"""What transformers gets to see of a model folder: a copy of the files that describe the network
and the tokenizer, without what would lead it elsewhere.

A configuration may name code to run, kernels to fetch, other folders and other files, and the
releases of transformers differ in what they heed. Files that never end or fill the memory are kept
out with it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..adapter.error_reason import error_reason
from .files import ADAPTER, SHARD_INDEX
from .folders import read_config
from .json_object import read_object

LARGEST = 1 << 27
"""In bytes, all files together; the largest tokenizers have a third of it."""

# Files of tokenizers: those that must be JSON objects, and all of these kinds.
OBJECTS = ("tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json")
KINDS = (".json", ".txt", ".model", ".spm", ".codes", ".tiktoken", ".tokenizer", ".jinja")
OTHERS = ("config.json", "tokenizer_config.json", "generation_config.json", ADAPTER, SHARD_INDEX)

# How to load and run, which is ours to say, and labels of classifiers.
NOT_OF_THE_NETWORK = {
    *("auto_map", "attn_implementation", "experts_implementation", "transformers_weights"),
    *("fusion_config", "kernel_config", "use_kernels", "distributed_config", "quantization_config"),
    *("torch_dtype", "dtype", "name_or_path", "num_labels", "id2label", "label2id"),
    *("gguf_file", "torchscript", "output_attentions", "output_hidden_states", "return_dict"),
}
NOT_OF_THE_TOKENIZER = {"auto_map", "init_inputs", "name_or_path", "processor_class"}


@contextmanager
def clean_copy(folder: Path) -> Iterator[Path]:
    """A temporary folder with config.json and the tokenizer's files.

    Raises ValueError where one of them is damaged, or the copy cannot be made.
    """
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            copy = Path(name)
            _fill(copy, folder)
            yield copy
    except OSError as error:
        raise ValueError(
            f"model: the small files of {folder} cannot be copied to {tempfile.gettempdir()} "
            f"({error_reason(error)}); make room there, or see that both may be used."
        ) from error


def _fill(copy: Path, folder: Path) -> None:
    (copy / "config.json").write_text(json.dumps(_network_part(read_config(folder))))
    settings = _checked_object(folder / "tokenizer_config.json")
    (copy / "tokenizer_config.json").write_text(json.dumps(_tokenizer_part(settings)))
    for name in OBJECTS:
        _checked_object(folder / name)
    room = LARGEST
    for name in sorted(os.listdir(folder)):
        path = folder / name
        if name in OTHERS or path.suffix not in KINDS or not path.is_file():
            continue
        size = path.stat().st_size
        if not size:  # also what /proc makes up while it is read
            continue
        room -= size
        if room < 0:
            raise ValueError(
                f"model: the files of the tokenizer in {folder} are larger than any tokenizer's; "
                "leave only the model's own files there."
            )
        shutil.copyfile(path, copy / name)


def _checked_object(path: Path) -> dict[str, Any]:
    """What a JSON file holds; nothing where there is none."""
    if not os.path.lexists(path):
        return {}
    found = read_object(path, LARGEST)
    if found is None:
        raise ValueError(f"model: {path} is no readable JSON object; download that file again.")
    return found


def _network_part(config: Any) -> Any:
    """The configuration, at every depth without what is not of the network."""
    if isinstance(config, list):
        return [_network_part(value) for value in config]
    if not isinstance(config, dict):
        return config
    return {
        key: _network_part(value)
        for key, value in config.items()
        if key not in NOT_OF_THE_NETWORK and not key.startswith("_")
    }


def _tokenizer_part(settings: dict[str, Any]) -> dict[str, Any]:
    kept = {
        key: value
        for key, value in settings.items()
        if key not in NOT_OF_THE_TOKENIZER
        and not key.startswith("_")
        and not key.endswith(("_file", "_files"))
    }
    # transformers would make an object of any of its classes.
    if "Token" not in str(kept.get("tokenizer_class")):
        kept.pop("tokenizer_class", None)
    return kept
