"""Inversion and decoding: ours at 1 to 4 iterations and in few steps, beside diffusers'.

    make bench-inversion

Held-out edits on the same weights in one run, each implementation with its own defaults otherwise.
Prints a table and writes output/bench-inversion.json. What the autoencoder alone does to the
background is printed too: no edit in latents can keep more of it.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from demo.comfy_server import PACK
from demo.in_process import load_pack
from demo.scenes import edit
from diffedit_core.mask import latent_sized

from . import checker
from .cases import Case, make_case
from .pack import Pack
from .peer import DiffusersPipeline
from .quality import psnr, shows_edit

OUTPUT = PACK / "output"
FIRST_SEED = 7_000_000
BATCH = 10


@dataclass(frozen=True)
class Settings:
    """What differs from the defaults of our three nodes."""

    mask: dict[str, Any] = field(default_factory=dict)
    invert: dict[str, Any] = field(default_factory=dict)
    sample: dict[str, Any] = field(default_factory=dict)


ROWS = {f"ours-{count}": Settings(invert={"iterations": count}) for count in (1, 2, 3, 4)}
ROWS["fast"] = Settings(invert={"steps": 20})


@dataclass(frozen=True)
class Result:
    """What an implementation made of a case: uint8 pictures (H, W, 3), `round_trip` being the
    source inverted and decoded under one prompt with a full mask and `autoencoded` the source after
    the autoencoder alone.

    background_latent_error: the largest difference from the source's latent outside the mask, in
    the autoencoder's scale.
    """

    edited: np.ndarray
    round_trip: np.ndarray
    autoencoded: np.ndarray
    background_latent_error: float
    evaluations: float


class Ours(Pack):
    """Whole edits by the pack's nodes, several edits to a batch."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, cases: list[Case], settings: Settings) -> list[Result]:
        image = self.pictures(cases)
        latent = {"samples": self.vae.encode(image)}
        source, target = self.prompts(cases)
        negative = self.conditioning([""])
        model = self.model

        self.evaluations = 0
        mask, _ = self.call(
            "DiffEditMask",
            model=model,
            source=source,
            target=target,
            latent=latent,
            image=image,
            **settings.mask,
        )
        (inverted,) = self.call("DDIMInvert", model=model, latent=latent, **settings.invert)
        (edited,) = self.call(
            "MaskedDDIMSample",
            model=model,
            positive=target,
            negative=negative,
            latent=inverted,
            mask=mask,
            **settings.sample,
        )
        evaluations = self.evaluations / len(cases)

        no_prompt = [[torch.zeros_like(negative[0][0]), {}]]
        (returned,) = self.call(
            "MaskedDDIMSample",
            model=model,
            positive=no_prompt,
            negative=no_prompt,
            latent=inverted,
            mask=torch.ones_like(mask),
            **{**settings.sample, "cfg": 1.0},
        )
        error = (edited["samples"] - latent["samples"]).abs()
        outside = latent_sized(mask, error.shape[-2:])[:, None] == 0
        errors = (error * outside).amax((1, 2, 3)).tolist()
        pictures = (self.decoded(samples) for samples in (edited, returned, latent))
        return [Result(*columns, evaluations) for columns in zip(*pictures, errors, strict=True)]


class Diffusers(DiffusersPipeline):
    """Whole edits by diffusers' pipeline with its own defaults."""

    @torch.no_grad()
    def run(self, case: Case, seed: int) -> Result:
        pipe = self.pipe
        image = Image.fromarray(case.source.rgb)
        source, target = case.edit.source.caption, case.edit.target.caption
        generator = torch.Generator().manual_seed(seed)

        self.evaluations = 0
        mask = pipe.generate_mask(
            image=image, source_prompt=source, target_prompt=target, generator=generator
        )
        inverted = pipe.invert(prompt=source, image=image, generator=generator).latents
        edited = pipe(
            prompt=target,
            mask_image=mask,
            image_latents=inverted,
            generator=generator,
            output_type="latent",
        ).images
        evaluations = self.evaluations

        returned = pipe(
            prompt=source,
            mask_image=np.ones_like(mask),
            image_latents=inverted,
            generator=generator,
            output_type="latent",
        ).images
        pixels = pipe.image_processor.preprocess(image).to(pipe.device)
        latent = pipe.vae.encode(pixels).latents
        outside = torch.from_numpy(mask == 0).to(latent.device)[:, None]
        error = (edited / pipe.vae.config.scaling_factor - latent).abs() * outside
        return Result(
            self._decoded(edited / pipe.vae.config.scaling_factor),
            self._decoded(returned / pipe.vae.config.scaling_factor),
            self._decoded(latent),
            float(error.max()),
            evaluations,
        )

    def _decoded(self, latent: torch.Tensor) -> np.ndarray:
        decoded = self.pipe.vae.decode(latent).sample
        return np.asarray(self.pipe.image_processor.postprocess(decoded)[0])


def summary(cases: list[Case], results: list[Result], judge: checker.Checker) -> dict[str, float]:
    pairs = list(zip(cases, results, strict=True))
    return {
        "evaluations": float(np.mean([r.evaluations for r in results])),
        "round_trip_psnr": float(np.mean([psnr(r.round_trip, r.autoencoded) for r in results])),
        "background_latent_error": max(r.background_latent_error for r in results),
        "background_psnr": background_psnr(cases, [r.edited for r in results]),
        "edit_success": float(np.mean([shows_edit(judge, r.edited, c) for c, r in pairs])),
    }


def background_psnr(cases: list[Case], pictures: list[np.ndarray]) -> float:
    """In dB against the source, over the pixels outside the region that must change."""
    pairs = zip(cases, pictures, strict=True)
    return float(np.mean([psnr(picture, c.source.rgb, ~c.region) for c, picture in pairs]))


def print_table(rows: dict[str, dict[str, float]]) -> None:
    names = list(next(iter(rows.values())))
    print(f"{'':12}" + "".join(f"{name:>25}" for name in names))
    for row, figures in rows.items():
        print(f"{row:12}" + "".join(f"{figures[name]:25.4g}" for name in names))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--edits", type=int, default=200)
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=FutureWarning)

    seeds = range(FIRST_SEED, FIRST_SEED + args.edits)
    cases = [make_case(edit(seed)) for seed in tqdm(seeds, desc="scenes")]
    judge = checker.load()
    ours = Ours(load_pack())
    results: dict[str, list[Result]] = {}
    for row, settings in ROWS.items():
        results[row] = []
        for start in tqdm(range(0, len(cases), BATCH), desc=row):
            results[row] += ours.run(cases[start : start + BATCH], settings)
    diffusers = Diffusers()
    results["diffusers"] = [
        diffusers.run(case, seed) for seed, case in enumerate(tqdm(cases, desc="diffusers"))
    ]

    rows = {row: summary(cases, found, judge) for row, found in results.items()}
    autoencoder = background_psnr(cases, [r.autoencoded for r in results["ours-2"]])
    print_table(rows)
    print(f"background after the autoencoder alone: {autoencoder:.1f} dB")
    OUTPUT.mkdir(exist_ok=True)
    report = {"edits": len(cases), "autoencoder_background_psnr": autoencoder, "rows": rows}
    (OUTPUT / "bench-inversion.json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
