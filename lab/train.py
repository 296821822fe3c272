"""Train the demo model from nothing: scenes, autoencoder, then text encoder and UNet together.

These take two courses: on the usual scenes alone, then on all.  The weights in `demo/model` are
those of the first one (`--all-steps 0`); demo/MODEL_CARD.md tells why.

`python -m lab.train` does everything and resumes where it was stopped; rendered scenes and
checkpoints are kept in `build/`. The finished model is written to `demo/model` in the layout of a
diffusers pipeline, in float16.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from tqdm import tqdm

from . import architecture
from .dataset import USUAL, render_training_set, training_scene
from .training import DEVICE, autocast, train

PACK = Path(__file__).parent.parent
SCENES = 14000

VAE_STEPS, VAE_BATCH, VAE_CROP, VAE_RATE = 1600, 16, 64, 1e-3
LATENT_NOISE, LATENT_SIZE = 0.03, 1e-3  # keep the latents smooth, and their spread near 1
USUAL_STEPS, USUAL_RATE = 6000, 1e-3
ALL_STEPS, ALL_RATE = 5000, 5e-4
UNET_BATCH = 32
EMPTY_PROMPT, NO_TEXT = 0.09, 0.03  # how often a caption is replaced by "" and by a zero context
SHORT_CAPTION = 0.25
MIN_SNR = 5.0


def train_vae(shards: list[np.ndarray], steps: int, build: Path):
    vae = architecture.vae().to(memory_format=torch.channels_last)

    def loss_of_step(step: int) -> torch.Tensor:
        rng = np.random.default_rng((step, 3))
        crops = []
        shard = shards[rng.integers(len(shards))]
        for index in rng.integers(len(shard), size=VAE_BATCH):
            y, x = rng.integers((shard.shape[1] - VAE_CROP) // 8 + 1, size=2) * 8
            crops.append(shard[index, y : y + VAE_CROP, x : x + VAE_CROP])
        picture = to_model(np.stack(crops))
        latent = vae.encode(picture).latents.float()
        noise = torch.from_numpy(rng.standard_normal(latent.shape, np.float32)).to(DEVICE)
        decoded = vae.decode(latent + LATENT_NOISE * noise).sample.float()
        error = decoded - picture
        edges = sum(
            (d(decoded) - d(picture)).abs().mean() for d in (_right_difference, _down_difference)
        )
        size = LATENT_SIZE * latent.square().mean()
        chroma = error - error.mean(1, keepdim=True)
        return error.abs().mean() + 4 * error.square().mean() + chroma.abs().mean() + edges + size

    return train("vae", {"vae": vae}, loss_of_step, steps, VAE_RATE, build)["vae"]


def _right_difference(x: torch.Tensor) -> torch.Tensor:
    return x[..., 1:] - x[..., :-1]


def _down_difference(x: torch.Tensor) -> torch.Tensor:
    return x[..., 1:, :] - x[..., :-1, :]


def to_model(rgb: np.ndarray) -> torch.Tensor:
    """uint8 (B, H, W, 3) to float (B, 3, H, W) in -1..1 on the training device."""
    return torch.from_numpy(rgb).to(DEVICE).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def encode_all(vae, shards: list[np.ndarray]) -> torch.Tensor:
    """The latents (N, 4, h, w) of every picture."""
    latents = []
    for shard in tqdm(shards, desc="latents", unit="shard"):
        for start in range(0, len(shard), 10):
            with autocast():
                encoded = vae.encode(to_model(shard[start : start + 10])).latents
            latents.append(encoded.float().cpu())
    return torch.cat(latents).contiguous()


def encoded_once(vae, shards: list[np.ndarray], path: Path) -> torch.Tensor:
    """The latents of every picture, from a file if an interrupted run has computed them."""
    if not path.exists():
        save_file({"latents": encode_all(vae, shards)}, path)
    return load_file(path)["latents"]


def preview_factors(latents: torch.Tensor, shards: list[np.ndarray]) -> dict[str, list]:
    """The linear map from a scaled latent to the colour it stands for, for live previews."""
    rgb = to_model(np.array(shards[0])).cpu()
    x = latents[: len(rgb)].permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
    y = F.avg_pool2d(rgb, architecture.FACTOR).permute(0, 2, 3, 1).reshape(-1, 3)
    solution = torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], 1), y).solution
    return {
        "latent_rgb_factors": solution[:-1].tolist(),
        "latent_rgb_factors_bias": solution[-1].tolist(),
    }


def caption_of(seed: int, rng: np.random.Generator) -> str:
    """A scene's caption, now and then in one of the shorter forms that people type. Of a close-up
    it tells either of the whole scene or of what can be seen.
    """
    described = training_scene(seed)
    if rng.random() < 0.5:
        described = described.without(*described.hidden)
    if rng.random() >= SHORT_CAPTION:
        return described.caption
    return described.caption_without(
        colours=bool(rng.random() < 0.5), table=bool(rng.random() < 0.7)
    )


def encode_texts(tokenizer, text_encoder: torch.nn.Module, texts: list[str]) -> torch.Tensor:
    """The text encoder's output (B, tokens, width)."""
    tokens = tokenizer(texts, padding="max_length", truncation=True, return_tensors="pt").input_ids
    return text_encoder(tokens.to(DEVICE)).last_hidden_state


