"""A diffusers Stable Diffusion pipeline seen as a denoiser: DiffEdit in Python without ComfyUI.

docs/python.md has a whole edit as an example.  Latents are what the UNet works on: the VAE's, times
its scaling factor.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import StableDiffusionPipeline


class DiffusersDenoiser:
    """The UNet of a Stable Diffusion pipeline (1.x or 2.x; eps- or v-prediction) under prompts.

    prompts: for each conditioning's name a text, its embeddings `[1 or B, tokens, width]`, or None
    for no conditioning at all (zeros).
    No guidance: see `guidance.GuidedDenoiser`.
    """

    def __init__(self, pipe: "StableDiffusionPipeline", prompts: Mapping[str, str | Tensor | None]):
        self.unet = pipe.unet
        self.prediction_type = pipe.scheduler.config.prediction_type
        alphas = pipe.scheduler.alphas_cumprod.double()
        self.sigmas = ((1 - alphas) / alphas).sqrt()
        self.embeddings = {name: _embed(pipe, prompt) for name, prompt in prompts.items()}

    @torch.no_grad()
    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        timestep = (self.sigmas.log() - torch.tensor(sigma).log()).abs().argmin()
        embeddings = torch.cat([self.embeddings[name].expand(len(x), -1, -1) for name in conds])
        x_in = (x * self.input_scale(sigma)).repeat(len(conds), *[1] * (x.ndim - 1))
        output = self.unet(
            x_in.to(self.unet.dtype),
            timestep.to(x.device),
            encoder_hidden_states=embeddings.to(self.unet.dtype),
        ).sample.to(x.dtype)
        return [self._denoised(x, sigma, out) for out in output.chunk(len(conds))]

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return latent + sigma * noise

    def input_scale(self, sigma: float) -> float:
        return (1 + sigma**2) ** -0.5

    def sigma(self, strength: float) -> float:
        """Return the noise level at a fraction 0..1 of the training schedule."""
        return float(self.sigmas[round(strength * (len(self.sigmas) - 1))])

    def schedule(self, steps: int) -> list[float]:
        """Return DDIM's sigmas for so many steps, falling to 0 ("leading" spacing, offset 1)."""
        spacing = len(self.sigmas) // steps
        timesteps = range((steps - 1) * spacing + 1, 0, -spacing)
        return [float(self.sigmas[timestep]) for timestep in timesteps] + [0.0]

    def _denoised(self, x: Tensor, sigma: float, output: Tensor) -> Tensor:
        if self.prediction_type == "v_prediction":
            return x / (1 + sigma**2) - output * sigma * self.input_scale(sigma)
        return x - sigma * output


def _embed(pipe: "StableDiffusionPipeline", prompt: str | Tensor | None) -> Tensor:
    """The text encoder's output `[1, tokens, width]` for a text, zeros for None."""
    if isinstance(prompt, Tensor):
        return prompt
    embedding, _ = pipe.encode_prompt(prompt or "", pipe.device, 1, False)
    return torch.zeros_like(embedding) if prompt is None else embedding
