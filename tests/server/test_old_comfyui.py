"""A ComfyUI older than the pack has been tested with."""

import subprocess
import sys
import textwrap

import pytest

from tools.comfy_server import COMFYUI, PACK

LOAD = """
    import asyncio, logging, sys
    pack, comfyui, version = sys.argv[1:]
    logging.basicConfig(stream=sys.stdout)
    sys.path.insert(0, comfyui)
    from comfy.cli_args import args
    args.cpu = True
    import comfyui_version, utils.extra_config, nodes, server  # in the order of main.py
    comfyui_version.__version__ = version
    loaded = asyncio.run(nodes.load_custom_node(pack))
    print("loaded" if loaded else "refused", "MaskRefine" in nodes.NODE_CLASS_MAPPINGS)
"""


def load_in(version: str) -> str:
    """What is logged while ComfyUI loads the pack under a version, and what came of it."""
    command = [sys.executable, "-c", textwrap.dedent(LOAD), str(PACK), str(COMFYUI), version]
    done = subprocess.run(command, capture_output=True, text=True, cwd=COMFYUI)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", ["0.3.76", "0.18.1"])
def test_is_named_in_one_sentence(version: str):
    said = load_in(version)
    assert f"DiffEdit: this ComfyUI is {version} and too old; update it to 0.18.2 or newer." in said
    assert "Traceback" not in said
    assert said.endswith("refused False\n")


@pytest.mark.parametrize("version", ["0.18.2", "0.18.3-rc1", "1.0", "unknown"])
def test_others_load(version: str):
    assert load_in(version).endswith("loaded True\n")
