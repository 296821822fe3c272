"""A model family as ComfyUI builds it, at small widths and with random weights.

What such a model predicts means nothing.  The shape and scale of its latents, its kind of
prediction, its noise levels and what its conditioning must hold are the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

MILD = 0.1
"""RMS of what a network puts out: so mild a one can be inverted by fixed-point iteration."""

MANY = 60
"""Iterations where the direction of a step moves with the latent itself, as it does for v and EDM.

Of a step from one noise level to another, each iteration then leaves up to 1 - low / high of the
error, and in five steps EDM's levels grow tenfold at each.
"""


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def attention_mask(tokens: int = 8, padding: int = 2) -> Tensor:
    """`[1, tokens]`, 0 where a text encoder has only padding."""
    mask = torch.ones(1, tokens, dtype=torch.long)
    mask[:, tokens - padding :] = 0
    return mask


@dataclass(frozen=True)
class Family:
    """How to build a small model of a family, what goes into it, and what is true of it.

    config: the name of its class in ComfyUI.  network: the arguments of its network, None where the
    pack must refuse it without one.  late: those that the class would overwrite.  checkpoint: what
    ComfyUI reads from its file beside the network's weights.

    latent: the shape of a batch as the model takes it.  pixels: to the side of a cell of it, by the
    family's own VAE.  context: the width of its text embedding of so many `tokens`, or, of a seed,
    the embedding itself.  pooled: the width of the pooled one.  options: of a seed, what else its
    text encoder, or its own conditioning nodes, put into a CONDITIONING.

    iterations: of each step of the inversion, at most.  tolerance: of the round trip, as a fraction
    of the latent's norm; three times what it is.  no_stock: why a stock sampler that goes on from
    the inverted latent does something else, "" if it does the same.  refused: words of the sentence
    with which the pack refuses the model, "" if it runs.  quick: one of those that stand for all.
    """

    config: str
    network: dict[str, Any] | None
    latent: tuple[int, ...]
    pixels: int
    context: int | Callable[[int], Tensor] = 16
    tokens: int = 8
    pooled: int | None = None
    options: Callable[[int], dict[str, Any]] = lambda seed: {}
    checkpoint: dict[str, Tensor] = field(default_factory=dict)
    late: dict[str, Any] = field(default_factory=dict)
    iterations: int = 12
    tolerance: float = 2e-6
    no_stock: str = ""
    refused: str = ""
    quick: bool = False

    def model(self) -> Any:
        """Return a MODEL on the CPU, in float32."""
        import comfy.model_patcher
        import comfy.supported_models

        cpu = torch.device("cpu")
        kind = getattr(comfy.supported_models, self.config)
        network = self.network or {**kind.unet_config, "disable_unet_model_creation": True}
        config = kind(dict(network))
        config.set_inference_dtype(torch.float32, None)
        config.unet_config.update(self.late)
        model = config.get_model(dict(self.checkpoint), device=cpu)
        if self.network:
            _randomise(model.diffusion_model)
            model.diffusion_model.register_forward_hook(_mild())
        return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu)

    def samples(self, model: Any) -> Tensor:
        """Return latents as VAE Encode gives them: of unit variance where the model sees them."""
        return model.model.process_latent_out(noise(*self.latent))

    def conditioning(self, seed: int) -> list[Any]:
        options = self.options(seed)
        if self.pooled:
            options = {"pooled_output": noise(1, self.pooled, seed=seed), **options}
        if callable(self.context):
            return [[self.context(seed), options]]
        return [[noise(1, self.tokens, self.context, seed=seed), options]]


def _randomise(network: torch.nn.Module) -> None:
    """Fill all that a file would: ComfyUI leaves it as it is in memory."""
    generator = torch.Generator().manual_seed(0)
    for name, weights in network.state_dict().items():
        if not weights.is_floating_point():
            continue
        if weights.ndim <= 1:  # a bias, or the scale of a norm
            weights.fill_(float(name.endswith(("weight", "scale", "gamma"))))
        else:
            std = weights[0].numel() ** -0.5
            weights.copy_(std * torch.randn(weights.shape, generator=generator))


def _mild() -> Callable[..., Tensor]:
    """A forward hook that multiplies with what makes the RMS of the first output MILD."""
    gain: Tensor | None = None

    def hook(network: torch.nn.Module, args: Any, output: Tensor) -> Tensor:
        nonlocal gain
        if gain is None:
            gain = MILD / output.float().square().mean().sqrt()
        return output * gain

    return hook
