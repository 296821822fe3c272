"""Two edits of one picture: in one pass in three ways, and one after the other.

    make bench-several

Held-out scenes of two things, both of which change. Prints a table, writes
output/bench-several.json and draws the first edits into output/bench-several.png.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from lab.render import Picture, changed_region, render
from lab.scenes import Edit, edit
from tools.in_process import load_pack

from . import checker
from .metrics import iou
from .pack import Pack, as_image
from .quality import background_psnr, draw, print_table
from .report import save_report

FIRST_SEED = 9_000_000
BATCH = 10
DRAWN = 8

MaskAndLatent = tuple[torch.Tensor, dict[str, Any]]


@dataclass(frozen=True)
class TwoEdits:
    """A scene of two things and an edit of each.

    edits: of the left thing and of the right one, both of the same source.  both: the caption of
    the scene with both made.  source, target: the true pictures before, and after both.  regions:
    what must change for each.
    """

    edits: tuple[Edit, Edit]
    both: str
    source: Picture
    target: Picture
    regions: tuple[np.ndarray, np.ndarray]

    @property
    def region(self) -> np.ndarray:
        return self.regions[0] | self.regions[1]


@dataclass(frozen=True)
class Inputs:
    """What the nodes take of some cases: their pictures, and a prompt for each picture.

    targets: the first edit made alone, the second made alone.  both: both made.
    """

    image: torch.Tensor
    latent: dict[str, Any]
    source: list[Any]
    targets: list[list[Any]]
    both: list[Any]


@dataclass(frozen=True)
class Result:
    """A bool mask (H, W), a uint8 picture (H, W, 3), and the model evaluations that it took."""

    mask: np.ndarray
    edited: np.ndarray
    evaluations: float


class SeveralEdits(Pack):
    """Two edits by the pack's nodes, several pictures to a batch."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, way: str, cases: list[TwoEdits]) -> list[Result]:
        """way: one of WAYS."""
        image = as_image([case.source.rgb for case in cases])
        prompts = [
            self.conditioning(texts)
            for texts in (
                [case.edits[0].source.caption for case in cases],
                [case.edits[0].target.caption for case in cases],
                [case.edits[1].target.caption for case in cases],
                [case.both for case in cases],
            )
        ]
        source, *targets, both = prompts
        latent = {"samples": self.vae.encode(image)}
        self.evaluations = 0
        mask, edited = WAYS[way](self, Inputs(image, latent, source, targets, both))
        evaluations = self.evaluations / len(cases)
        columns = zip(mask.numpy() > 0.5, self.decoded(edited), strict=True)
        return [Result(*column, evaluations) for column in columns]

    def as_one_edit(self, inputs: Inputs) -> MaskAndLatent:
        """One mask for both edits, found with both in one target."""
        mask, _ = self.found(inputs.image, inputs.latent, (inputs.source, inputs.both))
        return mask, self.edited_latent(inputs.latent, mask, inputs.both)

    def under_one_target(self, inputs: Inputs) -> MaskAndLatent:
        """A mask for each edit, united, and both edits in one target."""
        (mask_a, _), (mask_b, _) = self._find_each(inputs)
        mask = torch.maximum(mask_a, mask_b)
        return mask, self.edited_latent(inputs.latent, mask, inputs.both)

    def joined(self, inputs: Inputs) -> MaskAndLatent:
        """A mask and a target for each edit, by Join Edits."""
        (mask_a, heat_a), (mask_b, heat_b) = self._find_each(inputs)
        mask, target, _ = self.call(
            "DiffEditJoinEdits",
            mask_a=mask_a,
            target_a=inputs.targets[0],
            mask_b=mask_b,
            target_b=inputs.targets[1],
            heat_map_a=heat_a,
            heat_map_b=heat_b,
        )
        return mask, self.edited_latent(inputs.latent, mask, target)

    def one_after_the_other(self, inputs: Inputs) -> MaskAndLatent:
        """The second edit in the picture that the first one made."""
        first_target = inputs.targets[0]
        mask_a, _ = self.found(inputs.image, inputs.latent, (inputs.source, first_target))
        between = self.vae.decode(
            self.edited_latent(inputs.latent, mask_a, first_target)["samples"]
        )
        latent = {"samples": self.vae.encode(between)}
        mask_b, _ = self.found(between, latent, (first_target, inputs.both))
        return torch.maximum(mask_a, mask_b), self.edited_latent(latent, mask_b, inputs.both)

    def _find_each(self, inputs: Inputs) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        for target in inputs.targets:
            yield self.found(inputs.image, inputs.latent, (inputs.source, target))


WAYS = {
    "as one edit": SeveralEdits.as_one_edit,
    "one target": SeveralEdits.under_one_target,
    "Join Edits": SeveralEdits.joined,
    "in turn": SeveralEdits.one_after_the_other,
}


def two_edits(first_seed: int) -> Iterator[TwoEdits]:
    """The scenes of two things from a seed on, each with an edit of the left and of the right one.

    Two edits make one: the left thing of one scene beside the right thing of another.
    """
    waiting: dict[int, Edit] = {}
    seed = first_seed
    while True:
        one = edit(seed)
        seed += 1
        if len(one.source.things) == 2:
            waiting[one.index] = one
        if len(waiting) == 2:
            yield _both(waiting.pop(0), waiting.pop(1))


def _both(left: Edit, right: Edit) -> TwoEdits:
    """The left one's scene, with the right one's right thing in it."""
    old = left.source.things[0], right.source.things[1]
    new = left.target.things[0], right.target.things[1]
    source = replace(left.source, things=old)
    both = replace(source, things=new)
    edits = (
        Edit(left.name, source, replace(source, things=(new[0], old[1])), 0),
        Edit(right.name, source, replace(source, things=(old[0], new[1])), 1),
    )
    before, after = render(source), render(both)
    regions = tuple(changed_region(one, before, after) for one in edits)
    return TwoEdits(edits, both.caption, before, after, regions)


def rights(judge: checker.Checker, case: TwoEdits, rgb: np.ndarray) -> list[bool]:
    """For each edit, whether the judge sees in a picture the thing that it asks for."""
    return [
        checker.shows(checker.recognise(judge, rgb, region), one.target.things[one.index])
        for one, region in zip(case.edits, case.regions, strict=True)
    ]


def summary(
    cases: list[TwoEdits], results: list[Result], judge: checker.Checker
) -> dict[str, float]:
    pairs = list(zip(cases, results, strict=True))
    right = np.array([rights(judge, case, result.edited) for case, result in pairs])
    return {
        "both_right": float(right.all(1).mean()),
        "each_right": float(right.mean()),
        "mask_iou": float(np.mean([iou(r.mask, c.region) for c, r in pairs])),
        "background_psnr": background_psnr(cases, [r.edited for r in results]),
        "evaluations": float(np.mean([r.evaluations for r in results])),
    }


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=80)
    args = parser.parse_args()
    scenes = two_edits(FIRST_SEED)
    cases = [next(scenes) for _ in tqdm(range(args.edits), desc="scenes")]
    pack, judge = SeveralEdits(load_pack()), checker.load()
    results: dict[str, list[Result]] = {way: [] for way in WAYS}
    for start in tqdm(range(0, len(cases), BATCH), desc="edits"):
        for way, found in results.items():
            found += pack.run(way, cases[start : start + BATCH])
    rows = {way: summary(cases, found, judge) for way, found in results.items()}
    print_table(rows)
    drawing = draw(cases[:DRAWN], *(found[:DRAWN] for found in results.values()))
    save_report("bench-several", {"edits": len(cases), "rows": rows}, drawing)


if __name__ == "__main__":
    main()
