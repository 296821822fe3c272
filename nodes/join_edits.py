"""Join Edits: two edits of one picture, to be made in one pass."""

from typing import Any

import comfy.utils
import torch
from comfy_api.latest import io
from torch import Tensor

from ..diffedit_core.partition import first_region
from .adapter.checks import check_count
from .adapter.inputs import checked
from .adapter.pictures import mask_values


class DiffEditJoinEdits(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditJoinEdits",
            display_name="Join Edits",
            category="DiffEdit",
            description="Makes one edit of two, so that one DDIM Invert and one Masked DDIM Sample "
            "do both: each target prompt acts in the region of its own mask. For a third edit, "
            "join the outcome with it by another Join Edits.",
            search_aliases=[
                *("diffedit", "several edits", "multiple edits", "two edits", "combine edits"),
                *("regional prompt", "merge masks"),
            ],
            inputs=[
                io.Mask.Input("mask_a", tooltip="Where the first edit is to be made."),
                io.Conditioning.Input(
                    "target_a",
                    tooltip="What the picture should show after the first edit: the source prompt "
                    "with the words of that edit changed.",
                ),
                io.Mask.Input("mask_b", tooltip="Where the second edit is to be made."),
                io.Conditioning.Input(
                    "target_b",
                    tooltip="What the picture should show after the second edit.",
                ),
                io.Mask.Input(
                    "heat_map_a",
                    optional=True,
                    tooltip="DiffEdit Mask's heat_map for the first edit. Where the masks overlap, "
                    "a place goes to the edit with the stronger heat. Left open, the mask itself "
                    "is the heat.",
                ),
                io.Mask.Input(
                    "heat_map_b",
                    optional=True,
                    tooltip="DiffEdit Mask's heat_map for the second edit. Left open, the mask "
                    "itself is the heat.",
                ),
            ],
            outputs=[
                io.Mask.Output("mask", tooltip="Both masks together, for Masked DDIM Sample."),
                io.Conditioning.Output(
                    "target",
                    tooltip="Both targets, each for its own region: Masked DDIM Sample's positive.",
                ),
                io.Mask.Output(
                    "heat_map",
                    tooltip="Each place's heat of the edit it belongs to, for another Join Edits.",
                ),
            ],
        )

    @classmethod
    @checked
    def execute(
        cls,
        mask_a: Tensor,
        target_a: list[Any],
        mask_b: Tensor,
        target_b: list[Any],
        heat_map_a: Tensor | None = None,
        heat_map_b: Tensor | None = None,
    ) -> io.NodeOutput:
        given = {
            "mask_a": mask_a,
            "mask_b": mask_b,
            "heat_map_a": mask_a if heat_map_a is None else heat_map_a,
            "heat_map_b": mask_b if heat_map_b is None else heat_map_b,
        }
        mask_a, mask_b, heat_a, heat_b = _alike(given)
        regions_a = _regions("target_a", target_a, mask_a)
        regions_b = _regions("target_b", target_b, mask_b)
        mask_a, mask_b = mask_a * regions_a.any(0), mask_b * regions_b.any(0)
        first = first_region(mask_a, mask_b, heat_a, heat_b)
        target = [*_within(first, target_a, regions_a), *_within(~first, target_b, regions_b)]
        heat = torch.where(first, heat_a, heat_b)
        return io.NodeOutput(torch.maximum(mask_a, mask_b), target, heat)


def _alike(given: dict[str, Tensor]) -> list[Tensor]:
    """The MASKs of the inputs named so as float32 `[B, H, W]` in 0..1 on the CPU, all of one shape.

    Raises ValueError where they are not of one size, or neither one for all nor one each.
    """
    masks = {name: mask.cpu() for name, mask in given.items()}
    height, width = masks["mask_a"].shape[-2:]
    count = max(map(len, masks.values()))
    for name, mask in masks.items():
        if mask.shape[-2:] != (height, width):
            raise ValueError(
                f"{name}: it is {mask.shape[-1]}×{mask.shape[-2]} pixels and mask_a is "
                f"{width}×{height}; connect masks of one and the same picture."
            )
        check_count(name, "mask", len(mask), count)
    return [mask.expand(count, -1, -1) for mask in masks.values()]


def _regions(name: str, conditioning: list[Any], mask: Tensor) -> Tensor:
    """Where each prompt of the CONDITIONING of the input `name` acts, `[prompts, B, H, W]` in 0..1:
    everywhere, or in the region it has from another Join Edits or Conditioning Set Mask.
    """
    regions = []
    for _, options in conditioning:
        region = torch.ones_like(mask)
        if "mask" in options:
            own = mask_values(options["mask"], name).cpu()
            check_count(name, "region", len(own), len(mask), "masks")
            height, width = mask.shape[-2:]
            own = comfy.utils.common_upscale(own[:, None], width, height, "bilinear", "disabled")
            region = region * own[:, 0]
        regions.append(region)
    return torch.stack(regions)


def _within(area: Tensor, conditioning: list[Any], regions: Tensor) -> list[Any]:
    """The CONDITIONING, acting only in the area, bool `[B, H, W]`, and there in its regions.

    Where none of its prompts acts they all do: ComfyUI predicts nothing where no prompt acts, which
    would spoil the cells at the edges of the mask.
    """
    regions = torch.where(regions.any(0), regions, 1.0) * area
    return [
        [context, {**options, "mask": region}]
        for (context, options), region in zip(conditioning, regions, strict=True)
    ]
