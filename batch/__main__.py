"""`python -m batch edits.csv --out DIR`: many edits from a table (docs/batches.md)."""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import requests
from tqdm import tqdm

from tools import environment
from tools.comfy_server import PACK, has_no_accelerator

from .client import Comfy, ServerLost
from .editor import Job
from .manifest import Entry, Manifest
from .results import Results
from .stream import cluster, edited, gpus
from .table import BadLine, Table, read_table
from .workflow import (
    DEFAULT,
    DEFAULT_MAP,
    find_places,
    parse_map,
    read_workflow,
    saving_nodes,
)

LONGEST = 600.0
EDITS_FAILED, NOT_RUN, INTERRUPTED = 1, 2, 130


def main(arguments: list[str] | None = None) -> int:
    """Returns 0, or 1 where rows failed. Exits with 2 and a sentence where nothing can be run."""
    args = parser().parse_args(arguments)
    # A plain SIGTERM would leave a manifest behind the results.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        return run(args)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_RUN
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from here.", file=sys.stderr)
        return INTERRUPTED


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m batch", description=__doc__)
    add = parser.add_argument
    add("table", type=Path, help="CSV or JSONL with a line for each edit: image, source, target, "
        "and perhaps output, seed, steps, strength, cfg")  # fmt: skip
    add("--out", type=Path, required=True, metavar="DIR", help="the folder of the results")
    add("--workers", type=int, metavar="N", help="how many ComfyUIs to start; "
        "by default one for each GPU, or one")  # fmt: skip
    add("--server", action="append", default=[], metavar="URL", help="a running ComfyUI to use "
        "instead; repeat it for more")  # fmt: skip
    add("--workflow", type=Path, default=DEFAULT, metavar="FILE", help="in API format; "
        "by default DiffEdit with the demo model")  # fmt: skip
    add("--map", metavar="COLUMN=NODE.INPUT,...", help="where the columns go; a node is named by "
        "its id, title or type")  # fmt: skip
    add("--address", metavar="ADDRESS", help="of a Ray cluster to run on, such as auto")
    add("--timeout", type=float, default=LONGEST, metavar="SECONDS", help="that an edit may run "
        f"before its server counts as stuck; {LONGEST:g}")  # fmt: skip
    return parser


def run(args: argparse.Namespace) -> int:
    """Raises ValueError, in a sentence, where nothing can be run."""
    if args.workers is not None and args.workers < 1:
        raise ValueError(f"--workers: {args.workers} make no edits; start at least 1.")
    workflow = read_workflow(args.workflow)
    saving_nodes(workflow)
    mapping = parse_map(args.map) if args.map else DEFAULT_MAP
    places = find_places(workflow, mapping)
    table = read_table(args.table, mapping)
    unused = [column for column in table.columns if column not in mapping]
    if unused:
        print(f"Columns that go nowhere: {', '.join(unused)}.", file=sys.stderr)
    types = {node["class_type"] for node in workflow.values()}
    for url in args.server:
        require_server(url, types)
    comfyui = installed_comfyui()
    if not args.server and not (comfyui / "main.py").is_file():
        raise ValueError(
            f"COMFYUI_DIR: there is no ComfyUI in {comfyui}; set it to the folder of yours, or "
            "name a running one with --server."
        )
    out = args.out.resolve()
    Results(out).prepare()
    job = Job(
        workflow,
        places,
        base=args.table.resolve().parent,
        out=out,
        longest=args.timeout,
        urls=tuple(args.server),
        comfyui=comfyui,
    )
    with cluster(args.address, out / "ray.log"):
        cards = 0 if args.server else gpus()
        workers = args.workers or len(args.server) or cards or 1
        cores = os.cpu_count() or 1
        cpus = 1 if args.address else cores // workers or cores / workers
        # Workers that share a card take equal shares of it, in whole numbers of them on each.
        share = 1 / math.ceil(workers / cards) if cards else 0
        job = replace(job, cpu=not (cards or args.server) and has_no_accelerator())
        counts = follow(job, table, edited(job, table.rows, workers, share, cpus))
    print(
        f"{counts['made']} edits made, {counts['present']} were there, {counts['failed']} failed; "
        f"they are in {out}"
    )
    return EDITS_FAILED if counts["failed"] else 0


def follow(job: Job, table: Table, entries: Iterator[Entry]) -> Counter[str]:
    """Enter what happens to each row, and show it. Returns how many were made, present and failed.

    Raises ValueError, in a sentence, where there is no going on.
    """
    manifest = Manifest(job.out)
    counts: Counter[str] = Counter()
    with tqdm(total=len(table.bad) + len(table.rows), unit="edit", smoothing=0.05) as bar:
        for entry in chain(map(bad_entry, table.bad), entries):
            if entry["state"] == "stopped":
                raise ValueError(entry["error"])
            made = entry.pop("made", False)
            manifest.add(entry)
            if entry["state"] == "failed":
                counts["failed"] += 1
                bar.write(f"line {entry['line']}: {entry['error']}", file=sys.stderr)
            else:
                counts["made" if made else "present"] += 1
            bar.update()
    return counts


def bad_entry(line: BadLine) -> Entry:
    return {"line": line.line, "output": None, "state": "failed", "error": line.error}


def require_server(url: str, types: set[str]) -> None:
    """Raises ValueError unless a ComfyUI answers there that has the workflow's nodes."""
    try:
        missing = types - Comfy(url, LONGEST).node_types()
    except (ServerLost, requests.JSONDecodeError) as error:
        reason = error if isinstance(error, ServerLost) else f"{url} is no ComfyUI"
        raise ValueError(f"--server: {reason}; start ComfyUI there, or leave it out.") from None
    if missing:
        raise ValueError(
            f"--server: {url} has no nodes {', '.join(sorted(missing))}; install their packs there."
        )


def installed_comfyui() -> Path:
    """COMFYUI_DIR, or the ComfyUI that the pack lies in; to the Python of the private environment,
    the private ComfyUI.
    """
    if "COMFYUI_DIR" in os.environ:
        return Path(os.environ["COMFYUI_DIR"]).resolve()
    if Path(sys.prefix).resolve() == environment.VENV.resolve():
        return environment.COMFYUI.resolve()
    return PACK.parent.parent


if __name__ == "__main__":
    sys.exit(main())
