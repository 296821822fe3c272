"""What a benchmark leaves in output/."""

from __future__ import annotations

import json
from typing import Any

from PIL import Image

from tools.comfy_server import PACK

OUTPUT = PACK / "output"


def save_report(name: str, report: dict[str, Any], drawing: Image.Image | None = None) -> None:
    """Write output/<name>.json, and the drawing beside it."""
    OUTPUT.mkdir(exist_ok=True)
    (OUTPUT / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    if drawing:
        drawing.save(OUTPUT / f"{name}.png")
