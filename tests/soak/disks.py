"""Folders that are full, read-only or gone: an edit outlives its previews, and what cannot be
saved leaves nothing behind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tests.soak.kills import is_whole
from tests.soak.outcomes import is_sentence
from tests.soak.server import soak_server
from tests.soak.workloads import one_node, result, salted, stages
from tools.comfy_server import ComfyServer, Workflow, WorkflowError

Damage = Callable[[Path], Any]
"""Makes a context in which a folder is damaged."""

AS_USER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
"""Takes from root what an ordinary user has not: writing where permissions forbid it."""

SMALL_DISK = "4m"

WORKFLOWS = {"stages": stages, "one node": one_node}


def disks(folder: Path) -> dict[str, Any]:
    """Run edits with every damage to the temporary folder and to the output folder."""
    rows: list[dict[str, Any]] = []
    skipped: list[str] = []
    through = AS_USER if os.geteuid() == 0 else ()
    if _works([*through, "true"]):
        with soak_server(folder / "permissions", through=through) as comfy:
            rows += _runs(comfy, comfy.base, "temp", {"read-only": read_only, "gone": gone})
            rows += _runs(comfy, comfy.base, "temp", {"a file in its place": a_file})
            rows += _runs(comfy, comfy.base, "output", {"read-only": read_only})
    else:
        skipped.append("read-only folders: setpriv cannot take root's powers here")
    if _works(["unshare", "-rm", "true"]):
        base = folder / "full" / "base"
        with soak_server(folder / "full", through=_on_small_disks(base)) as comfy:
            seen = Path(f"/proc/{comfy.process.pid}/root{base}")
            rows += _runs(comfy, seen, "temp", {"full": full})
            rows += _runs(comfy, seen, "output", {"full": full})
    else:
        skipped.append("full disks: this user cannot mount a small one (unshare -rm)")
    return {
        "runs": len(rows),
        "raw": sum(row["raw"] for row in rows),
        "lost": sum(row["lost"] for row in rows),
        "half_written_by_save_image": sum(row["half_written"] for row in rows),
        "rows": rows,
        "skipped": skipped,
    }


def _runs(
    comfy: ComfyServer, base: Path, name: str, damages: dict[str, Damage]
) -> Iterator[dict[str, Any]]:
    for damage_name, damage in damages.items():
        for edit, workflow in WORKFLOWS.items():
            expected = result(comfy, salted(workflow(), "before"))
            row = {"folder": name, "damage": damage_name, "edit": edit, "text": ""}
            salt = f"{name} {damage_name} {edit}"
            row |= {"raw": False, "half_written": 0}
            with damage(base / name):
                lost = _is_lost(comfy, salted(workflow(), salt), expected, row)
                if name == "output":
                    row["half_written"] = _half_written(base / name)
            after: dict[str, Any] = {}
            lost_after = _is_lost(comfy, salted(workflow(), f"{salt}, after"), expected, after)
            # Nothing can be saved in a damaged output; the next edit can.
            yield row | {"lost": lost_after if name == "output" else lost or lost_after}


def _is_lost(
    comfy: ComfyServer, workflow: Workflow, expected: np.ndarray, row: dict[str, Any]
) -> bool:
    try:
        return not np.array_equal(result(comfy, workflow), expected)
    except WorkflowError as error:
        row["text"] = f"{error.node_type}: {error}"
        ours = error.node_type in comfy.node_ids()
        row["raw"] = ours and not is_sentence(str(error))
        return True


def _half_written(folder: Path) -> int:
    broken = [file for file in folder.glob("*.png") if not is_whole(file)]
    for file in broken:
        if os.access(file.parent, os.W_OK):
            file.unlink()
    return len(broken)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(mode)


@contextmanager
def gone(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder)
    yield
    folder.mkdir(exist_ok=True)


@contextmanager
def a_file(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder)
    folder.write_text("no folder")
    try:
        yield
    finally:
        folder.unlink()
        folder.mkdir()


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Fills the disk, but for what is left of its last block."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
    except OSError:
        pass
    try:
        yield
    finally:
        filler.unlink()


def _on_small_disks(base: Path) -> Sequence[str]:
    """Starts a server that sees small disks in the places of its output and temporary folders."""
    folders = [base / "output", base / "temp"]
    for folder in folders:
        folder.mkdir(parents=True)
    mounts = [f"mount -t tmpfs -o size={SMALL_DISK} tmpfs '{folder}'" for folder in folders]
    return ("unshare", "-rm", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh")


def _works(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False
