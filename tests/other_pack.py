"""Another pack beside this one on a test server."""

import json
from pathlib import Path


def other_pack(folder: Path, code: str, comes_last: bool = True) -> list[str]:
    """Write a pack of that code into the folder; returns the arguments of a ComfyUI that loads it,
    after this pack or before it.
    """
    pack = folder / "custom_nodes" / "TheOtherPack"
    pack.mkdir(parents=True)
    (pack / "__init__.py").write_text(code)
    paths = {"base_path": str(folder), "custom_nodes": "custom_nodes"}
    paths |= {"is_default": not comes_last}
    (folder / "paths.yaml").write_text(json.dumps({"other": paths}))  # JSON is YAML
    return ["--extra-model-paths-config", str(folder / "paths.yaml")]
