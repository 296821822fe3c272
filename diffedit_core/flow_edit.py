"""FlowEdit inside a mask: from the picture to its edit without any inversion.

Kulikov et al., arXiv 2412.08629, algorithm 1, restricted to a mask.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .denoiser import Denoiser, StepCallback, require_finite
from .noise import noise_like


def masked_flow_edit(
    denoiser: Denoiser,
    latent: Tensor,
    sigmas: Sequence[float],
    mask: Tensor,
    seed: int,
    indices: Sequence[int] | None = None,
    callback: StepCallback | None = None,
) -> Tensor:
    """Move a clean latent from where "source" puts it to where "positive" would, inside the mask.

    In each step the picture, in fresh noise, is predicted under "source", and so is the edit so
    far, in the same noise, under "positive"; the edit moves by the difference of the directions
    `(x - denoised) / sigma`, which is the paper's on flow-models, and its like on other ones.

    latent: `[B, C, ...]`.  sigmas: rising from 0; they are visited from the last one down.  mask:
    broadcasts against the latent, 0 keeps the picture and 1 edits it; the work is done on its
    device.  seed, indices: see `noise_like`.

    Costs one evaluation under either prompt an image and step.  Returns `[B, C, ...]`; where the
    mask is 0 it is `latent`.  Raises ValueError where a prediction is not finite.
    """
    latent = latent.to(mask.device)
    top = len(sigmas) - 1
    change = torch.zeros_like(latent)
    for index in range(top, 0, -1):
        sigma_from, sigma_to = sigmas[index], sigmas[index - 1]
        noise = noise_like(latent, seed, draw=top - index, indices=indices)
        x = denoiser.noise_scaling(sigma_from, noise, latent)
        (source,) = denoiser.denoise(x, sigma_from, ("source",))
        (target,) = denoiser.denoise(x + change, sigma_from, ("positive",))
        for prediction in (source, target):
            require_finite(prediction, sigma_from)
        change = mask * torch.lerp(change, target - source, 1 - sigma_to / sigma_from)
        if callback:
            callback(top - index, latent + change, x + change)
    return latent + change
