"""Edits made elsewhere, taken over by Keep The Rest, beside other ways to take them over.

    make bench-keep

The editor is the true picture after the edit, passed through the demo model's autoencoder and
through what instruction editors do to all of a picture (distortion.py): each alone, and all
together; and our own edits, distorted likewise. Prints a table, writes output/bench-keep.json and
draws the first pictures into output/bench-keep.png.

edit_success: of the edits that the judge sees before, how many it still sees. alignment_px: how far
from where they belong the edit's pixels come to lie, the mean over the picture. outside_error: the
largest difference from the original outside the mask. seam: see window.py. seconds: of the work on
a picture of 1024×1024 pixels.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import AutoencoderTiny
from PIL import Image
from tqdm import tqdm

from diffedit_core.alignment import alignment, scaling, warped
from diffedit_core.keep import keep_the_rest
from diffedit_core.refine import Refinement
from lab.architecture import FACTOR
from lab.scenes import edit
from tools.comfy_server import PACK
from tools.in_process import defaults, load_pack

from . import checker
from .cases import Case, make_case
from .distortion import PARTS, Distortion, distorted, distortion
from .metrics import iou
from .quality import Ours, run_all, shows_edit
from .report import save_report
from .window import seam

FIRST_SEED = 9_500_000
SIZE = 396  # no multiple of 16 or 32
LARGE, LARGE_PICTURES = 1024, 5
DIFFERENCE, BLUR = 0.1, 4.0
DRAWN = 8
DISTORTIONS: dict[str, tuple[str, ...]] = {
    "autoencoder": (),
    **{part: (part,) for part in PARTS},
    "all": PARTS,
}

Floats = np.ndarray
"""A picture, float32 (H, W, 3) in 0..1."""

Way = Callable[[Floats, Floats, np.ndarray], tuple[Floats, np.ndarray]]
"""What makes the picture and the mask of the original, the edit and the matrix between them."""


def stretched(original: Floats, edited: Floats) -> np.ndarray:
    """The matrix from the original's pixels to the edit's, if that was stretched at most."""
    return scaling(original.shape[1::-1], edited.shape[1::-1])


def over(original: Floats, edited: Floats, matrix: np.ndarray) -> Floats:
    return warped(edited, matrix, original.shape[1::-1])


def ours(original: Floats, edited: Floats, matrix: np.ndarray) -> tuple[Floats, np.ndarray]:
    """As the node does it, with its defaults."""
    widgets = node_defaults()
    before, after = (torch.from_numpy(one) for one in (original, edited))
    kept = keep_the_rest(
        before, after, Refinement(grow=widgets["grow"]), widgets["feather"], matrix
    )
    return kept.image.numpy(), kept.mask.numpy()


@cache
def node_defaults() -> dict[str, Any]:
    return defaults(load_pack().DiffEditKeepTheRest)


def thresholded(blur: float) -> Way:
    """The usual way: where the pixels differ by more than a threshold."""

    def way(original: Floats, edited: Floats, matrix: np.ndarray) -> tuple[Floats, np.ndarray]:
        moved = over(original, edited, matrix)
        difference = np.abs(moved - original).max(-1)
        if blur:
            difference = cv2.GaussianBlur(difference, (0, 0), blur)
        mask = (difference > DIFFERENCE).astype(np.float32)
        filled = np.where(mask[..., None] > 0, moved, original)
        return filled.astype(np.float32), mask

    return way


WAYS = {
    "ours": (alignment, ours),
    "unaligned": (stretched, ours),
    "difference": (stretched, thresholded(0)),
    "blurred difference": (stretched, thresholded(BLUR)),
}
"""How each finds where the edit lies, and what it makes of that: the picture and the mask."""


def autoencoded(rgb: np.ndarray) -> np.ndarray:
    """A uint8 picture (H, W, 3) after the demo model's autoencoder."""
    height, width = rgb.shape[:2]
    whole = cv2.copyMakeBorder(rgb, 0, -height % FACTOR, 0, -width % FACTOR, cv2.BORDER_REFLECT)
    pixels = torch.from_numpy(whole).movedim(-1, 0)[None] / 127.5 - 1
    with torch.inference_mode():
        decoded = autoencoder().decode(autoencoder().encode(pixels).latents).sample[0]
    bytes_ = ((decoded.movedim(0, -1) + 1) * 127.5).round().clamp(0, 255).byte().numpy()
    return bytes_[:height, :width]


@cache
def autoencoder() -> AutoencoderTiny:
    return AutoencoderTiny.from_pretrained(PACK / "demo" / "model" / "vae")


@cache
def judge() -> checker.Checker:
    return checker.load()


def misplaced(matrix: np.ndarray, true: np.ndarray, size: int) -> float:
    """How far two matrices lead the pixels of a picture apart, in its pixels: the mean."""
    along = np.linspace(0, size - 1, 9)
    points = np.stack([*np.meshgrid(along, along), np.ones((9, 9))], -1)
    apart = points @ (matrix - true).T @ np.linalg.inv(true[:, :2]).T
    return float(np.linalg.norm(apart, axis=-1).mean())


