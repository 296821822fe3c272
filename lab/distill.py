"""Distil the demo model into one that needs few steps and little guidance: a LoRA for its UNet.

`python -m lab.distill`, on the scenes that the model in `demo/model` was trained on.  Latent
consistency distillation (Luo et al., arXiv 2310.04378, algorithm 1) of a LoRA (arXiv 2311.05556):
the student predicts from any point of a guided trajectory the picture at its end.  Writes
`demo/loras/DiffEdit demo, few steps.safetensors`, for the stock node Load LoRA.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils import parametrize

from .dataset import render_training_set
from .train import PACK, caption_of, encode_all, encode_texts
from .training import DEVICE, train

LORA = PACK / "demo" / "loras" / "DiffEdit demo, few steps.safetensors"
RANK = 8
SCENES = 4000
STEPS, BATCH, RATE = 1200, 32, 1e-3
GUIDANCE = 7.5  # the pack's default cfg
SOLVER_STEPS = 50
HUBER = 1e-3


class LowRank(nn.Module):
    """What a LoRA adds to one layer's weight: `up @ down`, nothing at first."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.inner_shape = weight.shape[1:]
        inner = self.inner_shape.numel()
        self.down = nn.Parameter(torch.randn(RANK, inner) / inner**0.5)
        self.up = nn.Parameter(torch.zeros(len(weight), RANK))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + (self.up @ self.down).view_as(weight)


def add_lora(unet: nn.Module) -> nn.ModuleDict:
    """Freeze a UNet and give a LowRank to each layer of its blocks; returns them by the names that
    LoRA files have.
    """
    unet.requires_grad_(False)
    layers = {
        name: layer
        for name, layer in unet.named_modules()
        if "block" in name and isinstance(layer, nn.Linear | nn.Conv2d)
    }
    lora = nn.ModuleDict()
    for name, layer in layers.items():
        one = LowRank(layer.weight)
        parametrize.register_parametrization(layer, "weight", one)
        lora[f"lora_unet_{name.replace('.', '_')}"] = one
    return lora


def consistency_loss(
    pipe: StableDiffusionPipeline, student: nn.Module, latents: torch.Tensor
) -> Callable[[int], torch.Tensor]:
    """The loss of a step: the student's picture from one point of the teacher's trajectory against
    its own from the next.
    """
    teacher = pipe.unet
    alphas = pipe.scheduler.alphas_cumprod.to(DEVICE)
    apart = len(alphas) // SOLVER_STEPS

    context_of = partial(encode_texts, pipe.tokenizer, pipe.text_encoder)

    def picture(
        unet: nn.Module, x: torch.Tensor, timestep: torch.Tensor, context: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The clean latent that a UNet sees in x, and the noise."""
        alpha = alphas[timestep].view(-1, 1, 1, 1)
        eps = unet(x, timestep, context).sample.float()
        return (x - (1 - alpha).sqrt() * eps) / alpha.sqrt(), eps

    def loss_of_step(step: int) -> torch.Tensor:
        rng = np.random.default_rng((step, 8))
        chosen = rng.integers(len(latents), size=BATCH)
        timestep = torch.from_numpy(rng.integers(len(alphas), size=BATCH)).to(DEVICE)
        noise = torch.from_numpy(rng.standard_normal((BATCH, *latents.shape[1:]), np.float32))
        alpha = alphas[timestep].view(-1, 1, 1, 1)
        x = alpha.sqrt() * latents[chosen] + (1 - alpha).sqrt() * noise.to(DEVICE)
        with torch.no_grad():
            context = context_of([caption_of(int(i), rng) for i in chosen])
            nothing = context_of([""]).expand_as(context)
            twice = (torch.cat([x, x]), timestep.repeat(2), torch.cat([context, nothing]))
            clean, eps = (
                without + GUIDANCE * (following - without)
                for following, without in (both.chunk(2) for both in picture(teacher, *twice))
            )
            before = timestep - apart
            alpha_before = torch.where(before < 0, 1.0, alphas[before]).view(-1, 1, 1, 1)
            x_before = alpha_before.sqrt() * clean + (1 - alpha_before).sqrt() * eps
            seen, _ = picture(student, x_before, before.clamp(min=0), context)
            target = torch.where(before.view(-1, 1, 1, 1) < 0, x_before, seen)
        found, _ = picture(student, x, timestep, context)
        return ((found - target).square() + HUBER**2).sqrt().mean() - HUBER

    return loss_of_step


def save(lora: nn.ModuleDict, path: Path) -> None:
    """Write a LoRA as trainers do: a file that ComfyUI and diffusers read."""
    tensors = {}
    for name, one in lora.items():
        inner = one.inner_shape
        tensors[f"{name}.lora_down.weight"] = one.down.detach().view(RANK, *inner)
        tensors[f"{name}.lora_up.weight"] = one.up.detach().view(-1, RANK, *[1] * (len(inner) - 1))
        tensors[f"{name}.alpha"] = torch.tensor(float(RANK))
    path.parent.mkdir(exist_ok=True)
    halves = {key: value.half().contiguous().cpu() for key, value in tensors.items()}
    save_file(halves, path, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=PACK / "build", help="scenes and checkpoints")
    parser.add_argument("--model", type=Path, default=PACK / "demo" / "model")
    parser.add_argument("--out", type=Path, default=LORA, help="where the LoRA is written")
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args()

    torch.manual_seed(0)
    pipe = StableDiffusionPipeline.from_pretrained(
        args.model, torch_dtype=torch.float32, safety_checker=None
    ).to(DEVICE)
    shards = render_training_set(args.build / "scenes", args.scenes)
    latents = encode_all(pipe.vae, shards).to(DEVICE) * pipe.vae.config.scaling_factor
    student = copy.deepcopy(pipe.unet)
    lora = add_lora(student)
    loss = consistency_loss(pipe, student, latents)
    trained = train("lora", {"lora": lora}, loss, args.steps, RATE, args.build)
    save(trained["lora"], args.out)


if __name__ == "__main__":
    main()
