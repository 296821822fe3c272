"""The modules of this folder that need transformers, imported when a node runs."""

import importlib
from types import ModuleType

from ..adapter.error_reason import error_reason


def imported(name: str) -> ModuleType:
    """Return the module of this folder: "writing" or "captioning".

    Raises ValueError where transformers, or a package that it needs, cannot be imported.
    """
    try:
        return importlib.import_module(f".{name}", __package__)
    except Exception as error:  # transformers raises whatever comes
        raise ValueError(
            f"transformers: this library, which reads and writes the words, cannot be used "
            f"({error_reason(error)}); install the pack's requirements.txt with the Python that "
            "runs ComfyUI."
        ) from error
