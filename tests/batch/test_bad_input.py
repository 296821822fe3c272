"""What is wrong with a command is said in one sentence, before anything starts."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from batch.__main__ import NOT_RUN, main
from tests.batch.fake_comfy import fake_comfy

GOOD = "image,source,target\ncat.png,a cat,a dog\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "edits.csv"
    path.write_text(GOOD)
    return path


@pytest.fixture(autouse=True)
def no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is not installed: nothing here comes as far."""
    monkeypatch.setitem(sys.modules, "ray", None)


def complaint(capsys: pytest.CaptureFixture[str], table: Path, *options: object) -> str:
    """Run a batch that must not start; returns its sentence."""
    arguments = [str(table), "--out", str(table.parent / "out"), *map(str, options)]
    assert main(arguments) == NOT_RUN
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and said.endswith(".") and "\n" not in said
    return said.removeprefix("error: ")


def test_no_ray(capsys: pytest.CaptureFixture[str], table: Path):
    assert complaint(capsys, table) == (
        "ray: it is not installed; run pip install -r batch/requirements.txt first."
    )


def test_an_empty_table(capsys: pytest.CaptureFixture[str], table: Path):
    table.write_text("image,source,target\n")
    assert complaint(capsys, table) == f"{table}: it has no edits; add a line for each."


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str], table: Path):
    (table.parent / "out").write_text("a file is in its place")
    assert complaint(capsys, table).startswith(f"--out: {table.parent / 'out'} cannot be written")


def test_no_comfyui(
    capsys: pytest.CaptureFixture[str], table: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COMFYUI_DIR", str(table.parent))
    assert complaint(capsys, table) == (
        f"COMFYUI_DIR: there is no ComfyUI in {table.parent}; set it to the folder of yours, or "
        "name a running one with --server."
    )


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1", "ray://127.0.0.1:1"])
def test_no_cluster(
    capsys: pytest.CaptureFixture[str],
    table: Path,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
):
    for name in ("ray", "ray.data"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    said = complaint(capsys, table, "--address", address)
    assert said.startswith(f"--address: there is no Ray cluster at {address} (")


def test_no_workers(capsys: pytest.CaptureFixture[str], table: Path):
    assert complaint(capsys, table, "--workers", 0).startswith("--workers: 0 make no edits;")


def test_servers(capsys: pytest.CaptureFixture[str], table: Path):
    with fake_comfy({"/object_info": 500}) as fake:
        assert complaint(capsys, table, "--server", fake.url) == (
            f"--server: {fake.url} answered 500 to /object_info; start ComfyUI there, or leave it "
            "out."
        )
    assert "does not answer" in complaint(capsys, table, "--server", fake.url)
    with fake_comfy({"/object_info": b"<html>"}) as fake:
        assert "is no ComfyUI" in complaint(capsys, table, "--server", fake.url)
    with fake_comfy(
        {"/object_info": dict.fromkeys(("LoadImage", "SaveImage", "MaskToImage"))}
    ) as fake:
        assert complaint(capsys, table, "--server", fake.url) == (
            f"--server: {fake.url} has no nodes DiffEdit, DiffEditDemoModel; install their packs "
            "there."
        )
    assert "does not answer" in complaint(capsys, table, "--server", "studio:8188")


def test_columns_that_go_nowhere(capsys: pytest.CaptureFixture[str], table: Path):
    table.write_text("image,source,target,sede\ncat.png,a cat,a dog,3\n")
    assert main([str(table), "--out", str(table.parent / "out")]) == NOT_RUN
    assert capsys.readouterr().err.startswith("Columns that go nowhere: sede.\n")
