"""Work on one picture after the other, which the user can follow and cancel."""

from collections.abc import Iterator

import comfy.model_management
import comfy.utils


def one_by_one(count: int) -> Iterator[int]:
    """Yield the number of each picture from 0; moves the node's progress bar on and ends where the
    user cancels.
    """
    bar = comfy.utils.ProgressBar(count)
    for number in range(count):
        comfy.model_management.throw_exception_if_processing_interrupted()
        yield number
        bar.update(1)
