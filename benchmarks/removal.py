"""Taking things out of a picture, against the same scene rendered without them.

    make bench-removal

Two groups of held-out scenes: one of two things goes, or the only thing. Every way to remove it
ends alike: what it made is laid over the source through the mask. Prints a table for each
group, writes output/bench-removal.json and draws the first removals into output/bench-removal.png.
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from tools.in_process import load_pack

from .cases import Case, removals_of
from .metrics import ssim
from .pack import Pack, as_bytes, as_image
from .quality import print_table, psnr
from .report import save_report

FIRST_SEED = 8_000_000
GROUPS = {"one of two things": 2, "the only thing": 1}
BATCH = 8
DRAWN = 6
TELEA_RADIUS = 5

# The recipe: all that differs from the nodes' defaults.
REFINE = {"hysteresis": 0.4, "grow": 12, "feather": 4.0}
NOISE = {"steps": 50, "strength": 0.2}

Pictures = list[np.ndarray]
"""uint8 (H, W, 3) each."""

Latent = dict[str, torch.Tensor]
Masks = tuple[torch.Tensor, torch.Tensor]


class Remover(Pack):
    """Removals by the pack's nodes and by others, several to a batch."""

    @torch.inference_mode()  # as ComfyUI calls nodes
    def run(self, cases: list[Case]) -> tuple[dict[str, Pictures], Pictures]:
        """The pictures by way of removal, and the recipe's masks, (H, W) in 0..1."""
        image = self.pictures(cases)
        latent = self.encoded(image)
        prompts = self.prompts(cases)
        mask, refined = self.masks(image, latent, prompts)
        truth = torch.from_numpy(np.stack([case.region for case in cases])).float()
        (filled,) = self.call("DiffEditFillMask", image=image, mask=refined)
        targets = as_image([case.target.rgb for case in cases])
        made = {
            "telea": (_telea(cases, refined), refined),
            "fill": (as_bytes(filled), refined),
            "diffedit": (self.edited(latent, mask, prompts), mask),
            "stock": (self.ksampled(latent, refined, prompts), refined),
            "fill, stock": (
                self.ksampled(self.encoded(filled), refined, prompts, NOISE["strength"]),
                refined,
            ),
            "ours": (self.removed(image, refined, prompts), refined),
            "true mask": (self.removed(image, truth, prompts), truth),
            "autoencoder": (self.decoded(self.encoded(targets)), truth),
        }
        untouched = [case.source.rgb for case in cases]
        pictures = {way: laid_over(untouched, *result) for way, result in made.items()}
        return {"untouched": untouched, **pictures}, list(refined.numpy())

    def masks(self, image: torch.Tensor, latent: Latent, prompts: Any) -> Masks:
        """DiffEdit Mask's own, and the recipe's."""
        mask, heat_map = self.found(image, latent, prompts)
        (refined,) = self.call("MaskRefine", mask=heat_map, image=image, **REFINE)
        return mask, refined

    def removed(self, image: torch.Tensor, mask: torch.Tensor, prompts: Any) -> np.ndarray:
        """The recipe within a mask: fill, noise a little, decode under the target prompt."""
        (filled,) = self.call("DiffEditFillMask", image=image, mask=mask)
        latent = self.encoded(filled)
        (noised,) = self.call("DiffEditNoiseTrajectory", model=self.model, latent=latent, **NOISE)
        return self.decoded(self.sampled(noised, mask, prompts[1]))

    def edited(self, latent: Latent, mask: torch.Tensor, prompts: Any) -> np.ndarray:
        """A plain edit with all defaults."""
        return self.decoded(self.edited_latent(latent, mask, prompts[1]))

    def ksampled(
        self, latent: Latent, mask: torch.Tensor, prompts: Any, denoise: float = 1.0
    ) -> np.ndarray:
        """Set Latent Noise Mask and a KSampler with the widgets that it starts with."""
        from comfy.sample import prepare_noise, sample

        samples = latent["samples"]
        sampled = sample(
            self.model,
            prepare_noise(samples, seed=0),
            steps=20,
            cfg=8.0,
            sampler_name="euler",
            scheduler="simple",
            positive=prompts[1],
            negative=self.conditioning([""]),
            latent_image=samples,
            denoise=denoise,
            noise_mask=mask[:, None],
            disable_pbar=True,
            seed=0,
        )
        return self.decoded({"samples": sampled})

    def encoded(self, image: torch.Tensor) -> Latent:
        return {"samples": self.vae.encode(image)}


def _telea(cases: list[Case], masks: torch.Tensor) -> Pictures:
    """OpenCV's other inpainting, by fast marching."""
    pairs = zip(cases, masks.numpy(), strict=True)
    return [
        cv2.inpaint(case.source.rgb, np.uint8(mask > 0.5), TELEA_RADIUS, cv2.INPAINT_TELEA)
        for case, mask in pairs
    ]


def laid_over(sources: Pictures, made: np.ndarray | Pictures, masks: torch.Tensor) -> Pictures:
    """The pictures that were made, laid over the sources through the masks."""
    parts = zip(sources, made, masks.numpy()[..., None], strict=True)
    mixed = (source + mask * (picture.astype(float) - source) for source, picture, mask in parts)
    return [np.round(one).astype(np.uint8) for one in mixed]


def figures(cases: list[Case], pictures: Pictures) -> dict[str, float]:
    """Means over the cases: inside the region that must change, and PSNR outside of it."""
    pairs = list(zip(cases, pictures, strict=True))
    return {
        "psnr_inside": np.mean([psnr(p, c.target.rgb, c.region) for c, p in pairs]),
        "ssim_inside": np.mean([ssim(p, c.target.rgb, c.region) for c, p in pairs]),
        "psnr_outside": np.mean([psnr(p, c.target.rgb, ~c.region) for c, p in pairs]),
    }


def draw(cases: list[Case], ways: dict[str, Pictures], masks: Pictures) -> np.ndarray:
    """Rows of: source, true target, mask, then what each way made of it."""
    rows = []
    for index, (case, mask) in enumerate(zip(cases, masks, strict=True)):
        white = np.repeat(np.uint8(255 * mask)[..., None], 3, 2)
        made = [pictures[index] for name, pictures in ways.items() if name != "untouched"]
        rows.append(np.concatenate([case.source.rgb, case.target.rgb, white, *made], 1))
    return np.concatenate(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--removals", type=int, default=32, help="of each of the two groups")
    args = parser.parse_args()

    remover = Remover(load_pack())
    report: dict[str, Any] = {"removals": args.removals}
    drawn = []
    for group, things in GROUPS.items():
        cases = removals_of(things, args.removals, FIRST_SEED)
        ways: dict[str, Pictures] = {}
        masks: Pictures = []
        for start in tqdm(range(0, len(cases), BATCH), desc=group):
            made, found = remover.run(cases[start : start + BATCH])
            masks += found
            for way, pictures in made.items():
                ways.setdefault(way, []).extend(pictures)
        report[group] = {way: figures(cases, pictures) for way, pictures in ways.items()}
        print(group)
        print_table(report[group])
        first = {way: pictures[:DRAWN] for way, pictures in ways.items()}
        drawn.append(draw(cases[:DRAWN], first, masks[:DRAWN]))

    save_report("bench-removal", report, Image.fromarray(np.concatenate(drawn)))


if __name__ == "__main__":
    main()
