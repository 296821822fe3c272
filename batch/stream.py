"""Rows through Ray Data: the only part that knows Ray.

A worker is an actor that holds an Editor. Ray starts a lost worker anew and gives its rows to it or
to others; what they have finished is found in the folder, and is not made again.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .editor import Editor, Job
from .manifest import Entry
from .table import Row

MOST_BLOCKS = 10_000
"""Ray keeps a note of each block of rows: more rows than that share blocks."""

ANSWER_SECONDS = 10

STORE_BYTES = 200 * 2**20
"""Of Ray's store of objects on this machine: what goes through it is text."""


class Worker:
    """What Ray calls for each row, as JSON: Arrow's columns have one type each, a table's cells
    do not.
    """

    def __init__(self, job: Job):
        self.editor = Editor(job)

    def __call__(self, item: dict[str, str]) -> dict[str, str]:
        entry = self.editor.edit(Row(**json.loads(item["row"])))
        return {"entry": json.dumps(entry)}


@contextmanager
def cluster(address: str | None, log: Path) -> Iterator[None]:
    """A Ray of this process, or the cluster at that address. What Ray says goes into the log.

    Raises ValueError where there is none.
    """
    # Before Ray is imported, which reads them then. It reports nothing to its makers.
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A worker without a share of a GPU still sees those of its machine, as ComfyUI does.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise ValueError(
            "ray: it is not installed; run pip install -r batch/requirements.txt first."
        ) from None
    options: dict[str, Any] = {"address": address or "local", "log_to_driver": False}
    if not address:
        options |= {"num_cpus": os.cpu_count(), "object_store_memory": STORE_BYTES}
        options |= {"include_dashboard": False}
    with output_into(log):
        try:
            if address and address != "auto":
                require_listener(address)
            ray.init(logging_level=logging.ERROR, **options)
        except (OSError, RuntimeError, ValueError) as error:
            if address is None:
                raise
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"--address: there is no Ray cluster at {address} ({reason}); start one with "
                "ray start, or leave this out."
            ) from None
        try:
            yield
        finally:
            ray.shutdown()


@contextmanager
def output_into(log: Path) -> Iterator[None]:
    """Leave the terminal to this program's standard error: what Ray prints, as native code, in the
    processes it starts and of lost workers in this one, goes into a file.
    """
    ours = sys.stderr
    kept = [os.dup(descriptor) for descriptor in (1, 2)]
    sys.stdout.flush()
    with log.open("ab") as file, os.fdopen(os.dup(2), "w", buffering=1) as sys.stderr:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr = ours
            for descriptor, copy in zip((1, 2), kept, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)


def require_listener(address: str) -> None:
    """Raise OSError unless somebody listens there: Ray would wait for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), ANSWER_SECONDS).close()


def gpus() -> int:
    """How many GPUs the cluster has."""
    import ray

    return int(ray.cluster_resources().get("GPU", 0))


def edited(job: Job, rows: Sequence[Row], workers: int, gpu: float, cpus: float) -> Iterator[Entry]:
    """The entries of the rows, in the order in which they are done.

    gpu: the share of one that each worker has. cpus: how many each has, and so many threads; a
    fraction is one thread.
    """
    if not rows:
        return
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    for name in ("ray.data", "ray"):
        logging.getLogger(name).setLevel(logging.ERROR)
    items = [{"row": json.dumps(asdict(row))} for row in rows]
    dataset = ray.data.from_items(items, override_num_blocks=min(len(items), MOST_BLOCKS)).map(
        Worker,  # pyright: ignore[reportArgumentType]: Ray makes one for each actor
        fn_constructor_args=(job,),
        # One row at a time goes to a worker, so that none waits behind another's.
        compute=ray.data.ActorPoolStrategy(size=workers, max_tasks_in_flight_per_actor=1),
        num_cpus=cpus,
        num_gpus=gpu,
    )
    for batch in dataset.iter_batches(batch_size=None, prefetch_batches=0):
        yield from map(json.loads, batch["entry"])
