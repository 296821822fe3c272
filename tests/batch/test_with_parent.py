"""A server ends with the process that started it, even where that is killed."""

import subprocess
import sys
from pathlib import Path

import psutil

from tools.comfy_server import PACK

LAUNCHER = PACK / "tools" / "with_parent.py"

SCRIPT = """
import sys, time
from beside import GREETING
print(GREETING, __name__, sys.argv[1:], flush=True)
while True:
    time.sleep(1)
"""
STARTER = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
print(child.pid, flush=True)
child.wait()
"""


def test_it_ends_with_its_parent(tmp_path: Path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    (folder / "file").write_text("")
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "beside.py").write_text("GREETING = 'up'")
    command = [sys.executable, str(LAUNCHER), str(folder), str(tmp_path / "script.py"), "--port"]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *command], stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout
        child = psutil.Process(int(starter.stdout.readline()))
        assert starter.stdout.readline() == "up __main__ ['--port']\n"
        starter.kill()
        assert not psutil.wait_procs([child], timeout=30)[1]
    assert not folder.exists()
