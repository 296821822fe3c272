"""DiffEdit Mask: find the region to change by comparing two prompts."""

from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.guidance import GuidedDenoiser
from ..diffedit_core.mask import Differences, find_differences
from ..diffedit_core.recipes import Recipe, heat_map
from ..diffedit_core.refine import refined_mask
from ..diffedit_core.sizes import image_sized
from .adapter.conditioning import check_conditioning, same_conditioning
from .adapter.coverage import overlap
from .adapter.denoiser import ComfyDenoiser, run_stage
from .adapter.heat_overlay import heat_overlay
from .adapter.inputs import checked
from .adapter.latents import latent_samples, without_size
from .adapter.model_facts import cell_size
from .adapter.node_text import text_ui
from .adapter.pictures import pictures, vae_crop
from .adapter.preview import is_looked_at, preview, shown
from .adapter.schedule import mask_sigmas
from .widgets.recipe import chosen_recipe, recipe_input
from .widgets.sampling import cfg_input, seed_input

# Of the map's mean: with it an adaptive mask of the demo model is as good as one of all draws.
TOLERANCE = 0.2


class DiffEditMask(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        schema = io.Schema(
            node_id="DiffEditMask",
            display_name="DiffEdit Mask",
            category="DiffEdit",
            description="Finds the region of a picture that has to change to turn one prompt into "
            "another, without painting: it adds noise to the picture and looks where the model's "
            "predictions for the two prompts differ.",
            search_aliases=[
                *("auto mask", "automatic mask", "text mask", "text to mask", "mask by prompt"),
                *("prompt mask", "mask from text", "heat map", "segment", "segmentation"),
                "difference",
            ],
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
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture itself. Connect it: the heat map is shown over it, and "
                    "the mask of the auto recipe follows its edges.",
                ),
                io.Float.Input(
                    "strength",
                    default=0.5,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    tooltip="How much noise to compare in, from 0 (none) to 1 (nothing but "
                    "noise), the same on every model. Good: 0.4 to 0.6. Low values see only "
                    "details, high values forget the picture.",
                ),
                io.Int.Input(
                    "draws",
                    default=6,
                    min=1,
                    max=100,
                    tooltip="How many random noises to average over. More give a steadier mask; "
                    "each costs two model evaluations. Good: 4 to 20, in even numbers.",
                ),
                io.Boolean.Input(
                    "adaptive",
                    default=False,
                    tooltip="Stop before all draws are done, as soon as the heat map has settled. "
                    "The node says how many it took.",
                ),
                seed_input("Chooses the random noises. The same seed gives the same mask."),
                recipe_input(),
                io.Conditioning.Input(
                    "source_negative",
                    optional=True,
                    tooltip="A negative prompt that belongs to the source. Only worth connecting "
                    "together with a different target_negative.",
                ),
                io.Conditioning.Input(
                    "target_negative",
                    optional=True,
                    tooltip="A negative prompt that belongs to the target. Where it differs from "
                    "source_negative, a draw costs four model evaluations instead of two.",
                ),
                cfg_input(
                    "How strongly two different negative prompts push. Without them it "
                    "changes nothing.",
                    advanced=True,
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "mask",
                    display_name="mask",
                    tooltip="White where the picture has to change, by the recipe's threshold. "
                    "Ready to use.",
                ),
                io.Mask.Output(
                    "heat_map",
                    display_name="heat_map",
                    tooltip="How much each place would change, 0 to 1. Connect it to Mask Refine.",
                ),
                io.Latent.Output(
                    "source_prediction",
                    display_name="source_prediction",
                    tooltip="What the model takes the noised picture for under source, the mean of "
                    "all draws. Decode it to look at it.",
                ),
                io.Latent.Output(
                    "target_prediction",
                    display_name="target_prediction",
                    tooltip="The same under target. The mask is where the two differ.",
                ),
            ],
            hidden=[io.Hidden.extra_pnginfo],
        )
        schema.has_intermediate_output = True  # an argument that ComfyUI 0.18 does not know
        return schema

    @classmethod
    @checked
    def execute(
        cls,
        model: Any,
        source: list[Any],
        target: list[Any],
        latent: dict[str, Any],
        strength: float,
        draws: int,
        adaptive: bool,
        seed: int,
        cfg: float,
        recipe: Any = None,
        image: Tensor | None = None,
        source_negative: list[Any] | None = None,
        target_negative: list[Any] | None = None,
    ) -> io.NodeOutput:
        chosen, spread = chosen_recipe(recipe)
        samples = latent_samples(model, latent)
        conds = _conds(model, source, target, source_negative, target_negative, samples)
        size = _mask_size(model, samples, image)
        picture = None if image is None else pictures(image, len(samples), size, "latents")
        sigmas = mask_sigmas(model, strength, spread)
        negatives = {"source": "source_negative", "target": "target_negative"}
        tolerance = TOLERANCE if adaptive else 0.0

        def stage(
            denoiser: ComfyDenoiser, x0: Tensor, callback
        ) -> tuple[Differences, Tensor, Tensor]:
            region = overlap(denoiser, list(conds), sigmas)
            batch = denoiser.fits_in_memory(x0, list(conds))
            guided = "source_negative" in conds
            found = find_differences(
                GuidedDenoiser(denoiser, cfg, negatives) if guided else denoiser,
                x0,
                sigmas,
                draws=draws,
                seed=seed,
                indices=latent.get("batch_index"),
                batch=batch,
                tolerance=tolerance,
                callback=callback,
            )
            both = torch.stack((found.source, found.target))
            return found, region, denoiser.to_samples(both, [0.0, 0.0])

        found, region, predictions = run_stage(
            model,
            conds,
            samples,
            sigmas=sigmas,
            steps=draws,
            stage=stage,
            seed=seed,
            previews=False,
        )
        mask, heat = _masks(found.map.cpu(), region.cpu(), chosen, size, picture)
        # A batch goes on as a whole until its last picture has settled.
        evaluations = len(conds) * max(found.draws) * len(found.draws)
        text = _summary(found, evaluations, same_conditioning(source, target))
        # A program is spared the heat map, which would come first among its pictures.
        said = (
            shown(lambda: preview(heat_overlay(heat, picture)), text)
            if is_looked_at(cls)
            else text_ui(text)
        )
        decodable = [{**without_size(latent), "samples": samples} for samples in predictions]
        return io.NodeOutput(
            mask,
            heat,
            *decodable,
            ui={**said, "draws": found.draws, "evaluations": [evaluations]},
        )


