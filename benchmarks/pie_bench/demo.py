"""The demo's scenes in the layout of PIE-Bench, edited with the demo model, diffusers' DiffEdit
beside ours.

    make bench-pie

The scenes come from seeds that were never trained on; the annotated mask is the region that must
change. The pictures have the data set's size, which is not the demo model's: the one node edits
them as it edits any picture that is larger than its model likes, and pastes the edit back.
diffusers' pipeline gets each picture shrunk to the model's size, and what it makes is enlarged;
`diffusers, pasted` is the same, pasted into the source through its own mask. `right` is how many
edits show what they should, as in bench-quality.

Prints a table and writes output/pie-bench.json.
"""

from __future__ import annotations

import argparse
import io
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks import checker
from benchmarks.cases import Case, make_case
from benchmarks.peer import DiffusersPipeline, enlarged
from benchmarks.quality import shows_edit
from benchmarks.report import OUTPUT, save_report
from lab.render import SIZE as MODEL_SIZE
from lab.scenes import edit

from .__main__ import METHOD, make_folder, measured, run
from .data import PICTURES, SIZE, Edit, encode_runs, read_data, write_data
from .report import Sources, judged, read_picture, resized, summary, table

FIRST_SEED = 10_000_000

FOLDERS = {
    "kind": "1_change_object",
    "replace": "1_change_object",
    "fruit": "4_change_attribute_content",
    "colour": "6_change_attribute_color",
}
"""The data set's type of each of the scenes' edits."""


def export(folder: Path, seeds: Iterable[int]) -> None:
    """Write the edits of these seeds as a data set in the layout of PIE-Bench."""
    write_data(folder, (_exported(seed) for seed in seeds))


def _exported(seed: int) -> tuple[Edit, bytes]:
    one = edit(seed)
    case = make_case(one, SIZE)
    type = FOLDERS[one.name]
    file = io.BytesIO()
    Image.fromarray(case.source.rgb).save(file, "JPEG", quality=95)
    captions = one.source.caption, one.target.caption
    runs = encode_runs(case.region)
    return Edit(str(seed), f"{type}/{seed}.jpg", *captions, type[0], runs), file.getvalue()


def model_sized(picture: np.ndarray) -> np.ndarray:
    return np.asarray(resized(Image.fromarray(picture), MODEL_SIZE))


def picture_sized(picture: np.ndarray) -> np.ndarray:
    return np.asarray(resized(Image.fromarray(picture), SIZE))


@torch.no_grad()
def by_diffusers(
    sources: Sources, edits: Sequence[Edit], folder: Path
) -> dict[str, dict[str, dict[str, Any]]]:
    """The measures of diffusers' edits, as they are and pasted, by method and by the edits' ids."""
    peer = DiffusersPipeline()
    found: dict[str, dict[str, dict[str, Any]]] = {"diffusers": {}, "diffusers-pasted": {}}
    for one in tqdm(edits, desc="diffusers"):
        source = sources.picture(one)
        case = case_of(one)
        case = replace(case, source=replace(case.source, rgb=model_sized(source)))
        peer.evaluations = 0
        started = time.perf_counter()
        mask, _, latent = peer.edit(case, seed=0)
        picture = picture_sized(peer.decoded(latent))
        costs = {"evaluations": peer.evaluations, "seconds": time.perf_counter() - started}
        region = np.asarray(Image.fromarray(enlarged(mask[0]) > 0).resize((SIZE, SIZE)))
        pasted = np.where(region[..., None], picture, source)
        for method, edited in zip(found, (picture, pasted), strict=True):
            found[method][one.id] = judged(folder / method, sources, one, edited, region) | costs
    return found


def case_of(one: Edit) -> Case:
    return make_case(edit(int(one.id)))


def shrunk_only(sources: Sources, edits: Sequence[Edit], folder: Path) -> dict[str, dict[str, Any]]:
    """The measures of the sources, shrunk to the model's size and enlarged again."""
    found: dict[str, dict[str, Any]] = {}
    for one in edits:
        picture = picture_sized(model_sized(sources.picture(one)))
        found[one.id] = judged(folder / "shrunk", sources, one, picture, None)
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=40)
    args, batch_options = parser.parse_known_args()
    warnings.filterwarnings("ignore")

    folder = OUTPUT / "pie-bench"
    export(folder / "data", range(FIRST_SEED, FIRST_SEED + args.edits))
    edits, _ = read_data(folder / "data")
    sources = Sources((folder / "data").resolve())
    make_folder(folder / METHOD)
    if run(sources, edits, folder / METHOD, 0, batch_options):
        raise SystemExit("error: edits failed; see above.")
    methods = {METHOD: measured(sources, edits, folder / METHOD)}
    methods |= by_diffusers(sources, edits, folder)

    judge = checker.load()
    for method, found in methods.items():
        for one in edits:
            picture = model_sized(read_picture(folder / method / PICTURES / one.path))
            found[one.id]["right"] = shows_edit(judge, picture, case_of(one))
    methods["shrunk"] = shrunk_only(sources, edits, folder)

    reports = {method: summary(edits, found) for method, found in methods.items()}
    print(table(reports))
    save_report("pie-bench", reports)


if __name__ == "__main__":
    main()
