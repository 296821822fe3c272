"""ComfyUI's MODEL and CONDITIONING seen as the core's `Denoiser`.

A stage of the core runs as a `Sampler` inside a guider's `sample()`.  Loading, offloading, LoRA,
hooks, ControlNet, wrappers, previews, progress and interruption are ComfyUI's own for that reason.
ComfyUI is told about a run as its own samplers tell it: sigmas that fall, the clean source as
`latent_image`, torch's generator seeded, and which conditionings are negative.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import comfy.model_management
import comfy.samplers
import comfy.utils
import latent_preview
import torch
from torch import Tensor

from ...diffedit_core.denoiser import StepCallback
from . import model_facts
from .coverage import coverage
from .error_reason import error_reason
from .hook_keyframes import rewind_keyframes

# The key under which `predict_noise` finds the names of its conditionings in its model options.
WANTED_CONDS = "diffedit_conds"

Result = TypeVar("Result")


class NetworkError(Exception):
    """What a model's network raised at a prediction is its cause."""


class NamedCondsGuider(comfy.samplers.CFGGuider):
    """CFGGuider that also predicts under several named conditionings in one call.

    Only "positive" beside a "negative" is guided.  All else is unguided, and so without the patches
    of guidance, which would miss the other side.
    """

    def predict_noise(
        self, x: Tensor, timestep: Tensor, model_options: dict[str, Any], seed: int
    ) -> Tensor:
        """Return `denoised` of `x` `[N * B, C, ...]`, which repeats a batch for each of the N
        wanted conditionings, each under its own.
        """
        wanted = model_options.get(WANTED_CONDS, ("positive",))
        if wanted == ("positive",) and "negative" in self.conds:
            return super().predict_noise(x, timestep, model_options, seed)
        batch = len(x) // len(wanted)
        predictions = comfy.samplers.calc_cond_batch(
            self.inner_model,
            [self.conds[name] for name in wanted],
            x[:batch],
            timestep[:batch],
            _with_roles(model_options, [int(_is_negative(name)) for name in wanted]),
        )
        return torch.cat(predictions)


def _is_negative(name: str) -> bool:
    return name.endswith("negative")


def _with_roles(model_options: dict[str, Any], roles: Sequence[int]) -> dict[str, Any]:
    """Model options under which patches see in `cond_or_uncond` the role of each conditioning, 0
    for one to follow and 1 for a negative, instead of its number.
    """
    inner = model_options.get("model_function_wrapper")

    def wrapper(apply_model: Callable[..., Tensor], call: dict[str, Any]) -> Tensor:
        cond_or_uncond = [roles[number] for number in call["cond_or_uncond"]]
        transformer_options = call["c"]["transformer_options"] | {"cond_or_uncond": cond_or_uncond}
        c = call["c"] | {"transformer_options": transformer_options}
        if inner:
            return inner(apply_model, call | {"c": c, "cond_or_uncond": cond_or_uncond})
        return apply_model(call["input"], call["timestep"], **c)

    return {**model_options, "model_function_wrapper": wrapper}


