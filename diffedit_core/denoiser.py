"""The one thing every stage of DiffEdit needs: a diffusion model seen as a denoiser.

All stages work in ComfyUI's sampling space, so one code path serves eps-, v- and flow-models:
`x` is a noisy latent at noise level `sigma`, and the model's answer is its prediction of the clean
latent ("denoised").  In that space `(x - denoised) / sigma` is the direction of the
probability-flow ODE for every model family.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

StepCallback = Callable[[int, Tensor, Tensor], None]
"""Told after each step: the step's number from 0, the latest `denoised` and the new `x`."""


class Denoiser(Protocol):
    """A model together with its named conditions.

    The stages ask for `"positive"`, the prompt to follow, and the mask also for `"source"`, the
    prompt it compares with.  Guidance is the denoiser's own business: what it answers for
    `"positive"` is already guided where it guides at all.

    Latents are float tensors `[B, C, ...]` with any number of channels and dimensions.
    """

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        """Predict the clean latent of `x` at level `sigma` under each of the named conditions.

        Returns one tensor of x's shape for each name, in the order of `conds`.
        """
        ...

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        """Bring a clean latent to level `sigma` with unit-variance `noise` of its shape."""
        ...

    def input_scale(self, sigma: float) -> float:
        """The factor between `x` at level `sigma` and what the network itself is given."""
        ...


def require_finite(prediction: Tensor, sigma: float) -> None:
    """Raise ValueError where a model's prediction at level `sigma` is not finite."""
    if not prediction.isfinite().all():
        raise ValueError(
            f"model: it predicts NaN or infinite values at noise level {sigma:.3g}; lower cfg, or "
            "run the model in a higher precision."
        )
