"""Pictures for the editor alone, in ComfyUI's temporary folder, which it empties by itself."""

import os
import uuid

import folder_paths
import numpy as np
from comfy_api.latest import io, ui
from PIL import Image


def save(pixels: np.ndarray) -> ui.SavedResult:
    """Save uint8 pixels `[H, W]` or `[H, W, 3]` as they are; returns where /view finds them."""
    folder = folder_paths.get_temp_directory()
    os.makedirs(folder, exist_ok=True)
    name = f"diffedit_{uuid.uuid4().hex}.png"
    Image.fromarray(pixels).save(os.path.join(folder, name), compress_level=1)
    return ui.SavedResult(name, "", io.FolderType.temp)
