"""Masked FlowEdit: remake the masked region under a prompt without inverting the picture first."""

from typing import Any

from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.flow_edit import masked_flow_edit
from .adapter.conditioning import check_conditioning, check_guidance
from .adapter.coverage import check_everywhere
from .adapter.denoiser import ComfyDenoiser, run_stage
from .adapter.inputs import checked
from .adapter.latents import (
    latent_mask,
    latent_samples,
    with_source_outside,
    without_size,
)
from .adapter.node_text import text_ui
from .adapter.schedule import inversion_sigmas
from .widgets.sampling import cfg_input, seed_input
from .widgets.schedule import schedule_inputs, sigmas_input


class DiffEditFlowEdit(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditFlowEdit",
            display_name="Masked FlowEdit",
            category="DiffEdit",
            description="Makes the edit in one go, in the place of DDIM Invert and Masked DDIM "
            "Sample: moves the picture from what source says to what target says, inside the mask. "
            "Outside the mask the result is the source latent, bit for bit.",
            search_aliases=[
                *("diffedit", "flowedit", "inversion-free", "edit image", "replace object"),
                *("inpaint", "sampler"),
            ],
            inputs=[
                io.Model.Input("model", tooltip="The model that makes the edit."),
                io.Conditioning.Input(
                    "source", tooltip="What the picture shows now: the whole of it."
                ),
                io.Conditioning.Input(
                    "target",
                    tooltip="What the picture should show. Repeat the source prompt and change "
                    "only the words of the edit.",
                ),
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                io.Mask.Input(
                    "mask",
                    tooltip="White is remade, black stays, grey is a mix. One mask for all "
                    "pictures, one for each, or one for each frame of a video; of any size, it is "
                    "scaled to the picture.",
                ),
                *schedule_inputs(),
                cfg_input(
                    "How closely to follow target. Higher edits more decidedly, lower stays closer "
                    "to the picture. Good: 3 to 10; 1 for Flux and its like, and then no negative "
                    "is needed and a step costs two model evaluations instead of three.",
                ),
                seed_input(
                    "Chooses the noises, and with them the variant of the edit.",
                ),
                io.Conditioning.Input(
                    "negative",
                    optional=True,
                    tooltip="What to steer away from: an empty prompt. Only used with a cfg other "
                    "than 1.",
                ),
                sigmas_input(),
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
        source: list[Any],
        target: list[Any],
        latent: dict[str, Any],
        mask: Tensor,
        steps: int,
        strength: float,
        scheduler: str,
        cfg: float,
        seed: int,
        negative: list[Any] | None = None,
        sigmas: Tensor | None = None,
    ) -> io.NodeOutput:
        samples = latent_samples(model, latent)
        rising = inversion_sigmas(model, steps, strength, scheduler, sigmas)
        check_guidance(cfg, negative)
        prompts = {"source": source, "target": target}
        if negative is not None and cfg != 1:
            prompts["negative"] = negative
        for name, conditioning in prompts.items():
            check_conditioning(model, name, conditioning, samples)
        weight = latent_mask(model, mask, samples)
        # ComfyUI guides what is "positive", by the negative.
        conds = {"positive" if name == "target" else name: one for name, one in prompts.items()}

        def stage(denoiser: ComfyDenoiser, x0: Tensor, callback) -> Tensor:
            for cond, name in zip(conds, prompts, strict=True):
                check_everywhere(denoiser, cond, name, rising[1:], weight)
            edit = masked_flow_edit(
                denoiser,
                x0,
                rising,
                weight.to(denoiser.device),
                seed=seed,
                indices=latent.get("batch_index"),
                callback=callback,
            )
            return denoiser.to_samples(edit[None], [0.0])[0]

        edit = run_stage(
            model,
            conds,
            samples,
            sigmas=rising,
            steps=len(rising) - 1,
            stage=stage,
            seed=seed,
            cfg=cfg,
        )
        evaluations = (len(rising) - 1) * len(prompts) * len(samples)
        edited = {**without_size(latent), "samples": with_source_outside(edit, samples, weight)}
        text = f"{len(rising) - 1} steps, {evaluations} model evaluations"
        return io.NodeOutput(edited, ui={**text_ui(text), "evaluations": [evaluations]})
