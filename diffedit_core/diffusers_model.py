"""A diffusers Stable Diffusion pipeline as `edit.diffedit` takes models."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from .diffusers_denoiser import DiffusersDenoiser

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline


class DiffusersModel:
    """The UNet, text encoder and autoencoder of a Stable Diffusion pipeline (1.x or 2.x)."""

    def __init__(self, pipe: "StableDiffusionPipeline") -> None:
        self.pipe = pipe
        self.liked_size = pipe.unet.config.sample_size * pipe.vae_scale_factor
        self.size_multiple = 2 * pipe.vae_scale_factor

    def denoiser(self, prompts: Mapping[str, str | Tensor | None]) -> DiffusersDenoiser:
        """See `DiffusersDenoiser`."""
        return DiffusersDenoiser(self.pipe, prompts)

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the latents `[B, C, h, w]` of pictures `[B, H, W, 3]` in 0..1."""
        vae = self.pipe.vae
        encoded = vae.encode((2 * pictures.movedim(-1, 1) - 1).to(self.pipe.device, vae.dtype))
        latents = encoded.latent_dist.mode() if "latent_dist" in encoded else encoded.latents
        return latents * vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, the reverse of `encode`, on the CPU."""
        vae = self.pipe.vae
        decoded = vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor).sample
        return (decoded / 2 + 0.5).clamp(0, 1).movedim(1, -1).float().cpu()
