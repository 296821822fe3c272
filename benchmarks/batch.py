"""Batches: how fast beside the bare edits, how much memory, and what is left after `kill -9`.

    make bench-batch

Every row is an edit of another of the demo's scenes, at few steps.

1. Bare: edits on one ComfyUI that has all pictures, one after the other.
2. The same rows and some more with one worker, and with two. The rate is that between the first
   result and the last, and overhead what that time is over the seconds that ComfyUI was busy;
   memory is each process' share, when half is done.
3. All rows with two workers, of which one is killed, then a ComfyUI, then the batch itself; the
   same command again makes the rest. Lost are rows without a result, duplicates those that were
   made twice; what was made bare is compared pixel by pixel.

Prints the figures and writes output/bench-batch.json.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import psutil
from PIL import Image

from batch.client import Comfy
from batch.manifest import read_manifest
from batch.results import Results
from batch.workflow import (
    DEFAULT,
    DEFAULT_MAP,
    filled,
    find_places,
    read_workflow,
    saved_as,
    saving_nodes,
)
from lab.render import render
from lab.scenes import edit
from tests.batch.processes import SERVER, WORKER, processes
from tools.comfy_server import PACK, ComfyServer

from .report import save_report

FIRST_SEED = 9_000_000
POLL_SECONDS = 0.1
LONGEST = 600.0


def write_table(folder: Path, rows: int, steps: int) -> list[dict[str, Any]]:
    """Render the scenes, and write a table of their edits; returns its cells."""
    cells: list[dict[str, Any]] = []
    for number in range(rows):
        one = edit(FIRST_SEED + number)
        picture = f"{number}.png"
        Image.fromarray(render(one.source).rgb).save(folder / picture)
        prompts = {"source": one.source.caption, "target": one.target.caption}
        cells.append({"image": picture, **prompts, "steps": steps, "output": str(number)})
    for name, some in {"all": cells, "timed": cells[: rows // 3]}.items():
        with (folder / f"{name}.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, list(cells[0]))
            table.writeheader()
            table.writerows(some)
    return cells


def bare_edits(folder: Path, cells: list[dict[str, Any]]) -> tuple[float, list[np.ndarray]]:
    """The seconds of an edit on a ComfyUI by itself, after a first one, and the edits."""
    workflow = read_workflow(DEFAULT)
    places, saving = find_places(workflow, DEFAULT_MAP), saving_nodes(workflow)
    made: list[np.ndarray] = []
    with ComfyServer() as server:
        comfy = Comfy(server.url, LONGEST)
        for one in cells:
            server.upload(folder / one["image"])
        started = 0.0
        for number, one in enumerate(cells):
            settings = {name: value for name, value in one.items() if name in places}
            comfy.make(saved_as(filled(workflow, places, settings), str(number)), saving)
            started = started or time.perf_counter()  # the first loads the model
        seconds = (time.perf_counter() - started) / (len(cells) - 1)
        for number in range(len(cells)):
            (path,) = (server.base / "output").glob(f"**/{number}-edit_*.png")
            made.append(np.asarray(Image.open(path)))
    return seconds, made


class Batch:
    """A batch in a process of its own."""

    def __init__(self, table: Path, out: Path, workers: int):
        self.out = out
        self.started = time.monotonic()
        command = [sys.executable, "-m", "batch", str(table), "--out", str(out)]
        self.process = subprocess.Popen(
            [*command, "--workers", str(workers)], cwd=PACK, stdout=subprocess.PIPE, text=True
        )

    def done(self) -> int:
        return len(list((self.out / "settings").glob("*.json")))

    def wait_for(self, count: int) -> None:
        """Until so many rows are done."""
        while self.done() < count:
            if self.process.poll() is not None:
                raise RuntimeError(f"The batch ended at {self.done()} of {count} rows.")
            time.sleep(POLL_SECONDS)

    def end(self) -> str:
        """Wait for its end; returns what it says of itself."""
        said, _ = self.process.communicate()
        print(said, end="")
        return said

    def kill(self, word: str) -> None:
        """Kill one of its processes, as a machine that goes down does."""
        processes(self.process.pid, word)[0].kill()


def timed(table: Path, out: Path, workers: int, rows: int) -> dict[str, Any]:
    """The rate of a batch, the seconds until its first result, and its memory."""
    batch = Batch(table, out, workers)
    batch.wait_for(1)
    first, begun = time.monotonic(), batch.done()
    batch.wait_for(rows // 2)
    memory = memory_of(batch)
    batch.wait_for(rows)
    minutes = (time.monotonic() - first) / 60
    batch.end()
    busy = mean(seconds_of(path) for path in (out / "settings").glob("*.json")) / workers
    return {
        "edits_per_minute": (rows - begun) / minutes,
        "overhead": 60 * minutes / (rows - begun) / busy - 1,
        "seconds_to_the_first": first - batch.started,
        "memory_mib": memory,
    }


def seconds_of(settings: Path) -> float:
    """The seconds that ComfyUI was busy with an edit, by its own clock."""
    return json.loads(settings.read_text())["seconds"]


def memory_of(batch: Batch) -> dict[str, float]:
    """The MiB of one worker, of one ComfyUI, and of Ray and the program together."""
    everything = processes(batch.process.pid) + [psutil.Process(batch.process.pid)]
    workers, servers = (processes(batch.process.pid, word) for word in (WORKER, SERVER))
    rest = set(everything) - set(workers) - set(servers)
    return {
        "a worker": mean(map(mib, workers)),
        "a ComfyUI": mean(map(mib, servers)),
        "Ray and the program": sum(map(mib, rest)),
    }


def mib(process: psutil.Process) -> float:
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0.0
    # What processes share counts once, where the system says so.
    return getattr(memory, "pss", memory.rss) / 2**20


def survival(table: Path, out: Path, rows: int, seconds: float) -> dict[str, Any]:
    """Kill a worker, a ComfyUI and the batch itself, each after a quarter, and go on.

    seconds: of an edit.
    """
    kills: dict[str, Callable[[Batch], None]] = {
        "worker": lambda batch: batch.kill(WORKER),
        "ComfyUI": lambda batch: batch.kill(SERVER),
        "batch": lambda batch: batch.process.kill(),
    }
    batch = Batch(table, out, workers=2)
    for quarter, (name, kill) in enumerate(kills.items(), start=1):
        batch.wait_for(quarter * rows // 4)
        time.sleep(seconds / 2)  # within an edit
        print(f"kill -9 of a {name} after {batch.done()} rows", flush=True)
        kill(batch)
    batch.end()
    there = batch.done()
    said = Batch(table, out, workers=2).end()
    entries = read_manifest(out / "manifest.jsonl")
    made = Counter(entry["output"] for entry in entries if entry["state"] == "done")
    results = Results(out)
    lost = [name for name in map(str, range(rows)) if not results.edit(name).is_file()]
    return {
        "rows": rows,
        "lost": len(lost) + len(set(map(str, range(rows))) - set(made)),
        "duplicates": sum(made.values()) - len(made),
        "tries_of_an_edit": max(entry.get("tries", 0) for entry in entries),
        "there_after_the_last_kill": there,
        "second_run": said.partition(";")[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--bare", type=int, default=40)
    parser.add_argument("--steps", type=int, default=2)
    args = parser.parse_args()
    # As many threads for each edit wherever it is made: sums depend on it in their last bit.
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory(prefix="diffedit-batch-") as scratch:
        folder = Path(scratch)
        cells = write_table(folder, args.rows, args.steps)
        seconds, bare = bare_edits(folder, cells[: args.bare])
        count = args.rows // 3
        runs = {
            str(workers): timed(folder / "timed.csv", folder / f"{workers}", workers, count)
            for workers in (1, 2)
        }
        report: dict[str, Any] = survival(folder / "all.csv", folder / "all", args.rows, seconds)
        results = Results(folder / "all")
        different = [
            number
            for number, picture in enumerate(bare)
            if not np.array_equal(picture, np.asarray(Image.open(results.edit(str(number)))))
        ]
    rates = {workers: run["edits_per_minute"] for workers, run in runs.items()}
    report |= {
        "edits_per_minute": {"bare": 60 / seconds} | rates,
        "overhead": runs["1"]["overhead"],
        "bare_edits_that_differ": len(different),
        "memory_mib": runs["2"]["memory_mib"],
        "seconds_to_the_first": {name: run["seconds_to_the_first"] for name, run in runs.items()},
        **vars(args),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }
    print(json.dumps(report, indent=1))
    save_report("bench-batch", report)


if __name__ == "__main__":
    main()
