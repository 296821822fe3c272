"""Where language and caption models lie: folders in Hugging Face's layout below models/LLM.

A folder is found one level deep (LLM/flan-t5-base) or two (LLM/google/flan-t5-base), in the places
that extra_model_paths.yaml names under LLM as well.
"""

import json
import os
from pathlib import Path

import folder_paths

KEY = "LLM"
folder_paths.add_model_folder_path(KEY, os.path.join(folder_paths.models_dir, KEY))


def home() -> Path:
    """The folder that new models go into."""
    return Path(folder_paths.get_folder_paths(KEY)[0])


def model_folders() -> dict[str, Path]:
    """Every folder that holds a config.json, by its name below the place it was found in."""
    found: dict[str, Path] = {}
    for place in map(Path, folder_paths.get_folder_paths(KEY)):
        for folder in sorted([*place.glob("*"), *place.glob("*/*")]):
            parent_is_model = folder.parent != place and (folder.parent / "config.json").is_file()
            if (folder / "config.json").is_file() and not parent_is_model:
                found.setdefault(folder.relative_to(place).as_posix(), folder)
    return found


def model_type(folder: Path) -> str | None:
    """The kind of model, such as "t5", that the folder's config.json states.

    Raises ValueError where that is not a JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        config = None
    if not isinstance(config, dict):
        raise ValueError(f"model: {path} is not readable JSON; download that file again.")
    return config.get("model_type")