def measure(
    case: Case, edited: np.ndarray, by: Distortion
) -> Iterator[tuple[str, dict[str, float], np.ndarray]]:
    """Yield each way's name, figures and picture."""
    original = case.source.rgb.astype(np.float32) / 255
    given = edited.astype(np.float32) / 255
    truly_over = over(original, given, by.matrix)
    seen_before = shows_edit(judge(), as_bytes(np.nan_to_num(truly_over)), case)
    for name, (place, take_over) in WAYS.items():
        started = time.perf_counter()
        try:
            matrix = place(original, given)
        except ValueError:  # refused
            matrix = stretched(original, given)
        picture, mask = take_over(original, given, matrix)
        seconds = time.perf_counter() - started
        figures = {
            "iou": iou(mask > 0.5, case.region),
            "alignment_px": misplaced(matrix, by.matrix, len(original)),
            "outside_error": float(np.abs(picture - original)[mask == 0].max(initial=0)),
            "seam": seam(as_bytes(picture), case.target.rgb, mask > 0),
            "seconds": seconds,
        }
        if seen_before:
            figures["edit_success"] = float(shows_edit(judge(), as_bytes(picture), case))
        yield (
            name,
            figures,
            np.concatenate([as_bytes(np.repeat(mask[..., None], 3, 2)), as_bytes(picture)], 1),
        )


def as_bytes(picture: Floats) -> np.ndarray:
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8)


def measured(seed: int, names: tuple[str, ...]) -> tuple[dict[str, Any], np.ndarray]:
    """The figures of an edit by distortion and way, and a strip of pictures of the last."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    case = make_case(edit(seed), SIZE)
    found: dict[str, Any] = {}
    strip = np.zeros((0,))
    for name in names:
        by = distortion(seed, (SIZE, SIZE), DISTORTIONS[name])
        edited = autoencoded(distorted(case.target.rgb, by))
        ways = list(measure(case, edited, by))
        found[name] = {way: figures for way, figures, _ in ways}
        shown = [case.source.rgb, cv2.resize(edited, (SIZE, SIZE)), *(strip for *_, strip in ways)]
        strip = np.concatenate(shown, 1)
    return found, strip


def our_edits(count: int) -> list[tuple[Case, np.ndarray]]:
    """Our own edits, of the size that the demo model likes, as they come out of VAE Decode."""
    cases = [make_case(edit(FIRST_SEED + number)) for number in range(count)]
    results = run_all("our edits", Ours(load_pack()).run, cases)
    return [(case, one.edited) for case, one in zip(cases, results, strict=True)]


def seconds_of_large(count: int) -> dict[str, float]:
    """The seconds that each way needs on a picture of LARGE × LARGE pixels, the median."""
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(count):
        case = make_case(edit(FIRST_SEED + number), LARGE)
        by = distortion(number, (LARGE, LARGE))
        for way, figures, _ in measure(case, distorted(case.target.rgb, by), by):
            times[way].append(figures["seconds"])
    return {way: float(np.median(found)) for way, found in times.items()}


def row(found: list[dict[str, float]], seconds: float) -> dict[str, float]:
    names = {name: None for one in found for name in one}
    values = {name: [one[name] for one in found if name in one] for name in names}
    worst = {"outside_error": max(values["outside_error"]), "seconds": seconds}
    median = {"alignment_px_median": float(np.median(values["alignment_px"]))}
    return {name: float(np.mean(all_)) for name, all_ in values.items()} | worst | median


def show(rows: dict[str, dict[str, dict[str, float]]]) -> None:
    columns = list(rows["ours"]["all"])
    print(f"{'':32}" + "".join(f"{name:>14.13}" for name in columns))
    for way, by_distortion in rows.items():
        for name, means in by_distortion.items():
            figures = "".join(f"{means.get(column, np.nan):14.3f}" for column in columns)
            print(f"{way:19}{name:13}" + figures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=200, help="with all distortions")
    parser.add_argument("--each", type=int, default=20, help="of these, with each alone, and ours")
    args = parser.parse_args()
    figures: dict[str, dict[str, list[dict[str, float]]]] = {way: defaultdict(list) for way in WAYS}
    seeds = [FIRST_SEED + number for number in range(args.edits)]
    every = tuple(DISTORTIONS)
    names = [every if number < args.each else ("all",) for number in range(args.edits)]
    strips = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        done = pool.map(measured, seeds, names)
        for found, strip in tqdm(done, total=args.edits, desc="edits"):
            strips.append(strip)
            for name, ways in found.items():
                for way, one in ways.items():
                    figures[way][name].append(one)
    for number, (case, edited) in enumerate(our_edits(args.each)):
        by = distortion(number, edited.shape[1::-1])
        for way, one, _ in measure(case, distorted(edited, by), by):
            figures[way]["our edits"].append(one)
    seconds = seconds_of_large(LARGE_PICTURES)
    rows = {
        way: {name: row(found, seconds[way]) for name, found in by_distortion.items()}
        for way, by_distortion in figures.items()
    }
    show(rows)
    save_report("bench-keep", {"rows": rows}, Image.fromarray(np.concatenate(strips[:DRAWN])))


if __name__ == "__main__":
    main()
