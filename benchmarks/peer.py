"""diffusers' DiffEdit pipeline on the demo model's weights, as the benchmarks call it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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