def denoising_loss(
    models: dict[str, torch.nn.Module],
    tokenizer,
    latents: torch.Tensor,
    choose: Callable[[np.random.Generator], np.ndarray],
) -> Callable[[int], torch.Tensor]:
    """The loss of a step on the scenes that `choose` returns the numbers of."""
    alphas_cumprod = architecture.scheduler().alphas_cumprod.to(DEVICE)
    latents = latents.to(DEVICE)

    def loss_of_step(step: int) -> torch.Tensor:
        rng = np.random.default_rng((step, 4))
        chosen = choose(rng)
        texts = ["" if rng.random() < EMPTY_PROMPT else caption_of(int(i), rng) for i in chosen]
        context = encode_texts(tokenizer, models["text_encoder"], texts)
        with_text = torch.from_numpy(rng.random((UNET_BATCH, 1, 1)) >= NO_TEXT).to(context)
        timestep = torch.from_numpy(rng.integers(len(alphas_cumprod), size=UNET_BATCH)).to(DEVICE)
        noise = torch.from_numpy(
            rng.standard_normal((UNET_BATCH, *latents.shape[1:]), np.float32)
        ).to(DEVICE)
        alpha = alphas_cumprod[timestep].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * latents[chosen] + (1 - alpha).sqrt() * noise
        eps = models["unet"](noisy, timestep, context * with_text).sample.float()
        snr = alpha / (1 - alpha)
        weight = snr.clamp(max=MIN_SNR) / snr  # Hang et al., arXiv 2303.09556
        return (weight * (eps - noise).square()).mean()

    return loss_of_step


def train_on_usual(models: dict[str, torch.nn.Module], tokenizer, latents, steps, build):
    """The first course: the scenes of the usual kind."""

    def usual(rng: np.random.Generator) -> np.ndarray:
        return rng.integers(USUAL, size=UNET_BATCH)

    loss = denoising_loss(models, tokenizer, latents, usual)
    return train("usual", models, loss, steps, USUAL_RATE, build)


def train_on_all(models: dict[str, torch.nn.Module], tokenizer, latents, steps, build):
    """The second course: half of a batch usual scenes, half the wide ones and close-ups."""

    def both(rng: np.random.Generator) -> np.ndarray:
        half = UNET_BATCH // 2
        return np.r_[rng.integers(USUAL, size=half), rng.integers(USUAL, len(latents), size=half)]

    loss = denoising_loss(models, tokenizer, latents, both)
    return train("all", models, loss, steps, ALL_RATE, build)


def name_as_clip(weights: Path) -> None:
    """Give the text encoder's tensors the names that CLIP's have in every file: transformers 5
    leaves out `text_model.`, without which other readers start from random weights.
    """
    tensors = load_file(weights)
    named = {f"text_model.{name.removeprefix('text_model.')}": one for name, one in tensors.items()}
    save_file(named, weights, metadata={"format": "pt"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=PACK / "build", help="scenes and checkpoints")
    parser.add_argument(
        "--out", type=Path, default=PACK / "demo" / "model", help="where the model is written"
    )
    parser.add_argument("--scenes", type=int, default=SCENES)
    parser.add_argument("--vae-steps", type=int, default=VAE_STEPS)
    parser.add_argument("--usual-steps", type=int, default=USUAL_STEPS)
    parser.add_argument("--all-steps", type=int, default=ALL_STEPS)
    args = parser.parse_args()

    torch.manual_seed(0)
    shards = render_training_set(args.build / "scenes", args.scenes)
    count = sum(len(shard) for shard in shards)
    vae = train_vae(shards, args.vae_steps, args.build)
    latents = encoded_once(vae, shards, args.build / "latents.safetensors")
    scale = 1 / latents.std().item()
    vae.register_to_config(scaling_factor=scale)
    latents = latents * scale

    tokenizer = architecture.write_tokenizer(
        args.out / "tokenizer", [training_scene(seed).caption for seed in range(count)]
    )
    models = {"unet": architecture.unet(), "text_encoder": architecture.text_encoder(tokenizer)}
    models = train_on_usual(models, tokenizer, latents, args.usual_steps, args.build)
    trained = train_on_all(models, tokenizer, latents, args.all_steps, args.build)
    StableDiffusionPipeline(
        vae=vae.half(),
        unet=trained["unet"].half(),
        text_encoder=trained["text_encoder"].half(),
        tokenizer=tokenizer,
        scheduler=architecture.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(args.out)
    name_as_clip(args.out / "text_encoder" / "model.safetensors")
    preview = preview_factors(latents, shards)
    (args.out / "preview.json").write_text(json.dumps(preview, indent=1) + "\n")


if __name__ == "__main__":
    main()
