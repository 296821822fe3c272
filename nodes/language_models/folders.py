"""Where language and caption models lie: folders in Hugging Face's layout below models/LLM.

A folder is found directly there (LLM/flan-t5-base) or one deeper (LLM/google/flan-t5-base), in the
places that extra_model_paths.yaml names under LLM as well.
"""

import json
import os
from glob import glob
from pathlib import Path
from typing import Any

import folder_paths

KEY = "LLM"
LARGEST_CONFIG = 1 << 20
folder_paths.add_model_folder_path(KEY, os.path.join(folder_paths.models_dir, KEY))


def places() -> list[Path]:
    """The folders that model folders lie in, the one for new models first."""
    return [Path(place) for place in folder_paths.get_folder_paths(KEY)]


def model_folders() -> dict[str, Path]:
    """Every folder that holds a config.json, by its name below the place it was found in."""
    found: dict[str, Path] = {}
    for place in places():
        # Unlike Path.glob this passes over what may not be read.
        configs = glob("*/config.json", root_dir=place) + glob("*/*/config.json", root_dir=place)
        names = {Path(config).parent for config in configs}
        for name in sorted(names):
            if name.parent not in names:
                found.setdefault(name.as_posix(), place / name)
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """The folder's config.json, with the kind of model, such as "t5", as its "model_type".

    Raises ValueError where it is no JSON object or says no kind.
    """
    path = folder / "config.json"
    try:
        # A pipe would never end, and real ones have a few kilobytes.
        readable = path.is_file() and path.stat().st_size <= LARGEST_CONFIG
        config = json.loads(path.read_text(encoding="utf-8")) if readable else None
    except (OSError, ValueError, RecursionError):
        config = None
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise ValueError(
            f"model: {path} is no readable JSON with a model_type; download that file again."
        )
    return config
