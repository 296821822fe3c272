"""The data set's layout: read, unpacked from the files of its successor, and written.

    mapping_file.json            by the edits' ids: image_path, original_prompt, editing_prompt,
                                 editing_type_id, mask, and texts that no edit needs
    annotation_images/TYPE/...   the pictures, 512x512

A mask is run lengths: the start and the length of each run of the foreground, row after row.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import Image

SIZE = 512
MAPPING = "mapping_file.json"
PICTURES = "annotation_images"

TYPES = {
    "0": "random",
    "1": "change object",
    "2": "add object",
    "3": "delete object",
    "4": "change content",
    "5": "change pose",
    "6": "change colour",
    "7": "change material",
    "8": "change background",
    "9": "change style",
}


@dataclass(frozen=True)
class Edit:
    """One edit of the data set.

    path: of the picture, below annotation_images.  source, target: the prompts, without their
    brackets.  type: one of TYPES.  runs: the mask of what may change, as run lengths.
    """

    id: str
    path: str
    source: str
    target: str
    type: str
    runs: Sequence[int]

    @property
    def region(self) -> np.ndarray:
        """Bool (512, 512): what may change."""
        return decode_runs(self.runs)

    @property
    def output(self) -> str:
        """The name of its results, without an ending."""
        return str(PurePosixPath(self.path).with_suffix(""))


def read_data(folder: Path) -> tuple[list[Edit], list[str]]:
    """The edits of a data set in its own layout, and what is wrong with others, a sentence each.

    Raises ValueError, in a sentence, where there are none.
    """
    path = folder / MAPPING
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(
            f"DATA: {path} cannot be read ({error}); name the folder of PIE-Bench."
        ) from None
    if not isinstance(entries, dict) or not entries:
        raise ValueError(f"DATA: {path} has no edits; download PIE-Bench again.")
    edits: list[Edit] = []
    complaints: list[str] = []
    for id, entry in entries.items():
        try:
            edits.append(_edit(folder, id, entry))
        except ValueError as error:
            complaints.append(f"{id}: {error}; download PIE-Bench again.")
    if not edits:
        raise ValueError(f"DATA: {path} has no whole edits; the first: {complaints[0]}")
    return edits, complaints


def _edit(folder: Path, id: str, entry: Any) -> Edit:
    """Raises ValueError, without its remedy, for an entry that is no edit, or has no picture."""
    texts = ("image_path", "original_prompt", "editing_prompt", "editing_type_id")
    for key in (*texts, "mask"):
        if not isinstance(entry, dict) or key not in entry:
            raise ValueError(f"{key}: it is missing")
    for key in texts:
        if not isinstance(entry[key], str) or not entry[key].strip():
            raise ValueError(f"{key}: {entry[key]!r} is not a text")
    path = PurePosixPath(entry["image_path"])
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"image_path: {str(path)!r} leads out of {PICTURES}")
    if not (folder / PICTURES / path).is_file():
        raise ValueError(f"image_path: there is no picture {path}")
    if entry["editing_type_id"] not in TYPES:
        raise ValueError(f"editing_type_id: {entry['editing_type_id']!r} is none of 0 to 9")
    decode_runs(entry["mask"])
    source, target = (without_brackets(entry[key]) for key in texts[1:3])
    return Edit(id, str(path), source, target, entry["editing_type_id"], entry["mask"])


def without_brackets(prompt: str) -> str:
    """A prompt without the brackets around the words that differ."""
    return prompt.replace("[", "").replace("]", "")


def decode_runs(runs: Sequence[int]) -> np.ndarray:
    """A mask, bool (512, 512), of its run lengths.

    A run that is longer than the picture ends with it. Raises ValueError for what are no run
    lengths.
    """
    numbers = isinstance(runs, list) and all(type(number) is int for number in runs)
    if not numbers or len(runs) % 2 or any(number < 0 for number in runs):
        raise ValueError("mask: it is no list of starts and lengths")
    flat = np.zeros(SIZE * SIZE, bool)
    for start, length in zip(runs[::2], runs[1::2], strict=True):
        flat[start : start + length] = True
    return flat.reshape(SIZE, SIZE)


def encode_runs(mask: np.ndarray) -> list[int]:
    """The run lengths of a bool mask (512, 512)."""
    steps = np.diff(mask.ravel().astype(np.int8), prepend=0, append=0)
    starts, ends = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    return np.stack((starts, ends - starts), 1).ravel().tolist()


def write_data(folder: Path, edits: Iterable[tuple[Edit, bytes]]) -> None:
    """Write edits and their pictures in the data set's layout. Raises OSError."""
    mapping: dict[str, Any] = {}
    for edit, picture in edits:
        path = folder / PICTURES / edit.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture)
        mapping[edit.id] = {
            "image_path": edit.path,
            "original_prompt": edit.source,
            "editing_prompt": edit.target,
            "editing_instruction": "",
            "editing_type_id": edit.type,
            "blended_word": "",
            "mask": list(edit.runs),
        }
    (folder / MAPPING).write_text(json.dumps(mapping) + "\n", encoding="utf-8")


def has_parquet(folder: Path) -> bool:
    """Whether a folder holds PIE-Bench++, which is one of parquet files: TYPE/V1-*.parquet."""
    return any(folder.glob("[0-9]_*/*.parquet"))


def unpack_parquet(source: Path, folder: Path) -> None:
    """Write PIE-Bench++ (UB-CVML-Group/PIE_Bench_pp) in the layout of PIE-Bench.

    Raises ValueError, in a sentence, for files that are damaged or have other columns.
    """
    write_data(folder, (one for path in sorted(source.glob("[0-9]_*/*.parquet"))
                        for one in _rows(path)))  # fmt: skip


def _rows(path: Path) -> Iterable[tuple[Edit, bytes]]:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_table

    type = path.parent.name
    try:
        columns = ["id", "image", "source_prompt", "target_prompt", "mask"]
        rows = read_table(path, columns=columns).to_pylist()
        for row in rows:
            picture = row["image"]["bytes"]
            runs = [int(number) for number in re.split(r"[\s,\[\]]+", row["mask"]) if number]
            ending = {"JPEG": "jpg"}.get(Image.open(io.BytesIO(picture)).format or "", "png")
            prompts = row["source_prompt"], row["target_prompt"]
            if not re.fullmatch(r"[\w-]+", row["id"]):
                raise ValueError(f"id: {row['id']!r}")
            name = f"{type}/{row['id']}.{ending}"
            yield Edit(row["id"], name, *prompts, type[0], runs), picture
    except (ArrowException, KeyError, TypeError, ValueError, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"DATA: {path} is damaged or not of PIE-Bench++ ({reason}); download it again."
        ) from None
