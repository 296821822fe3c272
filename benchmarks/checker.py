"""The judge of edits: a small classifier that says which thing of which colour is in a region.

It is trained on renderings alone (`python -m benchmarks.checker`), never on the demo model's own
pictures, and is itself judged on renderings it has not seen before any edit is judged by it.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn
from tqdm import tqdm

from lab.render import SIZE, render
from lab.scenes import COLOURS, FRUITS, KINDS, Thing, scene

WEIGHTS = Path(__file__).with_name("checker.safetensors")
CROP = 48
MARGIN = 1.2
SCENES, FIRST_SEED = 2400, 500_000
STEPS, BATCH, RATE = 2500, 64, 2e-3

LABELS = {"kind": [*KINDS, "bowl"], "colour": [*COLOURS], "fruit": [*FRUITS, None]}


Square = tuple[float, float, float]
"""Centre x, centre y and side, in pixels."""


class Checker(nn.Module):
    """Crops (B, 3, CROP, CROP) in 0..1 to logits for kind, colour and fruit."""

    def __init__(self) -> None:
        super().__init__()
        widths = (3, 24, 48, 64, 64)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1),
                nn.GroupNorm(8, after),
                nn.SiLU(),
            ]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.heads = nn.ModuleDict(
            {
                name: nn.Linear(widths[-1] * (CROP // 16) ** 2, len(values))
                for name, values in LABELS.items()
            }
        )

    def forward(self, crops: torch.Tensor) -> dict[str, torch.Tensor]:
        features = self.features(crops * 2 - 1)
        return {name: head(features) for name, head in self.heads.items()}


def bounding_square(region: np.ndarray) -> Square:
    """The square around a bool region (H, W), with a margin."""
    ys, xs = np.nonzero(region)
    side = max(np.ptp(xs), np.ptp(ys)) + 1
    return (xs.min() + xs.max()) / 2, (ys.min() + ys.max()) / 2, side * MARGIN


def crop(rgb: np.ndarray, square: Square) -> np.ndarray:
    """A square of a uint8 picture (H, W, 3) at CROP × CROP; edges are repeated outside."""
    x, y, side = square
    if len(rgb) > SIZE and side > 2 * CROP:  # one pixel would stand for many
        whole = rgb.shape[1::-1]
        small = [max(round(2 * CROP * length / side), 1) for length in whole]
        across, down = (after / before for after, before in zip(small, whole, strict=True))
        rgb = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
        x, y, side = (x + 0.5) * across - 0.5, (y + 0.5) * down - 0.5, side * across
    scale = side / CROP
    matrix = np.float32(
        [[scale, 0, x - side / 2 + scale / 2], [0, scale, y - side / 2 + scale / 2]]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(rgb, matrix, (CROP, CROP), flags=flags, borderMode=cv2.BORDER_REPLICATE)


def to_input(crops: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def recognise(checker: Checker, rgb: np.ndarray, region: np.ndarray) -> Thing:
    """What the checker sees in a region of a picture."""
    logits = checker(to_input(crop(rgb, bounding_square(region))[None]))
    return Thing(**{name: LABELS[name][int(value[0].argmax())] for name, value in logits.items()})


def shows(seen: Thing, wanted: Thing) -> bool:
    """True where the wanted thing is seen; a bowl is judged by its fruit, which alone is edited."""
    if wanted.fruit:
        return seen.fruit == wanted.fruit
    return (seen.kind, seen.colour) == (wanted.kind, wanted.colour)


def load() -> Checker:
    checker = Checker()
    checker.load_state_dict({key: value.float() for key, value in load_file(WEIGHTS).items()})
    return checker.eval()


def _samples(seed: int) -> list[tuple[np.ndarray, Thing, Square]]:
    """For each thing in a scene, and each heap of fruit: the picture, the thing and its square."""
    described = scene(seed)
    picture = render(described)
    samples = []
    for index, thing in enumerate(described.things):
        for mask in (picture.things[index], picture.fruits[index]):
            if mask.sum() > 100:
                samples.append((picture.rgb, thing, bounding_square(mask)))
    return samples


def _jittered(rgb: np.ndarray, square: Square, rng: np.random.Generator) -> np.ndarray:
    """A crop as an edit may show it: off centre, of another size, blurred, with a cast of light."""
    x, y, side = square
    dx, dy = rng.uniform(-0.10, 0.10, 2) * side
    piece = crop(rgb, (x + dx, y + dy, side * rng.uniform(0.85, 1.3)))
    if rng.random() < 0.5:
        piece = cv2.GaussianBlur(piece, (0, 0), rng.uniform(0.4, 1.4))
    cast = rng.uniform(0.93, 1.07, 3) * rng.uniform(0.92, 1.08)
    noisy = piece * cast + rng.normal(0, rng.uniform(0, 6), piece.shape)
    return noisy.clip(0, 255).astype(np.uint8)


def train() -> Checker:
    torch.manual_seed(0)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        seeds = range(FIRST_SEED, FIRST_SEED + SCENES)
        found = tqdm(pool.map(_samples, seeds, chunksize=16), total=SCENES, desc="renderings")
        samples = [sample for scene_samples in found for sample in scene_samples]
    checker = Checker()
    optimizer = torch.optim.AdamW(checker.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, STEPS)
    rng = np.random.default_rng(0)
    for _ in tqdm(range(STEPS), desc="checker"):
        batch = [samples[i] for i in rng.integers(len(samples), size=BATCH)]
        crops = np.stack([_jittered(rgb, square, rng) for rgb, _, square in batch])
        logits = checker(to_input(crops))
        loss = sum(
            F.cross_entropy(
                logits[name],
                torch.tensor([values.index(getattr(thing, name)) for _, thing, _ in batch]),
            )
            for name, values in LABELS.items()
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return checker.eval()


if __name__ == "__main__":
    save_file({key: value.half() for key, value in train().state_dict().items()}, WEIGHTS)
