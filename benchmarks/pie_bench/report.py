"""Edited pictures in the folders of PIE-Bench's own script, their measures, and the table of these.

METHOD/annotation_images/TYPE/...   the edited pictures, named as the sources
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .data import PICTURES, SIZE, TYPES, Edit
from .metrics import measures

SCALES = {
    "psnr": ("PSNR", 1, 2),
    "mse": ("MSE·10⁴", 1e4, 2),
    "ssim": ("SSIM·10²", 100, 2),
    "iou": ("mask IoU", 1, 3),
    "right": ("right", 1, 2),
    "evaluations": ("evaluations", 1, 1),
    "seconds": ("seconds", 1, 2),
}
"""Of each measure: its heading, what it is multiplied by, as in the papers, and its decimals."""


@dataclass(frozen=True)
class Sources:
    """folder: of a data set in its own layout."""

    folder: Path

    def path(self, edit: Edit) -> Path:
        return self.folder / PICTURES / edit.path

    def picture(self, edit: Edit) -> np.ndarray:
        return read_picture(self.path(edit))


def read_picture(path: Path) -> np.ndarray:
    """A picture at the size of the data set, uint8 (512, 512, 3)."""
    with Image.open(path) as picture:
        return np.asarray(resized(picture.convert("RGB"), SIZE))


def read_mask(path: Path) -> np.ndarray:
    """A mask at the size of the data set, bool (512, 512)."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L").resize((SIZE, SIZE), Image.Resampling.NEAREST)) > 127


def resized(picture: Image.Image, size: int) -> Image.Image:
    """A picture with sides of that many pixels: itself, where it has them."""
    if picture.size == (size, size):
        return picture
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def judged(
    method: Path, sources: Sources, edit: Edit, edited: np.ndarray, mask: np.ndarray | None
) -> dict[str, Any]:
    """Write an edited picture, uint8 (512, 512, 3), for the script, and measure what is written.

    Nearly all names end in .jpg: the quality is the best, so that it costs next to nothing.
    """
    path = method / PICTURES / edit.path
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(edited).save(path, quality=100, subsampling=0)
    return measures(sources.picture(edit), read_picture(path), edit.region, mask)


def summary(edits: Sequence[Edit], measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The means in all and by type.

    measured: by the ids of the edits that there are; the others have failed.
    """
    types = sorted({edit.type for edit in edits})
    by_type = {type: [edit for edit in edits if edit.type == type] for type in types}
    return {
        "all": _means(edits, measured),
        "types": {TYPES[type]: _means(some, measured) for type, some in by_type.items()},
    }


def _means(edits: Sequence[Edit], measured: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """None is the mean of a measure that no edit has."""
    rows = [measured[edit.id] for edit in edits if edit.id in measured]
    means: dict[str, Any] = {"edits": len(rows), "failed": len(edits) - len(rows)}
    for name in SCALES:
        values = [row[name] for row in rows if row.get(name) is not None]
        means[name] = float(np.mean(values)) if values else None
    return means


def table(reports: Mapping[str, Mapping[str, Any]]) -> str:
    """The reports of methods as a Markdown table; measures that nothing has are left out."""
    lines = [
        (method, type, means)
        for method, report in reports.items()
        for type, means in {"all": report["all"], **report["types"]}.items()
    ]
    shown = [name for name in SCALES if any(means[name] is not None for *_, means in lines)]
    rows = [["method", "type", "edits", "failed", *(SCALES[name][0] for name in shown)]]
    rows.append(["---"] * len(rows[0]))
    for method, type, means in lines:
        figures = [_figure(name, means[name]) for name in shown]
        rows.append([method, type, str(means["edits"]), str(means["failed"]), *figures])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _figure(name: str, value: float | None) -> str:
    _, scale, decimals = SCALES[name]
    return "" if value is None else f"{scale * value:.{decimals}f}"
