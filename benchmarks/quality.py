"""Whole edits, ours beside diffusers': same weights, same scenes, each with its own defaults, and
ours with the fast setting and on the model distilled to few steps.

    make bench-quality

The scenes come from seeds that were never trained on, and the region that must change is known
exactly. Prints a table, writes output/bench-quality.json and draws the first edits into
output/bench-quality.png.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from diffedit_core.sizes import latent_sized
from lab.distill import LORA
from lab.scenes import edit
from tools.in_process import load_pack

from . import checker
from .cases import Case, make_case
from .metrics import iou
from .pack import DEFAULTS, FAST, FEW_STEP, Pack, Settings
from .peer import DiffusersPipeline, enlarged
from .report import save_report

FIRST_SEED = 1_000_000
BATCH = 10
DRAWN = 10


@dataclass(frozen=True)
class Result:
    """What an implementation made of a case: a bool mask (H, W) and uint8 pictures (H, W, 3).

    `round_trip` is the source inverted and decoded under one prompt with a full mask, `autoencoded`
    the source after the autoencoder alone.  background_latent_error: the largest difference from
    the source's latent outside the mask, in the autoencoder's scale.
    """

    mask: np.ndarray
    edited: np.ndarray
    round_trip: np.ndarray
    autoencoded: np.ndarray
    background_latent_error: float
    evaluations: float


def psnr(a: np.ndarray, b: np.ndarray, where: np.ndarray | None = None) -> float:
    """Peak signal-to-noise ratio in dB of uint8 pictures, over the pixels `where` is True."""
    error = (a.astype(np.float64) - b) / 255
    if where is not None:
        error = error[where]
    return float(-10 * np.log10(max((error**2).mean(), 1e-10)))


def shows_edit(judge: checker.Checker, rgb: np.ndarray, case: Case) -> bool:
    """Whether the judge sees in a picture the thing that the case's edit asks for."""
    wanted = case.edit.target.things[case.edit.index]
    return checker.shows(checker.recognise(judge, rgb, case.region), wanted)


def summary(cases: list[Case], results: list[Result], judge: checker.Checker) -> dict[str, float]:
    pairs = list(zip(cases, results, strict=True))
    return {
        "mask_iou": np.mean([iou(r.mask, c.region) for c, r in pairs]),
        "edit_success": np.mean([shows_edit(judge, r.edited, c) for c, r in pairs]),
        "background_psnr": background_psnr(cases, [r.edited for r in results]),
        "round_trip_psnr": np.mean([psnr(r.round_trip, r.autoencoded) for r in results]),
        "evaluations": np.mean([r.evaluations for r in results]),
    }


def background_psnr(cases: list[Case], pictures: list[np.ndarray]) -> float:
    """In dB against the source, over the pixels outside the region that must change."""
    pairs = zip(cases, pictures, strict=True)
    return float(np.mean([psnr(picture, c.source.rgb, ~c.region) for c, picture in pairs]))


def checker_accuracy(cases: list[Case], judge: checker.Checker) -> float:
    """How often the judge is right on true renderings, before the edit and after it."""
    right = 0
    for case in cases:
        right += shows_edit(judge, case.target.rgb, case)
        right += not shows_edit(judge, case.source.rgb, case)
    return right / (2 * len(cases))


