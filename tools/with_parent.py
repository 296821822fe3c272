"""Run a script that ends when the process that started it ends, however that ends.

    python with_parent.py FOLDER main.py ...

Whoever starts it holds a pipe to its standard input, which the system closes with the holder.  Then
FOLDER is removed, unless it is `-`, and the script stopped.
"""

import os
import runpy
import shutil
import sys
import threading

NO_FOLDER = "-"


def end_with_parent(folder: str) -> None:
    sys.stdin.buffer.read()
    while folder != NO_FOLDER and os.path.isdir(folder):  # the script still writes into it
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    folder, *sys.argv = sys.argv[1:]
    threading.Thread(target=end_with_parent, args=[folder], daemon=True).start()
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
