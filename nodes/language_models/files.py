"""Whether a model folder is whole, found out before anything is loaded from it."""

import os
from collections.abc import Sequence
from glob import glob
from pathlib import Path

from safetensors import safe_open

from .json_object import read_object

WEIGHTS = "model.safetensors"
SHARD_INDEX = "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
LARGEST_INDEX = 1 << 26
"""In bytes; those of the largest models have some ten million."""

# Of each, any one will do; the first is what most folders have.
TOKENIZER = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")
PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")


def check_files(folder: Path, needed: Sequence[Sequence[str]]) -> None:
    """Raise ValueError where weights are missing, pickled or damaged, or one of the needed files is
    missing.

    needed: TOKENIZER and the like.
    """
    for weights in weight_files(folder):
        _check_readable(weights)
    for choices in needed:
        if not has_any(folder, choices):
            raise ValueError(
                f"model: {folder} lacks {choices[0]}; put the file there that belongs to the model."
            )


def has_any(folder: Path, names: Sequence[str]) -> bool:
    """Whether the folder holds a file of one of the names."""
    # Unlike Path.is_file this is False whatever the disk says.
    return any(os.path.isfile(folder / name) for name in names)


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights; errors as of `check_files`."""
    if has_any(folder, [WEIGHTS]):
        return [folder / WEIGHTS]
    if has_any(folder, [SHARD_INDEX]):
        return _shards(folder / SHARD_INDEX)
    if glob("*.bin", root_dir=folder):
        raise ValueError(
            f"model: the weights in {folder} are pickled (.bin), which can run foreign code when "
            f"loaded; put {WEIGHTS} there instead."
        )
    raise ValueError(f"model: {folder} holds no weights; put {WEIGHTS} there.")


def _shards(index: Path) -> list[Path]:
    weight_map = (read_object(index, LARGEST_INDEX) or {}).get("weight_map")
    names = list(weight_map.values()) if isinstance(weight_map, dict) else []
    if not names or not all(map(_is_beside, names)):
        raise ValueError(f"model: {index} is damaged; download that file again.")
    shards = [index.parent / name for name in sorted(set(names))]
    for shard in shards:
        if not os.path.isfile(shard):
            raise ValueError(
                f"model: {shard} is missing, one of {len(shards)} parts of the weights; download "
                "that file too."
            )
    return shards


def _is_beside(name: object) -> bool:
    """Whether it is a name of a safetensors file in the index's own folder."""
    return isinstance(name, str) and name.endswith(".safetensors") and Path(name).name == name


def _check_readable(path: Path) -> None:
    try:
        with safe_open(path, "pt"):
            pass
    except Exception as error:  # a header may be wrong in many ways, and the disk too
        raise ValueError(
            f"model: {path} is damaged or incomplete; delete it and download it again."
        ) from error
