"""ComfyUI's MODEL and CONDITIONING seen as the core's `Denoiser`.

A stage of the core runs as a `Sampler` inside a guider's `sample()`.  Loading, offloading, LoRA,
hooks, ControlNet, wrappers, previews, progress and interruption are ComfyUI's own for that reason.
This is the only file that knows ComfyUI's sampling internals.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import comfy.model_management
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from torch import Tensor

from ...diffedit_core.denoiser import StepCallback

# The key under which `predict_noise` finds the names of its conditionings in its model options.
WANTED_CONDS = "diffedit_conds"

Result = TypeVar("Result")


class NamedCondsGuider(comfy.samplers.CFGGuider):
    """CFGGuider that also predicts under several named conditionings in one call, unguided."""

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: dict[str, Any], seed: int
    ) -> Tensor:
        """Return `denoised` of each wanted conditioning, one after the other along the batch."""
        wanted = model_options.get(WANTED_CONDS, ("positive",))
        if wanted == ("positive",):
            return super().predict_noise(x, timestep, model_options, seed)
        conds = [self.conds[name] for name in wanted]
        return torch.cat(
            comfy.samplers.calc_cond_batch(self.inner_model, conds, x, timestep, model_options)
        )


class ComfyDenoiser:
    """The model of a guider that is sampling, under the guider's conditionings.

    "positive" is guided by the guider's cfg and "negative"; every other one is not.
    """

    def __init__(self, guider: NamedCondsGuider, model_options: dict[str, Any], seed: int):
        self.guider = guider
        self.model = guider.inner_model
        self.model_options = model_options
        self.seed = seed

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        options = {**self.model_options, WANTED_CONDS: tuple(conds)}
        predictions = self.guider(
            x, x.new_full((len(x),), sigma), model_options=options, seed=self.seed
        )
        return predictions.chunk(len(conds))

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return self.model.model_sampling.noise_scaling(noise.new_tensor(sigma), noise, latent)

    def input_scale(self, sigma: float) -> float:
        at = torch.tensor(sigma, dtype=torch.float64)
        return float(self.model.model_sampling.calculate_input(at, torch.ones_like(at)))

    def fits_in_memory(self, latent: Tensor, conds: int) -> int:
        """Return how many latents `[B, C, ..., h, w]` under so many conditionings ComfyUI would
        evaluate in one call, by its own estimate of memory; 1 at least."""
        free = comfy.model_management.get_free_memory(latent.device)
        needed = self.model.memory_required([conds * len(latent), *latent.shape[1:]]) * 1.5
        return max(1, int(free / needed))

    @property
    def device(self) -> torch.device:
        """Where the model samples."""
        return self.guider.model_patcher.load_device

    def from_samples(self, samples: Tensor, sigmas: Sequence[float]) -> Tensor:
        """Bring LATENTs' samples `[S, B, C, ..., h, w]`, each as noisy as its sigma says, to
        the model's scale and dtype."""
        latents = [
            self.model.process_latent_in(one.float()) * self._signal_scale(sigma)
            for one, sigma in zip(samples, sigmas, strict=True)
        ]
        return torch.stack(latents)

    def to_samples(self, latents: Tensor, sigmas: Sequence[float]) -> Tensor:
        """Bring latents `[S, B, C, ..., h, w]`, one for each sigma, to the scale and place
        of a LATENT, each such that a stock sampler can go on from it."""
        samples = [
            self.model.process_latent_out(one / self._signal_scale(sigma))
            for one, sigma in zip(latents, sigmas, strict=True)
        ]
        return torch.stack(samples).to(comfy.model_management.intermediate_device())

    def _signal_scale(self, sigma: float) -> float:
        """What a stock sampler that adds no noise multiplies a LATENT with to begin at `sigma`: the
        clean latent's scale there.  1 where that is 0, flow models' pure noise, since no LATENT
        would do."""
        noise, latent = torch.zeros(1), torch.ones(1)
        return float(self.noise_scaling(sigma, noise, latent)) or 1.0


Stage = Callable[[ComfyDenoiser, Tensor, StepCallback], Result]
"""A stage of the core: given the denoiser, the latent at the model's scale and a callback."""


class StageSampler(comfy.samplers.Sampler):
    """Runs a stage where ComfyUI runs its samplers, and keeps what the stage returns."""

    def __init__(self, stage: Stage, steps: int):
        self.stage = stage
        self.steps = steps
        self.result = None

    def sample(
        self,
        model_wrap: NamedCondsGuider,
        sigmas: Tensor,
        extra_args: dict[str, Any],
        callback: Callable[[int, Tensor, Tensor, int], None],
        noise: Tensor,
        latent_image: Tensor,
        denoise_mask: Tensor | None = None,
        disable_pbar: bool = False,
    ) -> Tensor:
        def on_step(step: int, denoised: Tensor, x: Tensor) -> None:
            callback(step, denoised, x, self.steps)

        denoiser = ComfyDenoiser(model_wrap, extra_args["model_options"], extra_args["seed"])
        self.result = self.stage(denoiser, latent_image, on_step)
        return latent_image


def run_stage(
    model: Any,
    conds: dict[str, Any],
    samples: Tensor,
    sigmas: Sequence[float],
    steps: int,
    stage: Stage,
    cfg: float = 1.0,
    previews: bool = True,
) -> Any:
    """Run a stage of the core on a MODEL, with progress, and return its result.

    conds: a CONDITIONING for each name that the stage asks for.  samples: a LATENT's `samples`.
    sigmas: the noise levels the stage visits.  steps: how often it calls back.  previews: show
    the latest `denoised` on the node; the editor shows it in the place of the node's own picture.
    """
    guider = NamedCondsGuider(model)
    guider.inner_set_conds(conds)
    guider.set_cfg(cfg)
    sampler = StageSampler(stage, steps)
    guider.sample(
        torch.zeros_like(samples),
        samples,
        sampler,
        torch.tensor(sigmas),
        callback=_step_callback(guider.model_patcher, steps, previews),
        seed=0,
    )
    return sampler.result


def _step_callback(patcher: Any, steps: int, previews: bool) -> Callable[..., None]:
    """Moves the node's progress bar on, with or without a picture."""
    if previews:
        return latent_preview.prepare_callback(patcher, steps)
    bar = comfy.utils.ProgressBar(steps)
    return lambda step, denoised, x, total: bar.update_absolute(step + 1, total)
