"""DiffEdit for ComfyUI: edit a picture with two prompts, without painting a mask."""

from .nodes import DiffEditExtension

WEB_DIRECTORY = "./web"


async def comfy_entrypoint() -> DiffEditExtension:
    return DiffEditExtension()
