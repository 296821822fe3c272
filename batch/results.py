"""The folder of a batch: what was made of each row.

    edits/NAME.png     the edited picture
    masks/NAME.png     what was edited
    settings/NAME.json everything it was made with, its seconds and model evaluations; written last,
                       so that a result with it is whole
    tries/NAME.txt     how often a row was begun in this run; gone when it has ended
    manifest.jsonl     what happened to each row (manifest.py)

Every file is written under another name and renamed: whoever reads never sees half of one.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Results:
    """folder: one that every worker sees under this path."""

    folder: Path

    def prepare(self) -> None:
        """Make the folder, and forget the tries of an earlier run.

        Raises ValueError where it cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(self.folder / "tries", ignore_errors=True)
            (self.folder / "manifest.jsonl").open("ab").close()
        except OSError as error:
            raise ValueError(
                f"--out: {self.folder} cannot be written ({error.strerror}); name another folder."
            ) from None

    def edit(self, name: str) -> Path:
        return self.folder / "edits" / f"{name}.png"

    def mask(self, name: str) -> Path:
        return self.folder / "masks" / f"{name}.png"

    def settings(self, name: str) -> Path:
        return self.folder / "settings" / f"{name}.json"

    def finished(self, name: str, key: str) -> dict[str, Any] | None:
        """The settings of a result that is there, or None where it is missing or of another key."""
        try:
            settings = json.loads(self.settings(name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        same = isinstance(settings, dict) and settings.get("key") == key
        return settings if same and self.edit(name).is_file() else None

    def save(self, name: str, edit: bytes, mask: bytes | None, settings: dict[str, Any]) -> None:
        """Write a result. Raises OSError."""
        write(self.edit(name), edit)
        if mask is not None:
            write(self.mask(name), mask)
        text = json.dumps(settings, indent=1, ensure_ascii=False) + "\n"
        write(self.settings(name), text.encode())

    def begun(self, name: str) -> int:
        """How often a row was begun without an end in this run."""
        try:
            return int(self._tries(name).read_text())
        except (OSError, ValueError):
            return 0

    def begin(self, name: str) -> None:
        """Count a try, on the disk: what is counted in a worker is lost with it."""
        write(self._tries(name), str(self.begun(name) + 1).encode())

    def end(self, name: str) -> None:
        """Forget the tries of a row that has ended, one way or the other."""
        self._tries(name).unlink(missing_ok=True)

    def _tries(self, name: str) -> Path:
        return self.folder / "tries" / f"{name}.txt"


def write(path: Path, content: bytes) -> None:
    """Write a file in one piece. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
