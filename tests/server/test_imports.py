"""What the pack adds to ComfyUI's start: nothing but its own modules."""

import json
import subprocess
import sys
import textwrap

from tools.comfy_server import COMFYUI, PACK

LOAD = """
    import asyncio, json, sys
    pack, comfyui = sys.argv[1:]
    sys.path.insert(0, comfyui)
    from comfy.cli_args import args
    args.cpu = True
    import utils.extra_config, nodes, server  # in the order of main.py
    asyncio.run(nodes.init_extra_nodes(init_custom_nodes=False, init_api_nodes=False))
    before = set(sys.modules)
    assert asyncio.run(nodes.load_custom_node(pack))
    print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_importing_the_pack_imports_nothing_else():
    command = [sys.executable, "-c", textwrap.dedent(LOAD), str(PACK), str(COMFYUI)]
    # In ComfyUI's folder, so that its `nodes` is not taken for the pack's.
    done = subprocess.run(command, capture_output=True, text=True, cwd=COMFYUI)
    assert done.returncode == 0, done.stderr
    added = json.loads(done.stdout.splitlines()[-1])
    others = [name for name in added if not name.startswith(str(PACK).replace(".", "_x_"))]
    assert [name for name in added if name not in others], "the pack itself was not imported"
    heavy = ("transformers", "requests", "torchvision", "torch._dynamo", "diffusers")
    assert [name for name in others if name.startswith(heavy)] == []
