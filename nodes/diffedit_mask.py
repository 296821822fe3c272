"""DiffEdit Mask: find the region to change by comparing two prompts."""

from typing import Any

from comfy_api.latest import io, ui

from ..diffedit_core import mask as core
from .comfy_denoiser import run_stage
from .inputs import check_conditioning, latent_samples


class DiffEditMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditMask",
            display_name="DiffEdit Mask",
            category="DiffEdit",
            description="Finds the part of a picture that has to change to turn one prompt into "
            "another, without painting: it adds noise to the picture and looks where the model's "
            "predictions for the two prompts differ.",
            search_aliases=["auto mask", "automatic mask", "text mask", "heat map", "segment"],
            inputs=[
                io.Model.Input("model", tooltip="The model that compares the two prompts."),
                io.Conditioning.Input(
                    "source",
                    tooltip="What the picture shows now. A full caption finds the region better "
                    "than an empty prompt.",
                ),
                io.Conditioning.Input(
                    "target",
                    tooltip="What the picture should show. Repeat the source prompt and change "
                    "only the words of the edit.",
                ),
                io.Latent.Input("latent", tooltip="The picture, from VAE Encode."),
                io.Float.Input(
                    "strength",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much noise to compare in, from 0 (none) to 1 (nothing but "
                    "noise). Good: 0.4 to 0.6. Low values see only details, high values forget "
                    "the picture.",
                ),
                io.Int.Input(
                    "draws",
                    default=10,
                    min=1,
                    max=100,
                    tooltip="How many random noises to average over. More give a steadier mask; "
                    "each costs two model evaluations. Good: 5 to 20.",
                ),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Chooses the random noises. The same seed gives the same mask.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "mask",
                    display_name="mask",
                    tooltip="White where the prompts differ by more than 1.5 times the average. "
                    "Ready to use, if rough.",
                ),
                io.Mask.Output(
                    "heat_map",
                    display_name="heat_map",
                    tooltip="How much each place would change, 0 to 1. Connect it to Mask Refine.",
                ),
            ],
            has_intermediate_output=True,
        )

    @classmethod
    def execute(
        cls,
        model: Any,
        source: list[Any],
        target: list[Any],
        latent: dict[str, Any],
        strength: float,
        draws: int,
        seed: int,
    ) -> io.NodeOutput:
        if strength == 0:
            raise ValueError(
                "strength: at 0 there is no noise to compare the prompts in; raise it, 0.5 is a "
                "good start."
            )
        samples = latent_samples(model, latent)
        check_conditioning(model, "source", source)
        check_conditioning(model, "target", target)
        model_sampling = model.get_model_object("model_sampling")
        # percent_to_sigma answers "beyond all levels" for the very start.
        sigma = min(model_sampling.percent_to_sigma(1 - strength), float(model_sampling.sigma_max))

        def stage(denoiser, x0, callback):
            indices = latent.get("batch_index")
            return core.difference_map(denoiser, x0, sigma, draws, seed, indices, callback).cpu()

        conds = {"positive": target, "source": source}
        difference = run_stage(model, conds, samples, [sigma, 0.0], draws, stage, previews=False)
        soft = core.soft_mask(difference)
        factor = model.get_model_object("latent_format").spacial_downscale_ratio
        mask = core.image_sized(core.binary_mask(difference), factor, "nearest")
        heat_map = core.image_sized(soft, factor, "bilinear")
        return io.NodeOutput(mask, heat_map, ui=ui.PreviewMask(heat_map, cls=cls))
