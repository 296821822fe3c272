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
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
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
from tools.comfy_server import ComfyServer, ServerError, TimeLimitError

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
    # A plain SIGTERM would leave servers running; an exception unwinds the `with` block.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    report: dict[str, Any] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        parts = _parts(folder, stack, options.minutes / MINUTES, options.seed)
        for name, part in parts.items():
            if options.only and not name.startswith(tuple(options.only)):
                continue
            began = time.monotonic()
            try:
                report[name] = part()
            except TimeLimitError as error:
                report[name] = {"hangs": 1, "text": str(error)}
            except ServerError as error:
                report[name] = {"crashes": 1, "text": str(error)}
            report[name]["seconds"] = round(time.monotonic() - began)
            save_report("soak", report)
    failed = print_table(report)
    for one in report.get("fuzz", {}).get("raw texts", []):
        print(f"seed {one['seed']}: {one['node_type']}: {one['text'].splitlines()[0][:120]}")
    sys.exit(failed)


def _parts(
    folder: Path, stack: ExitStack, factor: float, seed: int
) -> dict[str, Callable[[], dict[str, Any]]]:
    """The parts of the soak by their names.

    stack: closes the server that some parts share.  factor: of all counts.
    """

    def times(count: int) -> int:
        return max(1, round(factor * count))

    @cache
    def shared() -> ComfyServer:
        return stack.enter_context(soak_server(folder / "shared"))

    return {
        "fuzz": lambda: fuzz(folder / "fuzz", range(seed, seed + times(PROMPTS))),
        "interrupts": lambda: interrupts(shared(), times(INTERRUPTS), seed),
        "edits in a row": lambda: edits(shared(), times(EDITS)),
        "clients, two": lambda: two_clients(shared(), times(AT_ONCE)),
        "servers, two": lambda: two_servers(folder / "two", times(AT_ONCE)),
        "kill -9": lambda: kills(folder / "kills", times(KILLS), seed),
        "disks, full and read-only": lambda: disks(folder / "disks"),
        "determinism": lambda: determinism(folder / "determinism"),
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
