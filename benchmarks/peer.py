"""diffusers' DiffEdit pipeline on the demo model's weights, as the benchmarks call it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import DDIMInverseScheduler, StableDiffusionDiffEditPipeline
from PIL import Image

from lab.render import SIZE
from tools.comfy_server import PACK

from .cases import Case


class DiffusersPipeline:
    """StableDiffusionDiffEditPipeline with its own defaults, one edit at a time, since its masks
    depend on the rest of the batch.

    evaluations: of single samples by the UNet, since it was last set to 0.
    """

    def __init__(self) -> None:
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

    def mask_and_map(self, case: Case, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Its mask, 0 and 1, and the map, whose threshold is 1.5 times the mean; both (h, w)."""
        with recorded_maps() as maps:
            mask = self.pipe.generate_mask(
                image=Image.fromarray(case.source.rgb),
                source_prompt=case.edit.source.caption,
                target_prompt=case.edit.target.caption,
                generator=torch.Generator().manual_seed(seed),
            )
        (found,) = maps
        return mask[0], found[0].cpu().numpy()

    @torch.no_grad()
    def edit(self, case: Case, seed: int) -> tuple[np.ndarray, torch.Tensor, torch.Tensor]:
        """A whole edit: its mask (1, h, w), the inverted latents, and those of the edit."""
        image = Image.fromarray(case.source.rgb)
        source, target = case.edit.source.caption, case.edit.target.caption
        generator = torch.Generator().manual_seed(seed)
        mask = self.pipe.generate_mask(
            image=image, source_prompt=source, target_prompt=target, generator=generator
        )
        inverted = self.pipe.invert(prompt=source, image=image, generator=generator).latents
        edited = self.pipe(
            prompt=target,
            mask_image=mask,
            image_latents=inverted,
            generator=generator,
            output_type="latent",
        ).images
        return mask, inverted, edited

    def decoded(self, latent: torch.Tensor) -> np.ndarray:
        """Latents at the model's scale as the first one's picture, uint8 (H, W, 3)."""
        latent = latent / self.pipe.vae.config.scaling_factor
        decoded = self.pipe.vae.decode(latent).sample
        return np.asarray(self.pipe.image_processor.postprocess(decoded)[0])

    @torch.no_grad()
    def notebook_mask(self, case: Case) -> np.ndarray:
        """As blog.scottlogic.com/2023/12/13/diffedit.html does it, uint8 (h, w): guidance with one
        unconditional prediction for both prompts, min-max, above 0.1, smoothed over 7 cells.
        """
        pipe, latent = self.pipe, self._encoded(case)
        context = self._context("", case.edit.source.caption, case.edit.target.caption)
        pipe.scheduler.set_timesteps(50)
        timestep = pipe.scheduler.timesteps[25]
        total = torch.zeros_like(latent)
        for draw in range(10):
            noise = torch.randn(latent.shape, generator=torch.manual_seed(3 * draw)).to(latent)
            noisy = pipe.scheduler.add_noise(latent, noise, timestep[None])
            eps = pipe.unet(noisy.repeat(3, 1, 1, 1), timestep, context).sample
            nothing, source, target = eps
            total += (7.5 * (target - nothing) - 7.5 * (source - nothing)).abs()
        found = total.mean(1)[0].cpu().numpy()
        found = (found - found.min()) / (found.max() - found.min())
        return cv2.GaussianBlur((found > 0.1).astype(np.uint8), (7, 7), 0)

    @torch.no_grad()
    def notebook_edit(self, case: Case) -> torch.Tensor:
        """The notebook's whole edit: 40 of 50 steps under the target, and after each the picture,
        as noisy as that step, outside the mask.
        """
        pipe, latent = self.pipe, self._encoded(case)
        mask = torch.from_numpy(self.notebook_mask(case)).to(latent)
        context = self._context("", case.edit.target.caption)
        pipe.scheduler.set_timesteps(50)
        noise = torch.randn(latent.shape, generator=torch.manual_seed(0)).to(latent)
        timesteps = pipe.scheduler.timesteps[10:]
        x = pipe.scheduler.add_noise(latent, noise, timesteps[:1])
        for number, timestep in enumerate(timesteps):
            nothing, target = pipe.unet(x.repeat(2, 1, 1, 1), timestep, context).sample.chunk(2)
            eps = nothing + 7.5 * (target - nothing)
            x = pipe.scheduler.step(eps, timestep, x).prev_sample
            following = timesteps[number + 1 : number + 2]
            background = latent
            if len(following):
                background = pipe.scheduler.add_noise(latent, noise, following)
            x = mask * x + (1 - mask) * background
        return x

    def _encoded(self, case: Case) -> torch.Tensor:
        pixels = self.pipe.image_processor.preprocess(Image.fromarray(case.source.rgb))
        return self._image_latents(pixels, 1, torch.float32, self.pipe.device)

    def _context(self, *texts: str) -> torch.Tensor:
        pipe = self.pipe
        return torch.cat([pipe.encode_prompt(text, pipe.device, 1, False)[0] for text in texts])

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


def enlarged(mask: np.ndarray) -> np.ndarray:
    """A mask of latent cells (h, w) at the picture's size."""
    return np.kron(mask, np.ones((SIZE // len(mask),) * 2, mask.dtype))


@contextmanager
def recorded_maps() -> Iterator[list[torch.Tensor]]:
    """The `mask_guidance_map` (B, h, w) of every generate_mask within, which keeps it to itself.

    It is the one tensor that is clamped by another.
    """
    maps: list[torch.Tensor] = []
    clamp = torch.Tensor.clamp

    def recording(tensor: torch.Tensor, *limits: Any, **options: Any) -> torch.Tensor:
        if any(isinstance(limit, torch.Tensor) for limit in limits):
            maps.append(tensor.clone())
        return clamp(tensor, *limits, **options)

    torch.Tensor.clamp = recording
    try:
        yield maps
    finally:
        torch.Tensor.clamp = clamp
