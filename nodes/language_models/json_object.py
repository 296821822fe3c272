"""A JSON object from a file that may be anything."""

import json
import stat
from pathlib import Path
from typing import Any


def read_object(path: Path, largest: int) -> dict[str, Any] | None:
    """Return what the file holds, or None where it cannot be read, is larger than `largest` bytes
    or holds no JSON object. It raises nothing.
    """
    try:
        status = path.stat()
        # A pipe or a device may never end; what /proc makes up while it is read states no size.
        if not stat.S_ISREG(status.st_mode) or not 0 < status.st_size <= largest:
            return None
        with path.open("rb") as file:
            found = json.loads(file.read(largest).decode("utf-8"))
    except Exception:  # of the disk, the encoding, the nesting, the numbers
        return None
    return found if isinstance(found, dict) else None
