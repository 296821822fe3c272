"""Masked DDIM Sample: remake the masked region under a prompt, return the rest untouched."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.blending import differential, linear
from ..diffedit_core.sampling import decoding_indices, masked_decode
from ..diffedit_core.solvers import ddim, stochastic_ddim
from .adapter.conditioning import check_conditioning
from .adapter.coverage import check_everywhere
from .adapter.denoiser import ComfyDenoiser, run_stage
from .adapter.inputs import checked
from .adapter.latents import latent_mask, latent_samples, with_source_outside
from .adapter.trajectory import Trajectory, detach
from .widgets.sampling import cfg_input, seed_input

MASK_MODES = {"linear": linear, "differential": differential}


class MaskedDDIMSample(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskedDDIMSample",
            display_name="Masked DDIM Sample",
            category="DiffEdit",
            description="Makes the edit: samples from DDIM Invert's noise down again, following "
            "the prompt inside the mask and the picture's own trajectory outside it. Outside the "
            "mask the result is the source latent, bit for bit.",
            search_aliases=[
                *("diffedit", "inpaint", "edit image", "masked sampler", "ddim", "replace object"),
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model that DDIM Invert used."),
                io.Conditioning.Input(
                    "positive", tooltip="What the picture should show: the whole of it, edited."
                ),
                io.Conditioning.Input(
                    "negative",
                    tooltip="What to steer away from: an empty prompt, or the source prompt for "
                    "a more decided edit.",
                ),
                io.Latent.Input(
                    "latent",
                    tooltip="From DDIM Invert or Noise Trajectory, which also set the noise "
                    "levels and from how much noise the edit can begin.",
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="White is remade, black stays, grey is between. One mask for all "
                    "pictures, one for each, or one for each frame of a video; of any size, it is "
                    "scaled to the picture.",
                ),
                cfg_input(
                    "How closely to follow the prompt. Higher edits more decidedly, lower "
                    "stays closer to the picture. Good: 3 to 10; 1 ignores the negative prompt.",
                ),
                io.Float.Input(
                    "start",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="Where on DDIM Invert's trajectory to begin: 1 at its noisy end, 0.5 "
                    "in the middle. Lower changes less, without inverting again.",
                ),
                io.Int.Input(
                    "steps",
                    default=0,
                    min=0,
                    max=1000,
                    advanced=True,
                    tooltip="How many steps to take from there, spread evenly over those of DDIM "
                    "Invert. 0 takes every one, and so does any larger number.",
                ),
                io.Float.Input(
                    "eta",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    advanced=True,
                    tooltip="How much of the noise each step renews. 0 follows the inversion; "
                    "higher frees the edit from the old thing's shapes and varies with the seed.",
                ),
                io.Combo.Input(
                    "mask_mode",
                    options=list(MASK_MODES),
                    default="linear",
                    advanced=True,
                    tooltip="What grey in the mask means. linear: a mix of edit and picture at "
                    "every step. differential: the darker, the later the edit begins there, so "
                    "that it changes less without looking mixed.",
                ),
                seed_input(
                    "Chooses the noise that eta renews. Without eta it changes nothing.",
                    advanced=True,
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "edited", display_name="latent", tooltip="The edited picture, for VAE Decode."
                )
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        model: Any,
        positive: list[Any],
        negative: list[Any],
        latent: dict[str, Any],
        mask: Tensor,
        cfg: float,
        start: float,
        steps: int,
        eta: float,
        mask_mode: str,
        seed: int,
    ) -> io.NodeOutput:
        latent, trajectory = detach(latent)
        samples = latent_samples(model, latent)
        check_conditioning(model, "positive", positive, samples)
        check_conditioning(model, "negative", negative, samples)
        weight = latent_mask(model, mask, samples)
        latents, sigmas = _visited(trajectory, start, steps)

        def stage(denoiser: ComfyDenoiser, _, callback) -> Tensor:
            for name in ("positive",) if cfg == 1 else ("positive", "negative"):
                check_everywhere(denoiser, name, name, sigmas[1:], weight)
            indices = latent.get("batch_index")
            solver = stochastic_ddim(denoiser, eta, seed, indices) if eta else ddim
            edit = masked_decode(
                denoiser,
                denoiser.from_samples(latents, sigmas),
                sigmas,
                weight.to(denoiser.device),
                solver=solver,
                mask_mode=MASK_MODES[mask_mode],
                callback=callback,
            )
            return denoiser.to_samples(edit[None], [0.0])[0]

        conds = {"positive": positive, "negative": negative}
        edit = run_stage(
            model,
            conds,
            trajectory.latents[0],
            sigmas=sigmas,
            steps=len(sigmas) - 1,
            stage=stage,
            seed=seed,
            cfg=cfg,
        )
        edited = with_source_outside(edit, trajectory.latents[0], weight)
        guided = 1 if cfg == 1 else len(conds)
        evaluations = (len(sigmas) - 1) * len(samples) * guided
        return io.NodeOutput({**latent, "samples": edited}, ui={"evaluations": [evaluations]})


def _visited(trajectory: Trajectory, start: float, steps: int) -> Trajectory:
    """The latents of the trajectory that the sampler visits.

    Raises ValueError where `start` leaves no step.
    """
    top = len(trajectory.sigmas) - 1
    indices = decoding_indices(top, start, steps)
    if len(indices) == 1:
        raise ValueError(
            f"start: {start:g} of the inversion's {top} steps leaves no step to take; raise start."
        )
    return Trajectory(trajectory.latents[indices], [trajectory.sigmas[i] for i in indices])
