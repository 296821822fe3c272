"""What a worker does with a row: look whether it is done, make it, write it, say what happened."""

from __future__ import annotations

import hashlib
import io
import os
import platform
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tools.comfy_server import Workflow

from .client import EditFailed, ServerLost
from .manifest import Entry
from .results import Results
from .servers import NoServer, OwnServer, RunningServers, Servers
from .table import Row
from .workflow import (
    FOLDER,
    Places,
    content_key,
    filled,
    picture_columns,
    saved_as,
    saving_nodes,
    settings_of,
)

TRIES = 3
"""How often a row is tried whose server or worker is lost over it."""


@dataclass(frozen=True)
class Job:
    """What all rows of a batch share.

    base: the folder that the pictures' paths begin at.  longest: seconds that an edit may run.
    urls: running servers; without them each worker starts the ComfyUI in `comfyui`, on the
    processor or not.
    """

    workflow: Workflow
    places: Places
    base: Path
    out: Path
    longest: float
    urls: tuple[str, ...]
    comfyui: Path
    cpu: bool = False

    def servers(self) -> Servers:
        if self.urls:
            return RunningServers(self.urls, self.longest)
        return OwnServer(self.comfyui, self.cpu, self.longest)


class Editor:
    """Makes one row after the other."""

    def __init__(self, job: Job):
        self.job = job
        self.results = Results(job.out)
        self.servers = job.servers()
        self.saving = saving_nodes(job.workflow)
        self.name = f"{platform.node()}:{os.getpid()}"

    def edit(self, row: Row) -> Entry:
        """Returns the row's entry: done, failed with a sentence, or, where there is no going on
        with any row, stopped with one.
        """
        entry: Entry = {"line": row.line, "output": row.output, "worker": self.name}
        try:
            return entry | {"state": "done"} | self._made(row)
        except (ValueError, EditFailed) as error:
            self.results.end(row.output)
            return entry | {"state": "failed", "error": str(error)}
        except NoServer as error:
            return entry | {"state": "stopped", "error": str(error)}
        except OSError as error:
            text = f"--out: {self.job.out} cannot be written ({error.strerror}); make room there."
            return entry | {"state": "stopped", "error": text}

    def _made(self, row: Row) -> Entry:
        """What the entry of a finished row says."""
        settings = settings_of(self.job.workflow, self.job.places, row.cells)
        pictures: dict[str, bytes] = {}
        inputs = dict(settings)
        for column in picture_columns(self.job.workflow, self.job.places):
            path = self.job.base / str(settings[column])
            content = read_picture(column, path)
            name = f"{hashlib.sha256(content).hexdigest()}{path.suffix.lower()}"
            pictures[name] = content
            inputs[column] = f"{FOLDER}/{name}"
        workflow = filled(self.job.workflow, self.job.places, inputs)
        key = content_key(workflow)
        present = self.results.finished(row.output, key)
        said = present or self._tried(row, workflow, pictures, settings, key)
        self.results.end(row.output)
        entry = {name: said[name] for name in ("key", "seconds", "evaluations", "tries")}
        return entry | {"made": present is None}

    def _tried(
        self,
        row: Row,
        workflow: Workflow,
        pictures: dict[str, bytes],
        settings: dict[str, Any],
        key: str,
    ) -> dict[str, Any]:
        """Make an edit and write it; returns its settings."""
        complaint = "the worker was lost with it"
        while (tries := self.results.begun(row.output)) < TRIES:
            self.results.begin(row.output)
            comfy = self.servers.choose()
            try:
                for name, content in pictures.items():
                    comfy.upload(name, content)
                made = comfy.make(saved_as(workflow, uuid.uuid4().hex), self.saving)
            except ServerLost as error:
                complaint = str(error)
                self.servers.lost(comfy)
                continue
            finally:
                self.servers.tidy()
            said = {
                "key": key,
                "settings": settings,
                "seconds": made.seconds,
                "evaluations": made.evaluations,
                "tries": tries + 1,
                "workflow": workflow,
            }
            self.results.save(row.output, made.edit, made.mask, said)
            return said
        raise EditFailed(
            f"line: it was tried {TRIES} times and {complaint}; make it alone to see what is wrong."
        )


def read_picture(column: str, path: Path) -> bytes:
    """The bytes of a picture that can be read as one.

    Raises ValueError, in a sentence, for any other.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"{column}: {path} cannot be read ({error.strerror}); correct the path, which begins "
            "at the table's folder."
        ) from None
    try:
        with Image.open(io.BytesIO(content)) as picture:
            picture.load()
    except Exception:  # of many kinds: each format's reader raises its own
        raise ValueError(
            f"{column}: {path} is damaged or no picture; save it again as PNG or JPEG."
        ) from None
    return content
