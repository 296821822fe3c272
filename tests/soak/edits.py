"""Many edits in a row: what they leave in memory, in open files and in the temporary folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import psutil

from tests.soak.progress import bar
from tests.soak.workloads import one_node, result, salted, stages, stock
from tools.comfy_server import ComfyServer, Workflow

WARM = 0.25
"""This fraction of the edits is left out of the slope: caches fill and models load."""


def edits(comfy: ComfyServer, count: int) -> dict[str, Any]:
    """`count` edits, by the stages and by the one node in turn, and as many by stock nodes alone;
    returns how much of everything each adds.
    """
    turns = [stages(), one_node()]
    ours = _series(comfy, count, lambda number: turns[number % 2], "edits")
    control = _series(comfy, count, lambda number: stock(), "stock edits")
    return {"runs": count, "lost": ours["lost"], "ours": ours, "stock": control}


def _series(
    comfy: ComfyServer, count: int, workflow: Callable[[int], Workflow], name: str
) -> dict[str, Any]:
    process = psutil.Process(comfy.process.pid)
    rows = []
    lost = 0
    expected: dict[int, np.ndarray] = {}
    for number in bar(range(count), desc=name):
        edited = result(comfy, salted(workflow(number), f"{name} {number}"))
        lost += not np.array_equal(edited, expected.setdefault(number % 2, edited))
        rows.append((_memory(process), process.num_fds(), _temporary(comfy)))
    memory, handles, temporary = np.array(rows, dtype=float).T
    return {
        "lost": lost,
        "memory_mb": [memory[0], memory[-1]],
        "memory_mb_per_edit": _slope(memory),
        "handles": [int(handles[0]), int(handles[-1])],
        "handles_per_edit": _slope(handles),
        "temporary_kb": [temporary[0], temporary[-1]],
        "temporary_kb_per_edit": _slope(temporary),
    }


def _slope(values: np.ndarray) -> float:
    values = values[int(WARM * len(values)) :]
    return float(np.polyfit(np.arange(len(values)), values, 1)[0])


def _memory(process: psutil.Process) -> float:
    """Resident, in MB."""
    return process.memory_info().rss / 2**20


def _temporary(comfy: ComfyServer) -> float:
    """The size of the temporary folder in kB."""
    folder = comfy.base / "temp"
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1000
