"""How a LATENT carries its trajectory to Masked DDIM Sample."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from .latents import without_size

KEY = "diffedit_trajectory"


class Trajectory(NamedTuple):
    """latents: `[steps + 1, B, C, ..., h, w]` at a LATENT's scale, on the CPU, the first being
    the source itself.  sigmas: the noise level of each, rising from 0.
    """

    latents: Tensor
    sigmas: list[float]


def attach(
    latent: dict[str, Any], source: Tensor, latents: Tensor, sigmas: list[float]
) -> dict[str, Any]:
    """A copy of the LATENT at the top of a trajectory, carrying the trajectory.

    source: the LATENT's samples, to the bit.  latents, sigmas: see Trajectory; the lowest of the
    latents, the source after the model's scale and back again, is rounded.
    """
    latents = latents.to("cpu", source.dtype)
    latents[0] = source
    trajectory = Trajectory(latents, sigmas)
    return {**without_size(latent), "samples": latents[-1], KEY: trajectory}


def detach(latent: dict[str, Any]) -> tuple[dict[str, Any], Trajectory]:
    """The LATENT without its trajectory, and the trajectory.

    Raises ValueError where there is none, or where another node has changed the samples since.
    """
    trajectory = latent.get(KEY)
    if not isinstance(trajectory, Trajectory) or not _is_whole(trajectory):
        raise ValueError(
            "latent: it carries no trajectory; connect the latent output of DDIM Invert or Noise "
            "Trajectory."
        )
    if not torch.equal(latent["samples"].cpu(), trajectory.latents[-1]):
        raise ValueError(
            "latent: it was resized or changed after DDIM Invert or Noise Trajectory; connect that "
            "node's latent directly, and make such changes before it."
        )
    return {key: value for key, value in latent.items() if key != KEY}, trajectory


def _is_whole(trajectory: Trajectory) -> bool:
    """Whether it has a latent for each noise level, and a step."""
    return len(trajectory.latents) == len(trajectory.sigmas) > 1