class ComfyDenoiser:
    """The model of a guider that is sampling, under the guider's conditionings.

    "positive" is guided by the guider's cfg where there is a "negative"; every other one is not.

    source: the latents `[B, C, ..., h, w]` that the run is about.
    """

    def __init__(
        self, guider: NamedCondsGuider, source: Tensor, model_options: dict[str, Any], seed: int
    ):
        self.guider = guider
        self.source = source
        self.model = guider.inner_model
        self.model_options = model_options
        self.seed = seed
        self._coverage: dict[tuple[str, float], Tensor] = {}
        self._last_sigma = 0.0

    def denoise(self, x: Tensor, sigma: float, conds: Sequence[str]) -> Sequence[Tensor]:
        """See `Denoiser`.  Where one of several conditionings does not act, all predict the same,
        so that there is no difference between them.
        """
        if sigma > self._last_sigma:
            rewind_keyframes(self.guider, sigma, self.model_options)
        self._last_sigma = sigma
        repeated = x.repeat(len(conds), *[1] * (x.ndim - 1))
        options = {**self.model_options, WANTED_CONDS: tuple(conds)}
        try:
            predictions = self.guider(
                repeated,
                repeated.new_full((len(repeated),), sigma),
                model_options=options,
                seed=self.seed,
            ).chunk(len(conds))
        except comfy.model_management.InterruptProcessingException:
            raise  # in ComfyUI 0.18 an Exception like others
        except Exception as error:
            if comfy.model_management.is_oom(error):
                raise
            raise NetworkError from error
        if len(conds) == 1:
            return predictions
        together = torch.stack([self.coverage(name, sigma) for name in conds]).all(0)
        together = together.repeat(len(x) // len(together), *[1] * (x.ndim - 1))
        return [torch.where(together, one, predictions[0]) for one in predictions]

    def coverage(self, name: str, sigma: float) -> Tensor:
        """Return where the named conditioning acts at `sigma`: bool `[B, 1, ..., h, w]`."""
        if (name, sigma) not in self._coverage:
            found = coverage(self.model, self.guider.conds[name], self.source, sigma)
            self._coverage[name, sigma] = found
        return self._coverage[name, sigma]

    def noise_scaling(self, sigma: float, noise: Tensor, latent: Tensor) -> Tensor:
        return self.model.model_sampling.noise_scaling(noise.new_tensor(sigma), noise, latent)

    def input_scale(self, sigma: float) -> float:
        at = torch.tensor(sigma, dtype=torch.float64)
        return float(self.model.model_sampling.calculate_input(at, torch.ones_like(at)))

    def fits_in_memory(self, latent: Tensor, conds: Sequence[str]) -> int:
        """Return how many latents `[B, C, ..., h, w]` under the named conditionings ComfyUI would
        evaluate in one call, by its own estimate of memory; 1 at least.  1 with context windows,
        which do not take repeated batches.
        """
        if self.model_options.get("context_handler") is not None:
            return 1
        shapes = defaultdict(list)  # such as that of reference latents
        for cond in (cond for name in conds for cond in self.guider.conds[name]):
            for key, value in cond["model_conds"].items():
                shapes[key].append(value.process_cond(batch_size=len(latent), area=None).size())
        free = comfy.model_management.get_free_memory(latent.device)
        input_shape = [len(conds) * len(latent), *latent.shape[1:]]
        needed = self.model.memory_required(input_shape, cond_shapes=shapes) * 1.5
        return max(1, int(free / needed))

    @property
    def device(self) -> torch.device:
        """Where the model samples."""
        return self.guider.model_patcher.load_device

    def from_samples(self, samples: Tensor, sigmas: Sequence[float]) -> Tensor:
        """Bring LATENTs' samples `[S, B, C, ..., h, w]`, each as noisy as its sigma says, to
        the model's scale and dtype."""
        latents = (
            self.model.process_latent_in(one.float()) * self._signal_scale(sigma)
            for one, sigma in zip(samples, sigmas, strict=True)
        )
        return _stack(len(samples), latents)

    def to_samples(self, latents: Tensor, sigmas: Sequence[float]) -> Tensor:
        """Bring latents `[S, B, C, ..., h, w]`, one for each sigma, to the scale and place
        of a LATENT, each such that a stock sampler can go on from it."""
        device = comfy.model_management.intermediate_device()
        samples = (
            self.model.process_latent_out(one / self._signal_scale(sigma)).to(device)
            for one, sigma in zip(latents, sigmas, strict=True)
        )
        return _stack(len(latents), samples)

    def _signal_scale(self, sigma: float) -> float:
        """What a stock sampler that adds no noise multiplies a LATENT with to begin at `sigma`: the
        clean latent's scale there.  1 where that is 0, flow models' pure noise, since no LATENT
        would do."""
        noise, latent = torch.zeros(1), torch.ones(1)
        return float(self.noise_scaling(sigma, noise, latent)) or 1.0


def _stack(count: int, latents: Iterator[Tensor]) -> Tensor:
    """`torch.stack` of so many latents without holding all of them twice."""
    first = next(latents)
    stack = first.new_empty(count, *first.shape)
    stack[0] = first
    for index, latent in enumerate(latents, start=1):
        stack[index] = latent
    return stack


Stage = Callable[[ComfyDenoiser, Tensor, StepCallback], Result]
"""A stage of the core: given the denoiser, the source latent at the model's scale, a callback."""


class StageSampler(comfy.samplers.Sampler):
    """Runs a stage where ComfyUI runs its samplers, and keeps what the stage returns."""

    def __init__(self, stage: Stage, steps: int):
        self.stage = stage
        self.steps = steps
        self.started = False
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

        self.started = True
        denoiser = ComfyDenoiser(
            model_wrap, latent_image, extra_args["model_options"], extra_args["seed"]
        )
        self.result = self.stage(denoiser, latent_image, on_step)
        return latent_image


def run_stage(
    model: Any,
    conds: dict[str, Any],
    source: Tensor,
    sigmas: Sequence[float],
    steps: int,
    stage: Stage,
    seed: int = 0,
    cfg: float = 1.0,
    previews: bool = True,
) -> Any:
    """Run a stage of the core on a MODEL, with progress, and return its result.

    conds: a CONDITIONING for each name that the stage asks for.  source: a LATENT's `samples`, the
    clean picture.  sigmas: the noise levels the stage visits, in any order.  steps: how often it
    calls back.  seed: for patches that draw from torch's own generator.  previews: show the latest
    `denoised` on the node; the editor shows it in the place of the node's own picture.

    Raises ValueError where the network cannot work with what it is given.
    """
    guider = NamedCondsGuider(model)
    guider.inner_set_conds({name: _with_prompt_type(name, cond) for name, cond in conds.items()})
    guider.set_cfg(cfg)
    sampler = StageSampler(stage, steps)
    torch.manual_seed(seed)  # as ComfyUI does before it samples
    try:
        guider.sample(
            torch.zeros_like(source),
            source,
            sampler,
            torch.tensor(sorted({*sigmas, 0.0}, reverse=True)),
            callback=_step_callback(guider.model_patcher, steps, previews),
            seed=seed,
        )
    except comfy.model_management.InterruptProcessingException:
        raise
    except Exception as error:
        network = not sampler.started or isinstance(error, NetworkError)
        if not network or comfy.model_management.is_oom(error):
            raise
        raise ValueError(_network_complaint(model, source, error)) from (error.__cause__ or error)
    return sampler.result


def _with_prompt_type(name: str, conditioning: list[Any]) -> list[Any]:
    prompt_type = "negative" if _is_negative(name) else "positive"
    return [[context, {"prompt_type": prompt_type, **rest}] for context, rest in conditioning]


def _network_complaint(model: Any, source: Tensor, error: Exception) -> str:
    reason = error_reason(error.__cause__ or error)[:120]
    multiple = model_facts.size_multiple(model)
    sides = [model_facts.cell_size(model) * side for side in source.shape[-2:]]
    fits = all(side % multiple == 0 for side in sides)
    wanted = "a larger picture" if fits else f"one whose sides are multiples of {multiple}"
    return (
        f"model: its network cannot work with what it is given ({reason}); encode all prompts with "
        f"the CLIP that belongs to the model, or in the place of the picture of {sides[1]}×"
        f"{sides[0]} pixels use {wanted}."
    )


def _step_callback(patcher: Any, steps: int, previews: bool) -> Callable[..., None]:
    """Moves the node's progress bar on, with or without a picture."""
    if previews:
        return latent_preview.prepare_callback(patcher, steps)
    bar = comfy.utils.ProgressBar(steps)
    return lambda step, denoised, x, total: bar.update_absolute(step + 1, total)
