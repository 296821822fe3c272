"""The table of a batch: a CSV or JSONL file with a line for each edit."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

OUTPUT = "output"
"""The column of the results' names."""

PROMPTED = ("image", "source", "target")
"""The columns in which a cell may not be empty."""

NAME_DIGITS = 8


@dataclass(frozen=True)
class Row:
    """One edit. line: in the file, from 1. output: the name of its results, without an ending.
    cells: by column, without the empty ones; of a CSV, all are texts.
    """

    line: int
    output: str
    cells: dict[str, Any]


@dataclass(frozen=True)
class BadLine:
    """A line that is no edit, and why, in one sentence."""

    line: int
    error: str


@dataclass(frozen=True)
class Table:
    """columns: those of the file that hold settings."""

    rows: list[Row]
    bad: list[BadLine]
    columns: list[str]


def read_table(path: Path, columns: Iterable[str]) -> Table:
    """Read a table; `columns` are those that hold settings, and others are left out.

    Raises ValueError for a file that is no table, has no lines, lacks the column of a picture or
    a prompt, or has two edits of one name.
    """
    wanted = set(columns)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: it is not UTF-8; save it as CSV UTF-8.") from None
    except OSError as error:
        raise ValueError(
            f"{path}: it cannot be read ({error.strerror}); name a CSV or JSONL file."
        ) from None
    of_json = path.suffix.lower() in (".jsonl", ".ndjson")
    lines = list(_json_lines(text) if of_json else _csv_lines(path, text))
    if not lines:
        raise ValueError(f"{path}: it has no edits; add a line for each.")
    found = {column for _, cells in lines if isinstance(cells, dict) for column in cells}
    missing = [name for name in PROMPTED if name in wanted and name not in found]
    if missing:
        raise ValueError(
            f"{path}: it has no column {' and no column '.join(missing)}; "
            f"name its columns {', '.join(PROMPTED)}, and {OUTPUT} or settings beside them."
        )
    rows: list[Row] = []
    bad: list[BadLine] = []
    for line, cells in lines:
        try:
            rows.append(_row(line, cells, wanted))
        except ValueError as error:
            bad.append(BadLine(line, str(error)))
    _require_different_names(path, rows)
    return Table(rows, bad, sorted(found - {OUTPUT}))


def _csv_lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """The number of each line and its cells, or what is wrong with it."""
    header = text.partition("\n")[0]
    reader = csv.reader(text.splitlines(keepends=True), delimiter=max(",;\t", key=header.count))
    names: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not names:
                names = [cell.strip() for cell in cells]
                if len(set(names)) < len(names):
                    raise ValueError(f"{path}: two columns have one name; rename one of them.")
            elif len(cells) > len(names):
                yield (
                    reader.line_num,
                    f"line: it has {len(cells)} cells for {len(names)} columns; put a text with "
                    "commas in quotes.",
                )
            else:
                yield reader.line_num, dict(zip(names, cells, strict=False))
    except csv.Error as error:
        raise ValueError(f"{path}: it is not CSV ({error}); save it as CSV UTF-8.") from None


def _json_lines(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """As `_csv_lines`."""
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                cells = json.loads(line)
            except ValueError:
                cells = None
            if isinstance(cells, dict):
                yield number, cells
            else:
                yield number, "line: it is not a JSON object; write {...}."


def _row(line: int, cells: dict[str, Any] | str, wanted: set[str]) -> Row:
    """Raises ValueError, in a sentence, for a line that is no edit."""
    if isinstance(cells, str):
        raise ValueError(cells)
    kept = {name: cells[name] for name in sorted(wanted & cells.keys()) if not _empty(cells[name])}
    for name, cell in kept.items():
        if isinstance(cell, (list, dict)):
            raise ValueError(f"{name}: it is a list or an object; write a text or a number.")
    for name in PROMPTED:
        if name in wanted and name not in kept:
            raise ValueError(f"{name}: it is empty; fill it in.")
        if name in kept and not isinstance(kept[name], str):
            raise ValueError(f"{name}: {kept[name]!r} is not a text; write one.")
    output = cells.get(OUTPUT)
    return Row(line, _default_name(kept) if _empty(output) else _checked_name(output), kept)


def _empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _default_name(cells: dict[str, Any]) -> str:
    """The picture's name and a few digits of the row's content: the same wherever it stands."""
    digits = hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:NAME_DIGITS]
    stem = PurePosixPath(str(cells.get("image", "edit")).replace("\\", "/")).stem
    return f"{stem}-{digits}"


def _checked_name(output: Any) -> str:
    """An output's name, which may be in folders, without the ending that it gets.

    Raises ValueError for what leads out of the folder or is no name.
    """
    text = str(output).strip().replace("\\", "/")
    name = PurePosixPath(text.removesuffix(".png"))
    bad = not name.parts or name.is_absolute() or any(part.startswith(".") for part in name.parts)
    if bad or any(sign in '<>:"|?*' or not sign.isprintable() for sign in text):
        raise ValueError(
            f"{OUTPUT}: {text!r} is no name for a result; write one such as cat or cats/1."
        )
    return str(name)


def _require_different_names(path: Path, rows: list[Row]) -> None:
    """Names that differ in capitals alone are one file on some machines."""
    lines: dict[str, int] = {}
    for row in rows:
        first = lines.setdefault(row.output.casefold(), row.line)
        if first != row.line:
            raise ValueError(
                f"{path}: lines {first} and {row.line} would both be written as {row.output}; "
                f"give one of them another {OUTPUT}."
            )
