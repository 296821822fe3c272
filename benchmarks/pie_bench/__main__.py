"""PIE-Bench with any workflow: python -m benchmarks.pie_bench DATA --workflow workflow.json

DATA is the folder of PIE-Bench, with mapping_file.json and annotation_images, or of PIE-Bench++,
with a folder of parquet files for each type. Every option of `python -m batch` but --out goes on to
it: --workflow, --map, --workers, --server, --address, --timeout. The same command goes on where an
interrupted one ended.

Writes output/pie-bench/METHOD/annotation_images for PIE-Bench's own script, prints what needs no
downloaded network, and writes it into output/pie-bench.json; --out is another folder than
output/pie-bench.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from batch.__main__ import EDITS_FAILED, NOT_RUN
from batch.__main__ import main as run_batch
from batch.manifest import read_manifest
from batch.results import Results
from benchmarks.report import OUTPUT

from .data import MAPPING, Edit, has_parquet, read_data, unpack_parquet
from .report import Sources, judged, read_mask, read_picture, summary, table

METHOD = "diffedit"


def main(arguments: list[str] | None = None) -> int:
    """Returns what `python -m batch` returns."""
    args, batch_options = parser().parse_known_args(arguments)
    method = args.out / args.method
    try:
        make_folder(method)
        sources, edits = chosen(args.data, args.out, args.each)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return NOT_RUN
    code = run(sources, edits, method, args.seed, batch_options)
    if code in (0, EDITS_FAILED):
        reports = {args.method: summary(edits, measured(sources, edits, method))}
        print(table(reports))
        report = args.out.parent / f"{args.out.name}.json"
        report.write_text(json.dumps(reports, indent=1) + "\n")
    return code


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.pie_bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("data", type=Path, metavar="DATA", help="the folder of PIE-Bench or of PIE-Bench++")
    add("--out", type=Path, default=OUTPUT / "pie-bench", metavar="DIR", help="for the pictures")
    add("--method", default=METHOD, metavar="NAME", help=f"what they are called; {METHOD}")
    add("--each", type=int, metavar="N", help="only the first N edits of each type")
    add("--seed", type=int, default=0, metavar="N", help="of every edit; 0")
    return parser


def make_folder(method: Path) -> None:
    """Raises ValueError, in a sentence, where it cannot be made."""
    try:
        method.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"--out: {method} cannot be written ({error.strerror}); name another folder."
        ) from None


def chosen(data: Path, out: Path, each: int | None) -> tuple[Sources, list[Edit]]:
    """The data set, unpacked where it is of parquet files, and the edits of it to be made.

    Says on standard error what is damaged. Raises ValueError, in a sentence, where nothing is left.
    """
    if each is not None and each < 1:
        raise ValueError(f"--each: {each} are no edits; take at least 1 of each type.")
    if not (data / MAPPING).is_file() and has_parquet(data):
        unpack_parquet(data, out / "data")
        data = out / "data"
    edits, complaints = read_data(data)
    for complaint in complaints:
        print(complaint, file=sys.stderr)
    return Sources(data.resolve()), edits if each is None else first_of_each_type(edits, each)


def first_of_each_type(edits: Sequence[Edit], count: int) -> list[Edit]:
    counts: Counter[str] = Counter()
    first: list[Edit] = []
    for edit in edits:
        counts[edit.type] += 1
        if counts[edit.type] <= count:
            first.append(edit)
    return first


def run(
    sources: Sources, edits: Sequence[Edit], method: Path, seed: int, options: Sequence[str]
) -> int:
    """Make the edits, as a batch in the folder of the method; returns its exit code."""
    rows = [
        {
            "image": str(sources.path(edit)),
            "source": edit.source,
            "target": edit.target,
            "seed": seed,
            "output": edit.output,
        }
        for edit in edits
    ]
    rows_file = method / "edits.jsonl"
    rows_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return run_batch([str(rows_file), "--out", str(method / "batch"), *options])


def measured(sources: Sources, edits: Sequence[Edit], method: Path) -> dict[str, dict[str, Any]]:
    """The measures of the edits that there are, by their ids; their pictures are written."""
    results = Results(method / "batch")
    entries = {one["output"]: one for one in read_manifest(results.folder / "manifest.jsonl")}
    found: dict[str, dict[str, Any]] = {}
    for edit in edits:
        entry = entries.get(edit.output, {})
        if entry.get("state") == "done":
            path = results.mask(edit.output)
            mask = read_mask(path) if path.is_file() else None
            edited = read_picture(results.edit(edit.output))
            costs = {name: entry[name] for name in ("evaluations", "seconds")}
            found[edit.id] = judged(method, sources, edit, edited, mask) | costs
    return found


if __name__ == "__main__":
    sys.exit(main())