def _masks(
    differences: Tensor,
    region: Tensor,
    recipe: Recipe,
    size: tuple[int, int],
    picture: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """The mask and the heat map, both `[B, H, W]`.

    differences: `[B, h, w]`.  region: bool `[B, h, w]`, where the prompts act.  size: `(H, W)`.
    """
    soft = heat_map(differences, recipe)
    heat = image_sized(soft, size, "bilinear")
    if recipe.threshold is None:
        mask = refined_mask(heat, picture=picture)
    else:
        mask = image_sized((soft > recipe.threshold).float(), size, "nearest")
    # Neither enlarging nor the picture's edges carry a mask out of a prompt's own region.
    inside = image_sized(region.float(), size, "nearest")
    return mask * inside, heat * inside


def _summary(found: Differences, evaluations: int, same: bool) -> str:
    """What it took, and whether there was nothing to find, in words."""
    counts = " / ".join(str(count) for count in found.draws)
    text = f"{counts} draws, {evaluations} model evaluations"
    if same:
        return f"{text}\nsource and target say the same: there is nothing to find"
    if not found.map.flatten(1).any(1).all():
        return (
            f"{text}\nnothing found: to the model both prompts mean the same, nothing will change"
        )
    return text


def _mask_size(model: Any, samples: Tensor, image: Tensor | None) -> tuple[int, int]:
    """The picture's size `(H, W)`: that of whole cells, unless a picture of another size, of
    which VAE Encode cannot have cropped those, says more.
    """
    height, width = (cell_size(model) * side for side in samples.shape[-2:])
    if image is None or vae_crop(image.shape[1:3], (height, width)):
        return height, width
    return image.shape[1], image.shape[2]


def _conds(
    model: Any,
    source: list[Any],
    target: list[Any],
    source_negative: list[Any] | None,
    target_negative: list[Any] | None,
    samples: Tensor,
) -> dict[str, list[Any]]:
    """The conditionings to evaluate: negative ones only where they differ, since equal ones cancel
    out of the difference.
    """
    conds = {"source": source, "target": target}
    check_conditioning(model, "source", source, samples)
    check_conditioning(model, "target", target, samples)
    negatives = {"source_negative": source_negative, "target_negative": target_negative}
    connected = {name: negative for name, negative in negatives.items() if negative is not None}
    if len(connected) == 1:
        (name,) = negatives.keys() - connected
        raise ValueError(
            f"{name}: connect it too, an empty prompt if there is nothing to avoid; a negative "
            "prompt on one side alone cannot be compared."
        )
    for name, negative in connected.items():
        check_conditioning(model, name, negative, samples)
    if connected and not same_conditioning(*connected.values()):
        conds |= connected
    return conds
