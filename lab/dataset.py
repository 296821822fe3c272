"""The training set: which scenes, rendered once, in resumable shards of uint8 pictures."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .render import render
from .scenes import Scene, close_up, scene, wide_scene

SHARD = 250
USUAL = 8000
"""So many scenes of the usual kind come first; after them come wide ones and close-ups of them."""
WIDE, EMPTY = 0.4, 0.1
"""Of the scenes after the usual ones, so many are seen whole, and so many show an empty table."""


@cache
def training_scene(seed: int) -> Scene:
    """The scene of a seed in the training set."""
    if seed < USUAL:
        return scene(seed)
    rng = np.random.default_rng((seed, 7))
    described = wide_scene(seed)
    if rng.random() < EMPTY:
        described = described.without(*range(len(described.things)))
    return described if rng.random() < WIDE else close_up(described, seed)


def render_shard(folder: Path, index: int) -> None:
    """Render scenes `index * SHARD` and up into one file, written whole or not at all."""
    path = folder / f"{index:05d}.npy"
    if path.exists():
        return
    seeds = range(index * SHARD, (index + 1) * SHARD)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.save(file, np.stack([render(training_scene(seed)).rgb for seed in seeds]))
    unfinished.rename(path)


def render_training_set(folder: Path, count: int) -> list[np.ndarray]:
    """Pictures of seeds 0, 1, ... (`count` at least) as memory-mapped uint8 (SHARD, H, W, 3)."""
    folder.mkdir(parents=True, exist_ok=True)
    shards = range(-(-count // SHARD))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(render_shard, folder, index) for index in shards]
        for job in tqdm(jobs, desc="scenes", unit="shard"):
            job.result()
    return [np.load(folder / f"{index:05d}.npy", mmap_mode="r") for index in shards]
