"""Edits that are cancelled at any moment: they stop at once and leave the next one as it was."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.soak.progress import bar
from tests.soak.workloads import LONGEST, WORKLOADS, result, salted
from tools.comfy_server import ComfyServer, Workflow, WorkflowError

SECONDS = 1.0
"""An edit stops within one evaluation of the model or so long."""

EVERY = 10
"""Only so often the workload that takes longest, Mask Refine on large pictures."""


@dataclass
class Run:
    """One run in a thread of its own.

    steps: when each step of a sampler was done.  stopped: whether it was interrupted.
    """

    comfy: ComfyServer
    workflow: Workflow
    steps: list[float] = field(default_factory=list)
    stopped: bool = False
    ended: float = 0.0

    def start(self) -> threading.Thread:
        thread = threading.Thread(target=self._run)
        thread.start()
        return thread

    def _run(self) -> None:
        try:
            self.comfy.run(self.workflow, self._note, seconds=LONGEST)
        except WorkflowError as error:
            self.stopped = "interrupted" in str(error)
        self.ended = time.monotonic()

    def _note(self, node: str, done: int, total: int) -> None:
        if done:
            self.steps.append(time.monotonic())


def interrupts(comfy: ComfyServer, count: int, seed: int = 0) -> dict[str, Any]:
    """Interrupt `count` runs at random moments, and run each again to its end."""
    rng = random.Random(seed)
    expected, lasts = {}, {}
    for name, workload in WORKLOADS.items():
        result(comfy, salted(workload(), "warm"))
        began = time.monotonic()
        expected[name] = result(comfy, salted(workload(), "reference"))
        lasts[name] = time.monotonic() - began
    waits, late, different = [], [], []
    quick = [name for name in WORKLOADS if name != "Mask Refine"]
    tried = 0
    with bar(total=count, desc="interrupts") as done:
        while len(waits) < count:
            tried += 1
            name = "Mask Refine" if len(waits) % EVERY == EVERY - 1 else rng.choice(quick)
            after = rng.uniform(0, lasts[name])
            run = Run(comfy, salted(WORKLOADS[name](), f"cut {seed} {tried}"))
            thread = run.start()
            time.sleep(after)
            asked = time.monotonic()
            comfy.interrupt()
            thread.join()
            if not run.stopped:  # it had ended
                if tried > 3 * count:
                    break
                continue
            wait = run.ended - asked
            evaluations = sum(moment > asked for moment in run.steps)
            waits.append(wait)
            one = {"workload": name, "after": after, "wait": wait, "evaluations": evaluations}
            if wait > SECONDS and evaluations != 1:
                late.append(one)
            again = result(comfy, salted(WORKLOADS[name](), f"again {seed} {tried}"))
            if not np.array_equal(again, expected[name]):
                different.append(one)
            done.update()
    return {
        "runs": len(waits),
        "median_wait": float(np.median(waits)),
        "longest_wait": max(waits),
        "late": late,
        "lost": len(different),
        "different": different,
        "seconds_of_a_run": lasts,
    }
