"""Masked DDIM Sample: remake the masked region under a prompt, return the rest untouched."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.mask import latent_sized
from ..diffedit_core.sampling import masked_decode
from .comfy_denoiser import run_stage
from .inputs import check_conditioning, latent_samples, mask_values
from .trajectory import detach


class MaskedDDIMSample(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="MaskedDDIMSample",
            display_name="Masked DDIM Sample",
            category="DiffEdit",
            description="Makes the edit: goes down again from DDIM Invert's noise, following the "
            "prompt inside the mask and the picture's own way outside it. Outside the mask the "
            "result is the source latent, bit for bit.",
            search_aliases=["diffedit", "inpaint", "edit image", "masked sampler", "ddim"],
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
                    "latent", tooltip="From DDIM Invert, which also sets steps and strength."
                ),
                io.Mask.Input(
                    "mask",
                    tooltip="White is remade, black stays, grey is a mix. One mask for all "
                    "pictures or one for each; of any size, it is scaled to the picture.",
                ),
                io.Float.Input(
                    "cfg",
                    default=7.5,
                    min=0.0,
                    max=100.0,
                    step=0.1,
                    round=0.01,
                    tooltip="How closely to follow the prompt. Higher edits more decidedly, lower "
                    "stays closer to the picture. Good: 3 to 10; 1 ignores the negative prompt.",
                ),
            ],
            outputs=[
                io.Latent.Output(
                    "edited", display_name="latent", tooltip="The edited picture, for VAE Decode."
                )
            ],
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        positive: list[Any],
        negative: list[Any],
        latent: dict[str, Any],
        mask: Tensor,
        cfg: float,
    ) -> io.NodeOutput:
        latent, trajectory = detach(latent)
        top = latent_samples(model, latent)
        check_conditioning(model, "positive", positive)
        check_conditioning(model, "negative", negative)
        weight = _latent_weight(mask, top)
        steps = len(trajectory.sigmas) - 1

        def stage(denoiser, _, callback):
            latents = denoiser.from_samples(trajectory.latents)
            edit = masked_decode(denoiser, latents, trajectory.sigmas, weight.to(latents), callback)
            return denoiser.to_samples(edit)

        conds = {"positive": positive, "negative": negative}
        edit = run_stage(model, conds, top, trajectory.sigmas[::-1], steps, stage, cfg)
        # The model's scale and back again has rounded the background.
        source = trajectory.latents[0].to(edit.device)
        samples = torch.where(weight.to(edit.device) > 0, edit, source)
        return io.NodeOutput({**latent, "samples": samples})


def _latent_weight(mask: Tensor, samples: Tensor) -> Tensor:
    """The mask at the latent's size, shaped to broadcast against `samples` `[B, C, ..., h, w]`.

    Raises ValueError where there is neither one mask for all pictures nor one for each.
    """
    mask = latent_sized(mask_values(mask), samples.shape[-2:])
    if len(mask) not in (1, len(samples)):
        raise ValueError(
            f"mask: there are {len(mask)} masks for {len(samples)} pictures in the latent; connect "
            "one mask for all or one for each."
        )
    return mask.reshape(len(mask), *[1] * (samples.ndim - 3), *mask.shape[-2:])
