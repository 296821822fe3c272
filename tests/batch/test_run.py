"""Real batches: on ComfyUIs of their own, a worker of which is killed, and on a running one."""

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from batch.manifest import read_manifest
from batch.results import Results
from batch.workflow import DEFAULT
from tests.batch.fake_comfy import fake_comfy
from tests.batch.processes import SERVER, WORKER, processes
from tools.comfy_server import PACK, ComfyServer

pytest.importorskip("ray")

SECONDS = 600
SOURCE = "a blue bowl of oranges on a wooden table"
FRUITS = ["apples", "pears", "lemons", "plums", "limes", "cherries"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a table of six edits, and a seventh whose picture is missing."""
    folder = tmp_path_factory.mktemp("batch")
    Image.open(PACK / "web" / "pictures" / "source.png").save(folder / "oranges.png")
    with (folder / "edits.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", "source", "target", "steps", "output"])
        for fruit in FRUITS:
            table.writerow(["oranges.png", SOURCE, SOURCE.replace("oranges", fruit), 2, fruit])
        table.writerow(["nothing.png", SOURCE, SOURCE, 2, "nothing"])
    return folder


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batch", str(folder / "edits.csv")]
    command += ["--out", str(folder / "out"), *options]
    # As many threads for each edit wherever it is made: sums depend on it in their last bit.
    surroundings = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=PACK,
        env=surroundings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def done(folder: Path) -> Sequence[str]:
    entries = read_manifest(folder / "out" / "manifest.jsonl")
    return [entry["output"] for entry in entries if entry["state"] == "done"]


def test_a_worker_is_killed(folder: Path):
    """Every edit is there, once; the edit without a picture is an entry; nothing stays behind."""
    batch = start(folder, "--workers", "2")
    deadline = time.monotonic() + SECONDS
    while not (servers := processes(batch.pid, SERVER)) or not done(folder):
        assert batch.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    workers = processes(batch.pid, WORKER)
    assert len(workers) == len(servers) == 2
    workers[0].kill()
    stdout, stderr = batch.communicate(timeout=SECONDS)
    assert batch.returncode == 1, stderr
    assert stdout == f"6 edits made, 0 were there, 1 failed; they are in {folder / 'out'}\n"
    assert "line 8: image: " in stderr and "nothing.png cannot be read" in stderr
    assert sorted(done(folder)) == sorted(FRUITS)
    assert {path.stem for path in (folder / "out" / "edits").iterdir()} == set(FRUITS)
    assert not psutil.wait_procs(servers, timeout=30)[1]


def test_edits_are_those_made_singly(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Pixel by pixel, and the masks too."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    results = Results(folder / "out")
    with ComfyServer() as comfy:
        comfy.upload(folder / "oranges.png")
        for fruit in FRUITS[:3]:
            workflow = json.loads(DEFAULT.read_text())
            workflow["source"]["inputs"]["image"] = "oranges.png"
            target = SOURCE.replace("oranges", fruit)
            workflow["diffedit"]["inputs"] |= {"source": SOURCE, "target": target, "steps": 2}
            look = {"class_type": "MaskPreview", "inputs": {"mask": ["diffedit", 1]}}
            outputs = comfy.run(workflow | {"look": look})
            for node, path in {"edit": results.edit(fruit), "look": results.mask(fruit)}.items():
                (alone,) = comfy.images(outputs, node)
                assert np.array_equal(pixels(path), np.asarray(alone)), (fruit, node)
    said = json.loads(results.settings("apples").read_text())["settings"]
    assert (said["steps"], said["strength"], said["cfg"], said["seed"]) == (2, 0.8, 7.5, 0)
    assert said["target"] == SOURCE.replace("oranges", "apples")


def test_only_what_is_missing_is_made(folder: Path, comfy: ComfyServer):
    """On a running server, beside another that has stopped working."""
    results = Results(folder / "out")
    before = {fruit: pixels(results.edit(fruit)) for fruit in FRUITS}
    untouched = {fruit: results.edit(fruit).stat().st_mtime_ns for fruit in FRUITS[2:]}
    results.edit("apples").unlink()
    results.settings("pears").write_text("damaged")
    Image.open(PACK / "web" / "pictures" / "source.png").save(folder / "nothing.png")
    types = dict.fromkeys(node_types())
    with fake_comfy({"/object_info": types, "/prompt": 500}) as broken:
        batch = start(folder, "--server", comfy.url, "--server", broken.url)
        stdout, stderr = batch.communicate(timeout=SECONDS)
    assert batch.returncode == 0, stderr
    assert stdout.startswith("3 edits made, 4 were there, 0 failed;")
    assert {fruit: results.edit(fruit).stat().st_mtime_ns for fruit in FRUITS[2:]} == untouched
    for fruit in FRUITS[:2]:
        # Another server may run on more threads.
        difference = np.abs(pixels(results.edit(fruit)).astype(int) - before[fruit])
        assert difference.max() <= 2
    assert sorted(done(folder)) == sorted([*FRUITS, "nothing"])


def node_types() -> list[str]:
    workflow = json.loads(DEFAULT.read_text())
    return [node["class_type"] for node in workflow.values()] + ["MaskToImage"]
