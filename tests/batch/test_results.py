"""The folder of a batch survives whatever ends its program."""

import json
import os
from pathlib import Path

import pytest

from batch.manifest import Manifest, read_manifest
from batch.results import Results, write

DONE = {"line": 2, "output": "cat", "state": "done", "key": "k", "seconds": 1.0}
FAILED = {"line": 2, "output": "cat", "state": "failed", "error": "image: ..."}


def test_a_result_is_known_by_its_key(tmp_path: Path):
    results = Results(tmp_path)
    results.save("pets/cat", b"edit", b"mask", {"key": "k", "seconds": 2.5})
    assert results.finished("pets/cat", "k") == {"key": "k", "seconds": 2.5}
    assert results.finished("pets/cat", "of other settings") is None
    results.edit("pets/cat").unlink()
    assert results.finished("pets/cat", "k") is None


def test_a_damaged_result_is_none(tmp_path: Path):
    results = Results(tmp_path)
    results.save("cat", b"edit", None, {"key": "k"})
    for content in ("", "{", "[]", "{}"):
        results.settings("cat").write_text(content)
        assert results.finished("cat", "k") is None


def test_an_interrupted_write_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "cat.png"
    write(path, b"before")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(path, b"after")
    assert [(one.name, one.read_bytes()) for one in tmp_path.iterdir()] == [("cat.png", b"before")]


def test_without_its_settings_a_result_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """They are written last."""
    results = Results(tmp_path)
    results.save("cat", b"edit", b"mask", {"key": "old"})
    replace = os.replace

    def until_settings(part: Path, path: Path) -> None:
        if path.suffix == ".json":
            raise KeyboardInterrupt
        replace(part, path)

    monkeypatch.setattr(os, "replace", until_settings)
    with pytest.raises(KeyboardInterrupt):
        results.save("cat", b"another edit", b"another mask", {"key": "new"})
    assert results.finished("cat", "new") is None


def test_tries_are_counted_on_the_disk(tmp_path: Path):
    for count in range(3):
        assert Results(tmp_path).begun("pets/cat") == count
        Results(tmp_path).begin("pets/cat")
    Results(tmp_path).end("pets/cat")
    Results(tmp_path).begin("pets")
    assert Results(tmp_path).begun("pets/cat") == 0
    Results(tmp_path).prepare()  # the next run
    assert Results(tmp_path).begun("pets") == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="--out: .* cannot be written .*; name another folder"):
        Results(tmp_path / "file" / "out").prepare()


def test_the_manifest_says_each_thing_once(tmp_path: Path):
    Results(tmp_path).prepare()
    for entry in (FAILED, DONE, DONE):
        Manifest(tmp_path).add(entry)
    states = [entry["state"] for entry in read_manifest(tmp_path / "manifest.jsonl")]
    assert states == ["failed", "done"]
    Manifest(tmp_path).add(DONE | {"key": "of other settings"})
    assert Manifest(tmp_path).entries["cat"]["key"] == "of other settings"


def test_a_manifest_that_was_cut_off(tmp_path: Path):
    manifest = Manifest(tmp_path)
    manifest.add(DONE)
    path = tmp_path / "manifest.jsonl"
    path.write_bytes(path.read_bytes() + json.dumps(DONE | {"output": "dog"}).encode()[:-9])
    manifest = Manifest(tmp_path)
    for name in ("dog", "fox"):
        manifest.add(DONE | {"output": name})
    assert [entry["output"] for entry in read_manifest(path)] == ["cat", "dog", "fox"]
