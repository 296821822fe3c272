"""What travels from Edit Window to Paste Edit."""

from typing import NamedTuple

from torch import Tensor

from ...diffedit_core.window import Window


class PictureWindows(NamedTuple):
    """original: the whole pictures, an IMAGE.  windows: one for each, all of one size."""

    original: Tensor
    windows: list[Window]
