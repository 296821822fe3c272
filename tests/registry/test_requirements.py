"""Installing requirements.txt into a ComfyUI leaves ComfyUI's own packages as they are."""

import json
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from tools.comfy_server import PACK
from tools.environment import venv_python


@pytest.fixture
def without_opencv(tmp_path: Path) -> Path:
    """The Python of an environment that has, to pip, all packages of this one but OpenCV."""
    venv.create(tmp_path, with_pip=False)
    python = venv_python(tmp_path)
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    answer = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    for record in Path(sysconfig.get_path("purelib")).glob("*.dist-info"):
        if not record.name.startswith("opencv"):
            (Path(answer.stdout.strip()) / record.name).symlink_to(record)
    return python


def test_nothing_but_opencv_is_installed(without_opencv: Path):
    # The private environment has no pip of its own.
    pip = [sys._base_executable, "-m", "pip", "--python", str(without_opencv)]
    install = ["install", "--dry-run", "--quiet", "--report", "-", "-r", "requirements.txt"]
    done = subprocess.run([*pip, *install], capture_output=True, text=True, cwd=PACK)
    if "(from versions: none)" in done.stderr:
        pytest.skip("PyPI does not answer.")
    assert done.returncode == 0, done.stderr
    installed = [one["metadata"]["name"] for one in json.loads(done.stdout)["install"]]
    assert installed == ["opencv-python-headless"]
