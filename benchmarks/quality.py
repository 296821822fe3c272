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
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from demo.comfy_server import PACK
from demo.in_process import load_pack
from demo.render import SIZE, Picture, changed_region, render
from demo.scenes import Edit, edit

from . import checker

OUTPUT = PACK / "output"
FIRST_SEED = 1_000_000
BATCH = 10
DRAWN = 10


@dataclass(frozen=True)
class Case:
    """One held-out edit: the true pictures before and after, and the region that must change."""

    edit: Edit
    source: Picture
    target: Picture
    region: np.ndarray


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


def iou(mask: np.ndarray, truth: np.ndarray) -> float:
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


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


class Ours:
    """The pack's nodes in a ComfyUI, every widget at its default, several edits to a batch."""

    def __init__(self, nodes: ModuleType) -> None:
        self.nodes = nodes
        model, self.clip, self.vae = self.nodes.DiffEditDemoModel.execute().result
        self.model = model.clone()
        self.evaluations = 0
        self.model.set_model_unet_function_wrapper(self._count)

    def _count(self, apply_model: Any, call: dict[str, Any]) -> torch.Tensor:
        self.evaluations += len(call["input"])
        return apply_model(call["input"], call["timestep"], **call["c"])

    def _conditioning(self, texts: list[str]) -> list[Any]:
        encoded = [
            self.clip.encode_from_tokens_scheduled(self.clip.tokenize(text)) for text in texts
        ]
        return [[torch.cat([conditioning[0][0] for conditioning in encoded]), {}]]

    def _call(self, name: str, **inputs: Any) -> tuple[Any, ...]:
        node = getattr(self.nodes, name)
        return node.execute(**{**defaults(node), **inputs}).result

    def _decoded(self, latent: dict[str, Any]) -> np.ndarray:
        return np.round(self.vae.decode(latent["samples"]).clamp(0, 1).numpy() * 255).astype(
            np.uint8
        )

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, cases: list[Case]) -> list[Result]:
        pictures = torch.from_numpy(np.stack([case.source.rgb for case in cases])).float() / 255
        latent = {"samples": self.vae.encode(pictures)}
        source = self._conditioning([case.edit.source.caption for case in cases])
        target = self._conditioning([case.edit.target.caption for case in cases])
        negative = self._conditioning([""])
        model = self.model

        self.evaluations = 0
        _, heat_map = self._call(
            "DiffEditMask", model=model, source=source, target=target, latent=latent
        )
        (mask,) = self._call("MaskRefine", mask=heat_map)
        (inverted,) = self._call("DDIMInvert", model=model, latent=latent)
        (edited,) = self._call(
            "MaskedDDIMSample",
            model=model,
            positive=target,
            negative=negative,
            latent=inverted,
            mask=mask,
        )
        evaluations = self.evaluations // len(cases)

        no_prompt = [[torch.zeros_like(negative[0][0]), {}]]
        (returned,) = self._call(
            "MaskedDDIMSample",
            model=model,
            positive=no_prompt,
            negative=no_prompt,
            latent=inverted,
            mask=torch.ones_like(mask),
            cfg=1.0,
        )
        pictures = (self._decoded(samples) for samples in (edited, returned, latent))
        columns = zip(mask.numpy() > 0.5, *pictures, strict=True)
        return [Result(*column, evaluations) for column in columns]


def defaults(node: Any) -> dict[str, Any]:
    """The values a node's widgets start with: what the graph editor puts into a new node."""
    inputs = node.define_schema().inputs
    return {one.id: one.default for one in inputs if getattr(one, "default", None) is not None}


class Diffusers:
    """StableDiffusionDiffEditPipeline with its own defaults.

    One edit at a time, since its masks depend on the rest of the batch.
    """

    def __init__(self) -> None:
        from diffusers import DDIMInverseScheduler, StableDiffusionDiffEditPipeline

        self.pipe = StableDiffusionDiffEditPipeline.from_pretrained(
            PACK / "demo" / "model", torch_dtype=torch.float32, safety_checker=None
        )
        self.pipe.inverse_scheduler = DDIMInverseScheduler.from_config(self.pipe.scheduler.config)
        self.pipe.set_progress_bar_config(disable=True)
        if torch.cuda.is_available():
            self.pipe.to("cuda")
        # The pipeline knows no other autoencoder than AutoencoderKL.
        self.pipe.prepare_image_latents = self._image_latents
        self.evaluations = 0
        self.pipe.unet.register_forward_pre_hook(self._count)

    def _image_latents(
        self,
        image: torch.Tensor,
        batch_size: int,
        dtype: torch.dtype,
        device: torch.device,
        generator: Any = None,
    ) -> torch.Tensor:
        latents = self.pipe.vae.encode(image.to(device, dtype)).latents
        latents = latents * self.pipe.vae.config.scaling_factor
        return latents.repeat(batch_size // len(latents), 1, 1, 1)

    def _count(self, _: Any, inputs: tuple[Any, ...]) -> None:
        self.evaluations += len(inputs[0])

    @torch.no_grad()
    def _autoencoded(self, image: Image.Image) -> np.ndarray:
        pixels = self.pipe.image_processor.preprocess(image).to(self.pipe.device)
        decoded = self.pipe.vae.decode(self.pipe.vae.encode(pixels).latents).sample
        return np.asarray(self.pipe.image_processor.postprocess(decoded)[0])

    def run(self, cases: list[Case]) -> list[Result]:
        return [self._run_one(case, seed) for seed, case in enumerate(cases)]

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


def make_case(seed: int) -> Case:
    one = edit(seed)
    source, target = render(one.source), render(one.target)
    return Case(one, source, target, changed_region(one, source, target))


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
    cases = [make_case(seed) for seed in tqdm(seeds, desc="scenes")]
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
