"""A server that is killed in the middle of an edit, or of saving one, and started again."""

from __future__ import annotations

import random
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.soak.progress import bar
from tests.soak.prompts import node
from tests.soak.server import soak_server
from tests.soak.workloads import result, salted, stages
from tools.comfy_server import ComfyServer, ServerError, Workflow

LARGE = 2048
"""Pixels a side of a picture that takes a while to save."""

LONGEST = 60


def kills(folder: Path, count: int, seed: int = 0) -> dict[str, Any]:
    """Kill a server `count` times, in turn at a random moment of an edit and as soon as it has
    begun to save one; after each, compare an edit by the next server with one from before.
    """
    rng = random.Random(seed)
    expected: np.ndarray | None = None
    lasts = 0.0
    different, left, half_written = 0, 0, 0
    with bar(total=count, desc="kills") as done:
        for number in range(count + 1):
            with soak_server(folder) as comfy:
                left += len(_files(comfy, "temp"))
                began = time.monotonic()
                edited = result(comfy, salted(stages(), f"edit {number}"))
                if expected is None:
                    expected = edited
                    lasts = time.monotonic() - began
                else:
                    different += not np.array_equal(edited, expected)
                    done.update()
                if number == count:
                    break
                if number % 2:
                    _kill_at_file(comfy, salted(_large(), f"cut {number}"))
                else:
                    moment = rng.uniform(0.2, 0.9) * lasts
                    _kill_after(comfy, salted(stages(), f"cut {number}"), moment)
            broken = [file for file in _files(comfy, "output") if not is_whole(file)]
            half_written += len(broken)
            for file in broken:
                file.unlink()
    return {
        "runs": count,
        "lost": different,
        "temporary_files_left": left,
        "half_written_by_save_image": half_written,
    }


def _kill_after(comfy: ComfyServer, workflow: Workflow, seconds: float) -> None:
    thread = _running(comfy, workflow)
    time.sleep(seconds)
    comfy.process.kill()
    thread.join()


def _kill_at_file(comfy: ComfyServer, workflow: Workflow) -> None:
    """Kill the server as soon as there is one more file in its output."""
    before = len(_files(comfy, "output"))
    deadline = time.monotonic() + LONGEST
    thread = _running(comfy, workflow)
    while len(_files(comfy, "output")) == before and time.monotonic() < deadline:
        time.sleep(0.001)
    comfy.process.kill()
    thread.join()


def _running(comfy: ComfyServer, workflow: Workflow) -> threading.Thread:
    def run() -> None:
        with suppress(ServerError, OSError):  # it was killed
            comfy.run(workflow)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def _large() -> Workflow:
    """The stages, with their edit enlarged before it is saved."""
    workflow = stages()
    size = {"width": LARGE, "height": LARGE, "crop": "disabled", "upscale_method": "bilinear"}
    workflow["enlarge"] = node("ImageScale", image=workflow["edit"]["inputs"]["images"], **size)
    workflow["edit"]["inputs"]["images"] = ["enlarge", 0]
    return workflow


def _files(comfy: ComfyServer, folder: str) -> list[Path]:
    return [file for file in (comfy.base / folder).rglob("*.png") if file.is_file()]


def is_whole(file: Path) -> bool:
    try:
        with Image.open(file) as picture:
            picture.load()
    except OSError:
        return False
    return True
