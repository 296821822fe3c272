"""Texts that every log can print.

ComfyUI writes errors to the server's output in that output's own encoding.  A character that it
lacks, or half of one, raises in the thread that runs the queue, which then never runs again.
"""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager


def printable(text: str) -> str:
    r"""Return the text with what the server's output cannot print as escapes such as \u65e5."""
    for stream in (sys.stdout, sys.stderr):
        encoding = getattr(stream, "encoding", None) or "ascii"
        text = text.encode(encoding, "backslashreplace").decode(encoding)
    return text


@contextmanager
def printable_errors() -> Iterator[None]:
    """Raise errors whose texts cannot be printed again, escaped and without their history, which
    is printed as well.
    """
    try:
        yield
    except Exception as error:
        text = "".join(traceback.format_exception(error))
        if printable(text) == text:
            raise
        raise ValueError(printable(str(error))) from None
