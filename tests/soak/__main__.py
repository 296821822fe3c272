"""Everything at once that could break a server, or lose an edit.

    make soak
    python3 tools/environment.py -m tests.soak --minutes 60
    python3 tools/environment.py -m tests.soak --replay 1234

Prints a table and writes output/soak.json, with every text that is no sentence of ours and the
seed of the prompt that led to it.  Leaves with 1 where there was a raw text, a crash, a hang or a
lost result.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import save_report
from tests.soak.clients import two_clients, two_servers
from tests.soak.determinism import determinism
from tests.soak.disks import disks
from tests.soak.edits import edits
from tests.soak.fuzz import fuzz, replay
from tests.soak.interrupts import interrupts
from tests.soak.kills import kills
from tests.soak.server import soak_server
from tools.comfy_server import ServerError, TimeLimitError

MINUTES = 10
"""What the counts below take on a quiet machine with two cores."""

PROMPTS, INTERRUPTS, EDITS, KILLS, AT_ONCE = 2000, 100, 200, 4, 8

HEAD = ("", "runs", "raw", "crashes", "hangs", "lost", "wrong", "seconds")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=MINUTES, help="about how long to take")
    parser.add_argument("--seed", type=int, default=0, help="of the first prompt")
    parser.add_argument("--only", nargs="*", help="these parts alone, by their first words")
    parser.add_argument("--replay", type=int, metavar="SEED", help="one prompt of the fuzz")
    options = parser.parse_args()
    if options.replay is not None:
        replay(options.replay)
        return
    parts = _parts(options.minutes / MINUTES, options.seed)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        for name, part in parts.items():
            if options.only and not name.startswith(tuple(options.only)):
                continue
            began = time.monotonic()
            try:
                report[name] = part(Path(folder) / name.replace(" ", "-"))
            except TimeLimitError as error:
                report[name] = {"hangs": 1, "text": str(error)}
            except ServerError as error:
                report[name] = {"crashes": 1, "text": str(error)}
            report[name]["seconds"] = round(time.monotonic() - began)
            save_report("soak", report)
    failed = print_table(report)
    sys.exit(failed)


def _parts(factor: float, seed: int) -> dict[str, Callable[[Path], dict[str, Any]]]:
    """The parts of the soak by their names, each to be called with a folder of its own."""

    def times(count: int) -> int:
        return max(1, round(factor * count))

    def on_one_server(part: Callable[..., dict[str, Any]], count: int, *more: Any):
        def run(folder: Path) -> dict[str, Any]:
            with soak_server(folder) as comfy:
                return part(comfy, times(count), *more)

        return run

    return {
        "fuzz": lambda folder: fuzz(folder, range(seed, seed + times(PROMPTS))),
        "interrupts": on_one_server(interrupts, INTERRUPTS, seed),
        "edits in a row": on_one_server(edits, EDITS),
        "two clients": on_one_server(two_clients, AT_ONCE),
        "two servers": lambda folder: two_servers(folder, times(AT_ONCE)),
        "kill -9": lambda folder: kills(folder, times(KILLS), seed),
        "full and read-only disks": disks,
        "determinism": determinism,
    }


def print_table(report: dict[str, Any]) -> bool:
    """Print the counts of all parts; returns whether one of those that should be 0 is not."""
    rows = [(name, *(found.get(count, 0) for count in HEAD[1:])) for name, found in report.items()]
    rows.append(("in all", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    for row in (HEAD, *rows):
        print(f"{row[0]:<26}" + "".join(f"{cell:>9}" for cell in row[1:]))
    return any(rows[-1][2:-1])


if __name__ == "__main__":
    main()
