"""The same seed gives the same edit: on another server, with other threads, in a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.soak.prompts import node
from tests.soak.server import soak_server
from tests.soak.workloads import LONGEST, WORKLOADS, salted
from tools.comfy_server import ComfyServer, Workflow

BATCH = 3


def determinism(folder: Path) -> dict[str, Any]:
    """The largest differences of a pixel, in 1/255, and how many edits a restart changes."""
    expected = _edits(folder, threads=1)
    again = _edits(folder, threads=1)
    threaded = _edits(folder, threads=2)
    kinds = [name for name in expected if not name.endswith("batch")]
    return {
        "runs": len(kinds),
        "lost": sum(bool(_difference(expected[name], again[name])) for name in kinds),
        "restart": max(_difference(expected[name], again[name]) for name in kinds),
        "two_threads": {name: _difference(expected[name], threaded[name]) for name in kinds},
        "in_a_batch": {
            name: _difference(expected[name], expected[f"{name}, batch"]) for name in kinds
        },
    }


def _edits(folder: Path, threads: int) -> dict[str, np.ndarray]:
    """The first picture of each workload, alone and in a batch of equal ones: the noise of the
    others is their own.
    """
    with soak_server(folder, through=["env", f"OMP_NUM_THREADS={threads}"]) as comfy:
        found = {}
        for name, workload in WORKLOADS.items():
            if name == "Mask Refine":  # its pictures are a batch already
                continue
            found[name] = _first(comfy, salted(workload(), "alone"))
            found[f"{name}, batch"] = _first(comfy, salted(_in_a_batch(workload()), "batch"))
    return found


def _first(comfy: ComfyServer, workflow: Workflow) -> np.ndarray:
    return np.asarray(comfy.images(comfy.run(workflow, seconds=LONGEST), "edit")[0]).astype(int)


def _in_a_batch(workflow: Workflow) -> Workflow:
    workflow["alone"] = workflow["source"]
    workflow["source"] = node("RepeatImageBatch", image=["alone", 0], amount=BATCH)
    return workflow


def _difference(one: np.ndarray, other: np.ndarray) -> int:
    return int(np.abs(one - other).max())
