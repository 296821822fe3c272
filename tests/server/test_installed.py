"""A server with the models and the other packs of a ComfyUI that somebody has installed."""

from pathlib import Path

import requests

from tests.other_pack import other_pack
from tools.comfy_server import COMFYUI, PACK, ComfyServer

OTHER = """
class Other:
    RETURN_TYPES = ()
    FUNCTION = "run"
    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}
NODE_CLASS_MAPPINGS = {"OfAnInstalledPack": Other}
"""


def test_models_and_packs_are_there(tmp_path: Path):
    installed = tmp_path / "ComfyUI"
    installed.mkdir()
    for one in COMFYUI.iterdir():
        if one.name not in ("models", "custom_nodes"):
            (installed / one.name).symlink_to(one)
    other_pack(installed, OTHER)
    (installed / "custom_nodes" / "a-name-of-ours").symlink_to(PACK, target_is_directory=True)
    checkpoints = installed / "models" / "checkpoints"
    checkpoints.mkdir(parents=True)
    (checkpoints / "mine.safetensors").write_bytes(b"")
    with ComfyServer(comfyui=installed, installed=True) as server:
        nodes = requests.get(f"{server.url}/object_info").json()
        log = server.log_path.read_text()
    loader = nodes["CheckpointLoaderSimple"]["input"]["required"]["ckpt_name"]
    assert "mine.safetensors" in str(loader)
    assert "OfAnInstalledPack" in nodes
    assert nodes["DiffEdit"]["python_module"] == "custom_nodes.DiffEdit"
    assert "a-name-of-ours" not in log  # the pack is loaded once
    assert (checkpoints / "mine.safetensors").exists()  # only links were removed
