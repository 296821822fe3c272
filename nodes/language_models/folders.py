"""Where language and caption models lie: folders in Hugging Face's layout below models/LLM.

A folder is found directly there (LLM/flan-t5-base) or one deeper (LLM/google/flan-t5-base), in the
places that extra_model_paths.yaml names under LLM as well.

ComfyUI lists them while it registers the nodes, so that nothing here may raise or take long,
whatever lies in those places.
"""

import os
import time
import unicodedata
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import folder_paths

from .json_object import read_object

KEY = "LLM"
LARGEST_CONFIG = 1 << 20
"""In bytes; real ones have a few kilobytes."""
MOST_SECONDS = 5.0
"""After which a list ends with what has been found."""
MOST_FOLDERS = 10_000
"""How many entries of one folder are looked at."""
folder_paths.add_model_folder_path(KEY, os.path.join(folder_paths.models_dir, KEY))


def places() -> list[Path]:
    """The folders that model folders lie in, the one for new models first."""
    return [Path(place) for place in folder_paths.get_folder_paths(KEY)]


def model_folders() -> Iterator[tuple[str, Path]]:
    """Every folder that holds a config.json, after its name below the place it was found in.

    It ends after MOST_SECONDS, its caller's time between two folders included.
    """
    end = time.monotonic() + MOST_SECONDS
    found: set[str] = set()
    for place in places():
        for folder in _below(place):
            if time.monotonic() > end:
                return
            name = folder.relative_to(place).as_posix()
            if name not in found and _holds_model(folder):
                found.add(name)
                yield name, folder


def model_folder(name: str) -> Path | None:
    """The folder of a name that `model_folders` gives, found without looking at any other."""
    parts = name.split("/")
    if len(parts) > 2 or not all(map(_is_plain, parts)):
        return None
    for place in places():
        if _holds_model(place / name):
            return place / name
    return None


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json, with the kind of model, such as "t5", as its "model_type".

    Raises ValueError where it is no JSON object or says no kind.
    """
    path = folder / "config.json"
    config = read_object(path, LARGEST_CONFIG) or {}
    kind = config.get("model_type")
    if not isinstance(kind, str) or len(kind) > 100:
        raise ValueError(
            f"model: {path} is no readable JSON with a model_type; download that file again."
        )
    return config


def _below(place: Path) -> Iterator[Path]:
    for folder in _entries(place):
        yield folder
        if not _holds_model(folder):
            yield from _entries(folder)


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in islice(entries, MOST_FOLDERS))
    except Exception:  # no folder, or one that may not or cannot be read
        return []
    return [folder / name for name in names if _is_shown(name)]


def _holds_model(folder: Path) -> bool:
    # Unlike Path.exists this is False whatever the disk says. A config.json of any kind counts, so
    # that what is wrong with it is said when it is chosen.
    return os.path.lexists(folder / "config.json")


def _is_plain(name: str) -> bool:
    return name != ".." and Path(name).name == name and _is_shown(name)


def _is_shown(name: str) -> bool:
    """Whether a name can be shown and sent: no bytes that do not decode, no control characters."""
    return bool(name) and all(
        unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp") for character in name
    )
