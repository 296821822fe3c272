"""manifest.jsonl: an entry for what happened to each row, appended as it happens.

    {"line": 2, "output": "cat-1f0a2b3c", "state": "done", "key": ..., "seconds": 3.1,
     "evaluations": 60, "tries": 1, "worker": "studio7:4711", "time": "2026-11-27T04:05:06+00:00"}
    {"line": 3, "output": "dog-9d8c7b6a", "state": "failed", "error": "image: ...", ...}

The last entry of an output is the one that counts.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class Manifest:
    """The manifest of a folder. Only one program writes it: the one that hands out the rows.

    entries: the last of each output.
    """

    def __init__(self, folder: Path):
        self.path = folder / "manifest.jsonl"
        self.entries = {entry["output"]: entry for entry in read_manifest(self.path)}
        self._cut = self.path.is_file() and ends_within_a_line(self.path)

    def add(self, entry: Entry) -> None:
        """Append an entry, unless it says the same of a finished row as the last one does."""
        last = self.entries.get(entry["output"])
        if last and entry["state"] == last["state"] == "done" and entry["key"] == last["key"]:
            return
        stamped = entry | {"time": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        line = json.dumps(stamped, ensure_ascii=False).encode() + b"\n"
        # Unbuffered: an entry is one write, of which nothing else comes in between.
        with self.path.open("ab", buffering=0) as file:
            file.write(b"\n" + line if self._cut else line)
        self._cut = False
        self.entries[entry["output"]] = stamped


def ends_within_a_line(path: Path) -> bool:
    """Whether the last line was cut off as it was written."""
    with path.open("rb") as file:
        if not file.seek(0, 2):
            return False
        file.seek(-1, 2)
        return file.read() != b"\n"


def read_manifest(path: Path) -> list[Entry]:
    """All entries, without one that was cut off as it was written."""
    if not path.is_file():
        return []
    entries: list[Entry] = []
    for line in path.read_text(encoding="utf-8", errors="replace").split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        entries.append(entry)
    return entries
