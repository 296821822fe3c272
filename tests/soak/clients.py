"""Two clients of one server, and two servers with one output folder, at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.soak.server import soak_server
from tests.soak.workloads import result, salted, stages
from tools.comfy_server import ComfyServer, ServerError, Workflow, WorkflowError

FRUITS = ("apples", "pears")


def two_clients(comfy: ComfyServer, count: int) -> dict[str, Any]:
    """Each client makes `count` edits of its own kind, while the other makes its own."""
    expected = [result(comfy, salted(_edit(fruit), "alone")) for fruit in FRUITS]
    lost = _at_once([comfy, comfy], expected, count, lambda number: "DiffEdit")
    return {"runs": 2 * count, "lost": sum(lost)}


def two_servers(folder: Path, count: int) -> dict[str, Any]:
    """Each server makes `count` edits into the output folder of the first.

    Each has a prefix of its own: ComfyUI's Save Image looks for a free number by itself, and two
    servers may find the same.
    """
    with soak_server(folder / "first") as first:
        shared = str(first.base / "output")
        with soak_server(folder / "second", ["--output-directory", shared]) as second:
            expected = [result(first, salted(_edit(fruit), "alone")) for fruit in FRUITS]
            before = len(list(Path(shared).glob("*.png")))
            lost = _at_once([first, second], expected, count, lambda number: f"server{number}")
            missing = before + 2 * count - len(list(Path(shared).glob("*.png")))
    return {"runs": 2 * count, "lost": sum(lost) + missing}


def _at_once(
    servers: list[ComfyServer],
    expected: list[np.ndarray],
    count: int,
    prefix: Callable[[int], str],
) -> list[int]:
    """How many edits of each client failed or became another picture."""
    lost = [0, 0]

    def client(number: int) -> None:
        workflow = _edit(FRUITS[number])
        workflow["edit"]["inputs"]["filename_prefix"] = prefix(number)
        for turn in range(count):
            try:
                edited = result(servers[number], salted(workflow, f"client {number} {turn}"))
                lost[number] += not np.array_equal(edited, expected[number])
            except (ServerError, WorkflowError):
                lost[number] += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return lost


def _edit(fruit: str) -> Workflow:
    workflow = stages()
    workflow["target_prompt"]["inputs"]["text"] = f"a blue bowl of {fruit} on a wooden table"
    return workflow
