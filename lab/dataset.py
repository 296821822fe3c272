"""The training set: scenes rendered once, in resumable shards of uint8 pictures."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .render import render
from .scenes import scene

SHARD = 250


def render_shard(folder: Path, index: int) -> None:
    """Render scenes `index * SHARD` and up into one file, written whole or not at all."""
    path = folder / f"{index:05d}.npy"
    if path.exists():
        return
    seeds = range(index * SHARD, (index + 1) * SHARD)
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.save(file, np.stack([render(scene(seed)).rgb for seed in seeds]))
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
