"""Pictures for the editor alone, in ComfyUI's temporary folder.

ComfyUI empties it when it starts, and no sooner; so of ours only the latest stay.
"""

import uuid
from contextlib import suppress
from pathlib import Path

import folder_paths
import numpy as np
from comfy_api.latest import io, ui
from PIL import Image

MOST = 200
"""So many files stay, some 200 MB of megapixel pictures."""

PREFIX = "diffedit_"


def save(pixels: np.ndarray) -> ui.SavedResult:
    """Save uint8 pixels `[H, W]` or `[H, W, 3]` as they are; returns where /view finds them.

    Raises OSError where the folder cannot be written; then nothing is left of the picture.
    """
    folder = Path(folder_paths.get_temp_directory())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PREFIX}{uuid.uuid4().hex}.png"
    try:
        Image.fromarray(pixels).save(path, compress_level=1)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return ui.SavedResult(path.name, "", io.FolderType.temp)


def remove_oldest() -> None:
    """Leave the latest MOST of these pictures."""
    folder = Path(folder_paths.get_temp_directory())
    with suppress(OSError):  # of another server on the same folder, say
        ours = sorted(folder.glob(f"{PREFIX}*.png"), key=lambda path: path.stat().st_mtime)
        for path in ours[:-MOST]:
            path.unlink()
