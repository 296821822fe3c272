"""The mask alone: ours, every recipe, diffusers and the blog's notebook on the same weights.

    make bench-mask

Held-out edits of six kinds, where the region that must change is known exactly. Prints a table,
writes output/bench-mask.json and draws the first edits of each kind into output/bench-mask.png.
The oracle rows know the truth and take each map's best threshold.
"""

from __future__ import annotations

import argparse
import warnings
from collections import defaultdict
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from diffedit_core.refine import gray_mask
from tools.in_process import load_pack

from .cases import KINDS, Case, edits_of, make_case
from .metrics import best_iou, iou, precision, recall
from .pack import Pack
from .peer import DiffusersPipeline, enlarged
from .report import save_report

FIRST_SEED = 5_000_000
DRAWN = 4
RECIPE_DRAWS = 10  # as the paper, diffusers and the blog have it

Mask = tuple[np.ndarray, float]
"""A bool mask (H, W) and the model evaluations that it took."""


class OurMasks(Pack):
    """DiffEdit Mask with its defaults and other settings, and its heat map's best threshold."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, case: Case) -> tuple[dict[str, Mask], float, np.ndarray]:
        """Masks by row, the oracle's IoU, and the heat map (H, W) in 0..1."""
        image = self.pictures([case])
        source, target = self.prompts([case])
        fixed = {"model": self.model, "source": source, "target": target}
        fixed["latent"] = {"samples": self.vae.encode(image)}

        def mask(**inputs: Any) -> tuple[Mask, torch.Tensor]:
            self.evaluations = 0
            binary, heat_map = self.call("DiffEditMask", **fixed, **inputs)[:2]
            return (binary[0].numpy() > 0.5, self.evaluations), heat_map

        ours, heat_map = mask(image=image)
        masks = {
            "ours": ours,
            "ours-adaptive": mask(image=image, adaptive=True)[0],
            "ours-no-image": mask()[0],
        }
        for recipe in ("paper", "blog", "diffusers"):
            row = "recipe-diffusers" if recipe == "diffusers" else recipe
            masks[row] = mask(draws=RECIPE_DRAWS, recipe={"recipe": recipe})[0]
        gray = gray_mask(heat_map, picture=image)[0]
        return masks, best_iou(gray, case.region), heat_map[0].numpy()


class PeerMasks(DiffusersPipeline):
    """diffusers' generate_mask, the best threshold of its map, and the blog's notebook."""

    def run(self, case: Case, seed: int) -> tuple[dict[str, Mask], float]:
        """Masks by row, and the oracle's IoU."""
        self.evaluations = 0
        mask, found = self.mask_and_map(case, seed)
        masks = {"diffusers": (enlarged(mask) > 0, self.evaluations)}
        self.evaluations = 0
        masks["notebook"] = (enlarged(self.notebook_mask(case)) > 0, self.evaluations)
        return masks, best_iou(enlarged(found), case.region)


class Table:
    """What was measured: for each row and kind, the figures of every edit."""

    def __init__(self) -> None:
        self.figures: dict[str, dict[str, list[dict[str, float]]]] = defaultdict(
            lambda: defaultdict(list)
        )

    def add(self, row: str, kind: str, **figures: float) -> None:
        self.figures[row][kind].append(figures)

    def add_mask(self, row: str, kind: str, mask: Mask, truth: np.ndarray) -> None:
        binary, evaluations = mask
        measures = {
            measure.__name__: measure(binary, truth) for measure in (iou, precision, recall)
        }
        self.add(row, kind, **measures, evaluations=evaluations)

    def rows(self) -> dict[str, dict[str, float]]:
        """The means over all edits."""
        means = {}
        for row, kinds in self.figures.items():
            everything = [figures for edits in kinds.values() for figures in edits]
            means[row] = {
                name: float(np.mean([figures[name] for figures in everything]))
                for name in everything[0]
            }
        return means

    def by_kind(self) -> dict[str, dict[str, float]]:
        """The mean IoU of each row on the edits of each kind."""
        return {
            kind: {
                row: float(np.mean([figures["iou"] for figures in kinds[kind]]))
                for row, kinds in self.figures.items()
            }
            for kind in KINDS
        }

    def show(self) -> None:
        rows, by_kind = self.rows(), self.by_kind()
        names = ["iou", "precision", "recall", "evaluations"]
        print(f"{'':17}" + "".join(f"{name:>15}" for name in [*names, *by_kind]))
        for row, means in rows.items():
            cells = [f"{means[name]:15.3f}" if name in means else " " * 15 for name in names]
            cells += [f"{by_kind[kind][row]:15.3f}" for kind in by_kind]
            print(f"{row:17}" + "".join(cells))


def gap_closed(rows: dict[str, dict[str, float]]) -> float:
    """How much of the gap between diffusers' mask and its own map's best threshold we close."""
    start, best = rows["diffusers"]["iou"], rows["oracle-diffusers"]["iou"]
    return (rows["ours"]["iou"] - start) / (best - start)


def strip(case: Case, heat_map: np.ndarray, ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Source, true target, true region, heat map, our mask, diffusers' mask, side by side."""
    grey = [case.region * 255.0, heat_map * 255, ours * 255.0, theirs * 255.0]
    panels = [np.repeat(one[..., None], 3, 2).astype(np.uint8) for one in grey]
    return np.concatenate([case.source.rgb, case.target.rgb, *panels], 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=90, help="of each of the six kinds")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)

    ours, peers = OurMasks(load_pack()), PeerMasks()
    table, strips = Table(), []
    edits = [
        (name, number, edit)
        for name, kind in KINDS.items()
        for number, edit in enumerate(edits_of(kind, args.edits, FIRST_SEED))
    ]
    for name, number, edit in tqdm(edits, desc="edits"):
        case = make_case(edit)
        our_masks, our_best, heat_map = ours.run(case)
        peer_masks, peer_best = peers.run(case, number)
        for row, mask in (our_masks | peer_masks).items():
            table.add_mask(row, name, mask, case.region)
        table.add("oracle-ours", name, iou=our_best)
        table.add("oracle-diffusers", name, iou=peer_best)
        if number < DRAWN:
            strips.append(strip(case, heat_map, our_masks["ours"][0], peer_masks["diffusers"][0]))

    table.show()
    rows = table.rows()
    print(f"gap between diffusers and the oracle of its own map closed: {gap_closed(rows):.0%}")
    report = {"edits": len(edits), "rows": rows, "by_kind": table.by_kind()}
    save_report("bench-mask", report, Image.fromarray(np.concatenate(strips)))


if __name__ == "__main__":
    main()
