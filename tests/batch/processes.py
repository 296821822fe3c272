"""The processes of a running batch, to kill them and to weigh them."""

import psutil

WORKER, SERVER = "ray::MapWorker", "with_parent.py"


def processes(pid: int, word: str = "") -> list[psutil.Process]:
    """What the process has started, and they in turn, with that word in their command."""
    found: list[psutil.Process] = []
    for process in psutil.Process(pid).children(recursive=True):
        try:
            if any(word in part for part in process.cmdline()):
                found.append(process)
        except psutil.Error:  # it has ended
            continue
    return found