class Ours(Pack):
    """Whole edits by the pack's nodes, several edits to a batch."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, cases: list[Case], settings: Settings = DEFAULTS) -> list[Result]:
        image = self.pictures(cases)
        latent = {"samples": self.vae.encode(image)}
        source, target = self.prompts(cases)

        self.evaluations = 0
        mask, _ = self.found(image, latent, (source, target), **settings.mask)
        inverted = self.trajectory(latent, settings)
        edited = self.sampled(inverted, mask, target, **settings.sample)
        evaluations = self.evaluations / len(cases)

        no_prompt = [[torch.zeros_like(source[0][0]), {}]]
        without_guidance = {**settings.sample, "cfg": 1.0}
        returned = self.sampled(inverted, torch.ones_like(mask), no_prompt, **without_guidance)
        return self._results(mask, (edited, returned, latent), evaluations)

    @torch.inference_mode()
    def run_flow_edit(self, cases: list[Case]) -> list[Result]:
        """FlowEdit in the place of inversion and decoding; its round trip is from the source
        prompt to itself.
        """
        image = self.pictures(cases)
        latent = {"samples": self.vae.encode(image)}
        source, target = self.prompts(cases)
        fixed = {"model": self.model, "source": source, "latent": latent}

        self.evaluations = 0
        mask, _ = self.found(image, latent, (source, target))
        negative = self.conditioning([""])
        (edited,) = self.call(
            "DiffEditFlowEdit", **fixed, target=target, negative=negative, mask=mask
        )
        evaluations = self.evaluations / len(cases)
        (returned,) = self.call(
            "DiffEditFlowEdit", **fixed, target=source, mask=torch.ones_like(mask), cfg=1.0
        )
        return self._results(mask, (edited, returned, latent), evaluations)

    def _results(
        self, mask: torch.Tensor, latents: tuple[dict[str, Any], ...], evaluations: float
    ) -> list[Result]:
        """latents: of the edit, of the round trip and of the source."""
        edited, _, source = (latent["samples"] for latent in latents)
        error = (edited - source).abs()
        outside = latent_sized(mask, error.shape[-2:])[:, None] == 0
        errors = (error * outside).amax((1, 2, 3)).tolist()
        pictures = (self.decoded(samples) for samples in latents)
        columns = zip(mask.numpy() > 0.5, *pictures, errors, strict=True)
        return [Result(*column, evaluations) for column in columns]


class Diffusers(DiffusersPipeline):
    """Whole edits by diffusers' pipeline with its own defaults."""

    def run(self, cases: list[Case]) -> list[Result]:
        return [self._run_one(case, seed) for seed, case in enumerate(cases)]

    @torch.no_grad()
    def _run_one(self, case: Case, seed: int) -> Result:
        pipe = self.pipe
        self.evaluations = 0
        mask, inverted, edited = self.edit(case, seed)
        evaluations = self.evaluations

        returned = pipe(
            prompt=case.edit.source.caption,
            mask_image=np.ones_like(mask),
            image_latents=inverted,
            output_type="latent",
        ).images
        pixels = pipe.image_processor.preprocess(Image.fromarray(case.source.rgb))
        latent = pipe.vae.encode(pixels.to(pipe.device)).latents
        scale = pipe.vae.config.scaling_factor
        outside = torch.from_numpy(mask == 0).to(latent.device)[:, None]
        error = (edited / scale - latent).abs() * outside
        return Result(
            enlarged(mask[0]) > 0,
            self.decoded(edited),
            self.decoded(returned),
            self.decoded(scale * latent),
            float(error.max()),
            evaluations,
        )


def run_all(
    name: str, run: Callable[[list[Case]], list[Result]], cases: list[Case]
) -> list[Result]:
    """The results of an implementation's `run`, in batches, behind a progress bar."""
    results: list[Result] = []
    for start in tqdm(range(0, len(cases), BATCH), desc=name):
        results += run(cases[start : start + BATCH])
    return results


def draw(cases: list[Case], *columns: list[Result]) -> Image.Image:
    """Rows of: source, true target, then each implementation's mask and edit."""
    rows = []
    for case, *results in zip(cases, *columns, strict=True):
        row = [case.source.rgb, case.target.rgb]
        for result in results:
            row += [np.repeat(result.mask[..., None].astype(np.uint8) * 255, 3, 2), result.edited]
        rows.append(np.concatenate(row, 1))
    return Image.fromarray(np.concatenate(rows, 0))


def print_table(columns: dict[str, dict[str, float]]) -> None:
    print(f"{'':24}" + "".join(f"{name:>12}" for name in columns))
    for key in next(iter(columns.values())):
        print(f"{key:24}" + "".join(f"{column[key]:12.3f}" for column in columns.values()))


def asked_cases(description: str, first_seed: int) -> list[Case]:
    """As many cases, from a seed on, as the command line asks for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--edits", type=int, default=200)
    args = parser.parse_args()
    seeds = range(first_seed, first_seed + args.edits)
    return [make_case(edit(seed)) for seed in tqdm(seeds, desc="scenes")]


def main() -> None:
    warnings.filterwarnings("ignore", category=FutureWarning)
    cases = asked_cases(__doc__.split("\n")[0], FIRST_SEED)
    judge = checker.load()
    nodes = load_pack()
    ours = Ours(nodes).run
    runs = {
        "ours": ours,
        "fast": partial(ours, settings=FAST),
        "few_step": partial(Ours(nodes, LORA).run, settings=FEW_STEP),
        "diffusers": Diffusers().run,
    }
    results = {name: run_all(name, run, cases) for name, run in runs.items()}
    columns = {name: summary(cases, found, judge) for name, found in results.items()}
    accuracy = checker_accuracy(cases, judge)
    print_table(columns)
    print(f"judge's accuracy on {2 * len(cases)} true renderings: {accuracy:.3f}")
    report = {"edits": len(cases), **columns, "checker_accuracy": accuracy}
    drawing = draw(cases[:DRAWN], *(found[:DRAWN] for found in results.values()))
    save_report("bench-quality", report, drawing)


if __name__ == "__main__":
    main()
