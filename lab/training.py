"""The training loop: AdamW, averaged weights, checkpoints that a run resumes from."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tqdm import tqdm

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
EMA_DECAY = 0.999
CHECKPOINT_SECONDS = 120


def train(
    name: str,
    models: dict[str, torch.nn.Module],
    loss_of_step: Callable[[int], torch.Tensor],
    steps: int,
    rate: float,
    build: Path,
) -> dict[str, torch.nn.Module]:
    """AdamW with a cosine schedule over `steps`; returns the models' exponential moving averages.

    The loss must draw its batch from the step number alone: then a resumed run is the run itself.
    """
    build.mkdir(parents=True, exist_ok=True)
    live = torch.nn.ModuleDict(models).to(DEVICE).train()
    averaged = copy.deepcopy(live).requires_grad_(False)
    optimizer = torch.optim.AdamW(live.parameters(), rate, betas=(0.9, 0.99), fused=True)
    path = build / f"{name}.safetensors"
    step = restore(path, live, averaged, optimizer) if path.exists() else 0
    saved = time.monotonic()
    with tqdm(total=steps, initial=step, desc=name, unit="step", mininterval=5) as bar:
        while step < steps:
            for group in optimizer.param_groups:
                group["lr"] = rate * learning_rate_factor(step, steps)
            with autocast():
                loss = loss_of_step(step)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(live.parameters(), 1.0)
            optimizer.step()
            step += 1
            decay = min(EMA_DECAY, (1 + step) / (10 + step))
            with torch.no_grad():
                torch._foreach_lerp_(
                    list(averaged.parameters()), list(live.parameters()), 1 - decay
                )
            if step % 20 == 0:
                bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)
            bar.update()
            if time.monotonic() - saved > CHECKPOINT_SECONDS or step == steps:
                checkpoint(path, live, averaged, optimizer)
                saved = time.monotonic()
    return dict(averaged.eval().items())


def autocast() -> torch.autocast:
    """bfloat16 where the device computes in it; where a processor only imitates it, float32 is
    three times as fast.
    """
    computes = DEVICE.type != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))
    return torch.autocast(DEVICE.type, torch.bfloat16, enabled=computes)


def learning_rate_factor(step: int, steps: int, warmup: int = 100) -> float:
    cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
    return min(1, (step + 1) / warmup) * (0.02 + 0.98 * cosine)


def checkpoint(
    path: Path,
    live: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> None:
    """Write all that a run needs to go on from here, whole or not at all."""
    tensors = {f"live.{key}": value for key, value in live.state_dict().items()}
    tensors |= {f"averaged.{key}": value for key, value in averaged.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{key}": value for key, value in state.items()}
    unfinished = path.with_suffix(".tmp")
    save_file({key: value.contiguous() for key, value in tensors.items()}, unfinished)
    unfinished.rename(path)


def restore(
    path: Path,
    live: torch.nn.Module,
    averaged: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
) -> int:
    """Take up what `checkpoint` wrote; returns the number of steps done."""
    tensors = load_file(path, device=str(DEVICE))
    parts: dict[str, dict[str, torch.Tensor]] = {"live": {}, "averaged": {}, "optimizer": {}}
    for key, value in tensors.items():
        part, rest = key.split(".", 1)
        parts[part][rest] = value
    live.load_state_dict(parts["live"])
    averaged.load_state_dict(parts["averaged"])
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in parts["optimizer"].items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(next(iter(state.values()))["step"])
