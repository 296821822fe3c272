"""DiffEdit for ComfyUI: edit a picture with two prompts, without painting a mask."""

import logging
import re

from comfyui_version import __version__ as comfyui

OLDEST = [0, 18, 2]
"""The oldest ComfyUI that the pack is tested with; `requires-comfyui` in pyproject.toml."""

version = [int(number) for number in re.findall(r"\d+", comfyui)]
if version and version < OLDEST:
    oldest = ".".join(map(str, OLDEST))
    logging.error(
        f"DiffEdit: this ComfyUI is {comfyui} and too old; update it to {oldest} or newer."
    )
else:
    from .nodes import DiffEditExtension

    WEB_DIRECTORY = "./web"

    async def comfy_entrypoint() -> DiffEditExtension:
        return DiffEditExtension()
