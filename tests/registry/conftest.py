"""The pack as the ComfyUI registry ships it: without what `.comfyignore` names."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tools.comfy_server import PACK


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the pack's files that `.comfyignore` leaves."""
    repository, copy = (tmp_path_factory.mktemp(name) for name in ("git", "shipped"))
    # An empty repository of our own: whether and how the pack lies in one makes no difference.
    subprocess.run(["git", "init", "--quiet", repository], check=True)
    git = ["git", f"--git-dir={repository / '.git'}", f"--work-tree={PACK}"]
    ignored = ["--exclude-per-directory=.gitignore", f"--exclude-from={PACK / '.comfyignore'}"]
    listed = subprocess.run(
        [*git, "ls-files", "--others", "-z", *ignored], cwd=PACK, check=True, capture_output=True
    )
    for name in listed.stdout.decode().split("\0")[:-1]:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PACK / name, copy / name)
    return copy
