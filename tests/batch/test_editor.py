"""A worker with servers that fail: no row is lost, and none is made twice."""

import errno
import io
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from batch.client import EditFailed, Made, ServerLost
from batch.editor import TRIES, Editor, Job
from batch.servers import NoServer
from batch.table import Row
from batch.workflow import DEFAULT, DEFAULT_MAP, find_places, read_workflow
from tools.comfy_server import PACK

PICTURE = PACK / "web" / "pictures" / "source.png"
CELLS = {"image": "cat.png", "source": "a cat", "target": "a dog"}


class Server:
    """A server, and the choice among this one alone. troubles: what its next edits end with."""

    def __init__(self, *troubles: Exception):
        self.troubles = list(troubles)
        self.made: list[dict[str, Any]] = []
        self.lost_count = 0

    def choose(self) -> "Server":
        return self

    def lost(self, comfy: Any) -> None:
        self.lost_count += 1

    def tidy(self) -> None:
        pass

    def upload(self, name: str, picture: bytes) -> None:
        self.uploaded = picture

    def make(self, workflow: dict[str, Any], saving: Any) -> Made:
        if self.troubles:
            raise self.troubles.pop(0)
        self.made.append(workflow)
        picture = io.BytesIO()
        Image.new("RGB", (8, 8)).save(picture, "PNG")
        return Made(picture.getvalue(), None, 1.5, 60)


def editor(folder: Path, server: Any) -> Editor:
    workflow = read_workflow(DEFAULT)
    if not (folder / "cat.png").exists():
        shutil.copy(PICTURE, folder / "cat.png")
    places = find_places(workflow, DEFAULT_MAP)
    made = Editor(Job(workflow, places, folder, folder / "out", 1.0, ("http://unused",), folder))
    made.servers = server
    return made


def row(**cells: Any) -> Row:
    return Row(2, "dog", CELLS | cells)


def test_a_row_is_made_once(tmp_path: Path):
    server = Server()
    first = editor(tmp_path, server).edit(row())
    assert (first["state"], first["evaluations"], first["tries"]) == ("done", 60, 1)
    assert first["made"] and server.uploaded == PICTURE.read_bytes()
    second = editor(tmp_path, server).edit(row())
    assert second == first | {"made": False}
    assert len(server.made) == 1


def test_what_has_changed_is_made_again(tmp_path: Path):
    server = Server()
    keys = {editor(tmp_path, server).edit(row())["key"]}
    keys.add(editor(tmp_path, server).edit(row(seed="1"))["key"])
    Image.new("RGB", (8, 8)).save(tmp_path / "cat.png")
    keys.add(editor(tmp_path, server).edit(row(seed="1"))["key"])
    assert len(keys) == len(server.made) == 3


def test_a_lost_server_loses_no_row(tmp_path: Path):
    server = Server(*[ServerLost("it does not answer")] * (TRIES - 1))
    entry = editor(tmp_path, server).edit(row())
    assert (entry["state"], entry["tries"], server.lost_count) == ("done", TRIES, TRIES - 1)


def test_a_row_that_servers_are_lost_over(tmp_path: Path):
    server = Server(*[ServerLost("http://studio does not answer")] * TRIES)
    worker = editor(tmp_path, server)
    assert worker.edit(row())["error"] == (
        "line: it was tried 3 times and http://studio does not answer; make it alone to see what "
        "is wrong."
    )
    assert worker.edit(row())["state"] == "done"  # the count began anew


def test_a_row_that_workers_are_lost_over(tmp_path: Path):
    """A worker that is killed neither returns nor catches anything."""
    for _ in range(TRIES):
        with pytest.raises(KeyboardInterrupt):
            editor(tmp_path, Server(KeyboardInterrupt())).edit(row())  # type: ignore[arg-type]
    entry = editor(tmp_path, server := Server()).edit(row())
    assert entry["state"] == "failed" and not server.made
    assert entry["error"].startswith("line: it was tried 3 times and the worker was lost with it;")


def test_a_failed_edit_is_not_tried_again(tmp_path: Path):
    server = Server(EditFailed("source: it is empty; fill it in."))
    entry = editor(tmp_path, server).edit(row())
    assert (entry["state"], entry["error"]) == ("failed", "source: it is empty; fill it in.")
    assert not list((tmp_path / "out" / "tries").iterdir())


def test_pictures_that_are_none(tmp_path: Path):
    worker = editor(tmp_path, server := Server())
    (tmp_path / "half.png").write_bytes(PICTURE.read_bytes()[:5000])
    (tmp_path / "text.png").write_text("a cat")
    for name, complaint in {
        "nothing.png": f"image: {tmp_path / 'nothing.png'} cannot be read (No such file or directo"
        "ry); correct the path, which begins at the table's folder.",
        "half.png": f"image: {tmp_path / 'half.png'} is damaged or no picture; save it again as "
        "PNG or JPEG.",
        "text.png": f"image: {tmp_path / 'text.png'} is damaged or no picture; save it again as "
        "PNG or JPEG.",
    }.items():
        assert worker.edit(row(image=name))["error"] == complaint
    assert not server.made


def test_nothing_to_go_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No server, or no room: every other row would fail too, so that the batch stops."""
    entry = editor(tmp_path, Server(NoServer("--server: ..."))).edit(row())
    assert (entry["state"], entry["error"]) == ("stopped", "--server: ...")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    worker = editor(tmp_path, Server())
    monkeypatch.setattr("batch.results.Results.save", full)
    entry = worker.edit(row())
    assert entry["state"] == "stopped"
    assert entry["error"].endswith("cannot be written (No space left on device); make room there.")
