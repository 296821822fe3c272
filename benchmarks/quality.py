"""Whole edits, ours beside diffusers': same weights, same scenes, each with its own defaults.

    make bench-quality

The scenes come from seeds that were never trained on, and the region that must change is known
exactly. Prints a table, writes output/bench-quality.json and draws the first edits into
output/bench-quality.png.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from demo.comfy_server import PACK
from demo.in_process import load_pack
from demo.render import SIZE
from demo.scenes import edit

from . import checker
from .cases import Case, make_case
from .metrics import iou
from .pack import Pack
from .peer import DiffusersPipeline

OUTPUT = PACK / "output"
FIRST_SEED = 1_000_000
BATCH = 10
DRAWN = 10


@dataclass(frozen=True)
class Result:
    """What an implementation made of a case: a bool mask (H, W) and uint8 pictures (H, W, 3).

    `round_trip` is the source inverted and decoded under one prompt with a full mask, `autoencoded`
    the source after the autoencoder alone.
    """

    mask: np.ndarray
    edited: np.ndarray
    round_trip: np.ndarray
    autoencoded: np.ndarray
    evaluations: int


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
        "background_psnr": np.mean([psnr(r.edited, c.source.rgb, ~c.region) for c, r in pairs]),
        "round_trip_psnr": np.mean([psnr(r.round_trip, r.autoencoded) for r in results]),
        "evaluations": np.mean([r.evaluations for r in results]),
    }


def checker_accuracy(cases: list[Case], judge: checker.Checker) -> float:
    """How often the judge is right on true renderings, before the edit and after it."""
    right = 0
    for case in cases:
        right += shows_edit(judge, case.target.rgb, case)
        right += not shows_edit(judge, case.source.rgb, case)
    return right / (2 * len(cases))


class Ours(Pack):
    """Whole edits by the pack's nodes, every widget at its default, several edits to a batch."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, cases: list[Case]) -> list[Result]:
        image = self.pictures(cases)
        latent = {"samples": self.vae.encode(image)}
        source, target = self.prompts(cases)
        negative = self.conditioning([""])
        model = self.model

        self.evaluations = 0
        mask, _ = self.call(
            "DiffEditMask", model=model, source=source, target=target, latent=latent, image=image
        )
        (inverted,) = self.call("DDIMInvert", model=model, latent=latent)
        (edited,) = self.call(
            "MaskedDDIMSample",
            model=model,
            positive=target,
            negative=negative,
            latent=inverted,
            mask=mask,
        )
        evaluations = self.evaluations // len(cases)

        no_prompt = [[torch.zeros_like(negative[0][0]), {}]]
        (returned,) = self.call(
            "MaskedDDIMSample",
            model=model,
            positive=no_prompt,
            negative=no_prompt,
            latent=inverted,
            mask=torch.ones_like(mask),
            cfg=1.0,
        )
        pictures = (self.decoded(samples) for samples in (edited, returned, latent))
        columns = zip(mask.numpy() > 0.5, *pictures, strict=True)
        return [Result(*column, evaluations) for column in columns]


class Diffusers(DiffusersPipeline):
    """Whole edits by diffusers' pipeline with its own defaults."""

    def run(self, cases: list[Case]) -> list[Result]:
        return [self._run_one(case, seed) for seed, case in enumerate(cases)]

    @torch.no_grad()
    def _autoencoded(self, image: Image.Image) -> np.ndarray:
        pixels = self.pipe.image_processor.preprocess(image).to(self.pipe.device)
        decoded = self.pipe.vae.decode(self.pipe.vae.encode(pixels).latents).sample
        return np.asarray(self.pipe.image_processor.postprocess(decoded)[0])

    def _run_one(self, case: Case, seed: int) -> Result:
        image = Image.fromarray(case.source.rgb)
        source, target = case.edit.source.caption, case.edit.target.caption
        generator = torch.Generator().manual_seed(seed)

        self.evaluations = 0
        mask = self.pipe.generate_mask(
            image=image, source_prompt=source, target_prompt=target, generator=generator
        )
        inverted = self.pipe.invert(prompt=source, image=image, generator=generator).latents
        edited = self.pipe(
            prompt=target, mask_image=mask, image_latents=inverted, generator=generator
        )
        evaluations = self.evaluations

        full = np.ones_like(mask)
        returned = self.pipe(
            prompt=source, mask_image=full, image_latents=inverted, generator=generator
        )
        large = cv2.resize(mask[0].astype(np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_NEAREST)
        return Result(
            mask=large > 0,
            edited=np.asarray(edited.images[0]),
            round_trip=np.asarray(returned.images[0]),
            autoencoded=self._autoencoded(image),
            evaluations=evaluations,
        )


def run_all(implementation: Ours | Diffusers, cases: list[Case]) -> list[Result]:
    results: list[Result] = []
    for start in tqdm(range(0, len(cases), BATCH), desc=type(implementation).__name__):
        results += implementation.run(cases[start : start + BATCH])
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
    print(f"{'':18}" + "".join(f"{name:>12}" for name in columns))
    for key in next(iter(columns.values())):
        print(f"{key:18}" + "".join(f"{column[key]:12.3f}" for column in columns.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=200)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)

    seeds = range(FIRST_SEED, FIRST_SEED + args.edits)
    cases = [make_case(edit(seed)) for seed in tqdm(seeds, desc="scenes")]
    judge = checker.load()
    results = {"ours": run_all(Ours(load_pack()), cases), "diffusers": run_all(Diffusers(), cases)}
    columns = {name: summary(cases, found, judge) for name, found in results.items()}
    accuracy = checker_accuracy(cases, judge)
    print_table(columns)
    print(f"judge's accuracy on {2 * len(cases)} true renderings: {accuracy:.3f}")
    OUTPUT.mkdir(exist_ok=True)
    report = {"edits": len(cases), **columns, "checker_accuracy": accuracy}
    (OUTPUT / "bench-quality.json").write_text(json.dumps(report, indent=1) + "\n")
    draw(cases[:DRAWN], *(found[:DRAWN] for found in results.values())).save(
        OUTPUT / "bench-quality.png"
    )


if __name__ == "__main__":
    main()
