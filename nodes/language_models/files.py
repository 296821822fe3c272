"""Whether a model folder is whole, found out before anything is loaded from it."""

import json
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open

WEIGHTS = "model.safetensors"
SHARD_INDEX = "model.safetensors.index.json"

# Of each, any one will do; the first is what most folders have.
TOKENIZER = ("tokenizer.json", "tokenizer.model", "spiece.model", "vocab.txt", "vocab.json")
PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")


def check_files(folder: Path, needed: Sequence[Sequence[str]]) -> None:
    """Raise ValueError where weights are missing, pickled or damaged, or one of the needed files is
    missing.

    needed: TOKENIZER and the like.
    """
    for weights in _weight_files(folder):
        _check_readable(weights)
    for choices in needed:
        if not has_any(folder, choices):
            raise ValueError(
                f"model: {folder} lacks {choices[0]}; put the file there that belongs to the model."
            )


def has_any(folder: Path, names: Sequence[str]) -> bool:
    """Whether the folder holds a file of one of the names."""
    return any((folder / name).is_file() for name in names)


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files that hold the weights."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = folder / SHARD_INDEX
    if index.is_file():
        return _shards(index)
    if any(folder.glob("*.bin")):
        raise ValueError(
            f"model: the weights in {folder} are pickled (.bin), which can run foreign code when "
            f"loaded; put {WEIGHTS} there instead."
        )
    raise ValueError(f"model: {folder} holds no weights; put {WEIGHTS} there.")


def _shards(index: Path) -> list[Path]:
    try:
        weight_map = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shards = [index.parent / name for name in sorted(set(weight_map.values()))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"model: {index} is damaged; download that file again.") from error
    for shard in shards:
        if not shard.is_file():
            raise ValueError(
                f"model: {shard} is missing, one of {len(shards)} parts of the weights; download "
                "that file too."
            )
    return shards


def _check_readable(path: Path) -> None:
    try:
        with safe_open(path, "pt"):
            pass
    except SafetensorError as error:
        raise ValueError(
            f"model: {path} is damaged or incomplete; delete it and download it again."
        ) from error
