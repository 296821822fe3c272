"""The one thing every stage of DiffEdit needs: a diffusion model seen as a denoiser.

All stages work in ComfyUI's sampling space, so one code path serves eps-, v- and flow-models:
`x` is a noisy latent at noise level `sigma`, and the model returns its prediction of the clean
latent ("denoised").  In that space `(x - denoised) / sigma` is the direction of the
probability-flow ODE for every model family.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

StepCallback = Callable[[int, Tensor, Tensor], None]
"""Called after each step with its number from 0, the latest `denoised` and the new `x`."""


class Denoiser(Protocol):
    """A model together with its named conditionings.

    Inversion and decoding ask for `"positive"`: the prompt to follow, with guidance where the
    denoiser guides at all.  The mask asks for `"source"` and `"target"`: two prompts to compare.
    FlowEdit asks for `"source"` and `"positive"`.

    Latents are float tensors `[B, C, ...]` with any number of channels and dimensions.
    """

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        """Predict the clean latent of `x` at noise level `sigma` under each named conditioning.

        Returns one tensor of x's shape for each name, in the order of `conds`.
        """
        ...

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        """Return a clean latent noised to `sigma` with unit-variance `noise` of its shape."""
        ...

    def input_scale(self, sigma: float) -> float:
        """Return the factor between `x` at `sigma` and the input of the network itself."""
        ...


def require_finite(prediction: Tensor, sigma: float) -> None:
    """Raise ValueError where a model's prediction at noise level `sigma` is not finite."""
    if not prediction.isfinite().all():
        raise ValueError(
            f"model: it predicts NaN or infinite values at noise level {sigma:.3g}; lower cfg, or "
            "run the model in a higher precision."
        )
