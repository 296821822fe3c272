"""Small things in large pictures: the one node, the picture shrunk, the picture as large as it is.

    make bench-window

Held-out edits of things at 0.3 to 0.5 of the usual scale, anywhere on the table, rendered on
canvases far larger than the pictures that the demo model knows. Prints a table, writes
output/bench-window.json and draws the first edits into output/bench-window.png.

cost: model evaluations, in those of a picture of the size that the model likes. outside_error: the
largest difference from the source outside the mask. seam: by how much steeper the picture is along
the mask's edge than the true one, in levels of 255.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from lab.render import SIZE
from lab.scenes import Scene, edit, wide_scene
from tools.executor import running_executor
from tools.in_process import load_pack

from . import checker
from .cases import KINDS, Case, edits_of, make_case
from .metrics import iou
from .one_node import OneNode
from .pack import Pack, as_bytes, as_image
from .quality import checker_accuracy, psnr, shows_edit
from .report import save_report

FIRST_SEED = 6_000_000
SMALL_OBJECTS = 90
DRAWN, DRAWN_SIDE = 6, 256

Made = tuple[np.ndarray, np.ndarray]
"""An edited picture, uint8 (H, W, 3), and its mask, float (H, W)."""


def small_things(seed: int) -> Scene:
    return wide_scene(seed, smallest=0.3, largest=0.5)


class Ways(OneNode):
    """The ways to edit a large picture."""

    def ours(self, case: Case) -> Made:
        """The one node."""
        image, mask = self.edited(case, self.pictures([case]))
        return as_bytes(image)[0], mask[0].numpy()

    def shrunk(self, case: Case) -> Made:
        """The one node on the picture at the size that the model likes, pasted back."""
        small = cv2.resize(case.source.rgb, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        image, mask = self.edited(case, as_image([small]))
        return self._pasted(case, image, mask)

    def full(self, case: Case) -> Made:
        """The stages on the picture as large as it is."""
        edited, mask = self.edited_by_stages([case], self.pictures([case]))
        return self._pasted(case, edited, mask)

    def _pasted(self, case: Case, edited: torch.Tensor, mask: torch.Tensor) -> Made:
        pasted, whole = self.call(
            "DiffEditPaste", original=self.pictures([case]), edited=edited, mask=mask
        )
        return as_bytes(pasted)[0], whole[0].numpy()


def measure(case: Case, made: Made, judge: checker.Checker) -> dict[str, float]:
    picture, mask = made
    source = case.source.rgb
    outside = np.abs(picture.astype(int) - source)[mask == 0]
    return {
        "iou": iou(mask > 0.5, case.region),
        "edit_success": float(shows_edit(judge, picture, case)),
        "outside_error": float(outside.max(initial=0)),
        "background_psnr": min(psnr(picture, source, ~case.region), 60.0),
        "seam": seam(picture, case.target.rgb, mask > 0),
    }


def seam(picture: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """By how much steeper a picture is than the true one along the edge of a bool mask (H, W)."""
    edge = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    if not edge.any():
        return 0.0
    steepness = [
        np.hypot(
            *(cv2.Sobel(one.astype(np.float32), -1, *d, scale=0.125) for d in ((1, 0), (0, 1)))
        )
        for one in (picture, truth)
    ]
    return float((steepness[0] - steepness[1])[edge].mean())


def over_all(found: list[dict[str, float]]) -> dict[str, float]:
    """The means over a way's edits, and the worst of its errors."""
    means = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
    worst = max(one["outside_error"] for one in found)
    return means | {"outside_error": worst, "edits": len(found)}


def small_object_iou(pack: Pack, count: int) -> float:
    """The mask alone, on the small things of `make bench-mask`."""
    found = []
    for one in edits_of(KINDS["small object"], count, FIRST_SEED):
        case = make_case(one)
        image = pack.pictures([case])
        latent = {"samples": pack.vae.encode(image)}
        mask, _ = pack.found(image, latent, pack.prompts([case]))
        found.append(iou(mask[0].numpy() > 0.5, case.region))
    return float(np.mean(found))


def drawn(case: Case, made: list[Made]) -> np.ndarray:
    """The source, the true target, then each way's mask and picture."""
    panels = [case.source.rgb, case.target.rgb]
    for picture, mask in made:
        panels += [np.repeat(np.uint8(255 * mask)[..., None], 3, 2), picture]
    side = (DRAWN_SIDE, DRAWN_SIDE)
    return np.concatenate([cv2.resize(p, side, interpolation=cv2.INTER_AREA) for p in panels], 1)


def show(rows: dict[str, dict[str, dict[str, float]]]) -> None:
    columns = list(next(iter(rows["768"].values())))
    print(f"{'':14}" + "".join(f"{name:>16}" for name in columns))
    for canvas, ways in rows.items():
        for way, means in ways.items():
            print(f"{canvas:>5} {way:8}" + "".join(f"{means[name]:16.3f}" for name in columns))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=60, help="on each canvas")
    parser.add_argument(
        "--full", type=int, nargs=2, default=(60, 5), help="of these, as large as they are"
    )
    args = parser.parse_args()
    judge = checker.load()
    nodes = load_pack()
    rows: dict[str, Any] = {}
    strips: list[np.ndarray] = []
    accuracies: list[float] = []
    with torch.inference_mode(), running_executor(nodes) as executor:
        ways = Ways(nodes, executor)
        for canvas, full in zip((768, 1536), args.full, strict=True):
            figures: dict[str, list[dict[str, float]]] = defaultdict(list)
            for number in tqdm(range(args.edits), desc=f"{canvas}×{canvas}"):
                case = make_case(edit(FIRST_SEED + number, scenes=small_things), canvas)
                accuracies.append(checker_accuracy([case], judge))
                chosen: list[Callable[[Case], Made]] = [ways.ours, ways.shrunk]
                chosen += [ways.full] if number < full else []
                made = []
                for way in chosen:
                    ways.cost = 0.0
                    started = time.monotonic()
                    made.append(way(case))
                    spent = {"cost": ways.cost, "seconds": time.monotonic() - started}
                    figures[way.__name__].append(measure(case, made[-1], judge) | spent)
                if number < DRAWN:
                    strips.append(drawn(case, made[:2]))
            rows[str(canvas)] = {way: over_all(found) for way, found in figures.items()}
        small = small_object_iou(ways, SMALL_OBJECTS)
    show(rows)
    accuracy = float(np.mean(accuracies))
    print(f"small objects of bench-mask, mask IoU: {small:.3f}")
    print(f"judge's accuracy on {2 * len(accuracies)} true renderings: {accuracy:.3f}")
    report = {"rows": rows, "small_object_iou": small, "checker_accuracy": accuracy}
    save_report("bench-window", report, Image.fromarray(np.concatenate(strips)))


if __name__ == "__main__":
    main()
