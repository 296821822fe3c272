"""Mask at Thresholds: one heat map at several thresholds, to choose among them."""

import torch
from comfy_api.latest import io
from torch import Tensor

from .adapter.inputs import checked
from .adapter.node_text import text_ui


class DiffEditMaskAtThresholds(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditMaskAtThresholds",
            display_name="Mask at Thresholds",
            category="DiffEdit",
            description="Shows what a heat map becomes at several thresholds, side by side in a "
            "batch: the lower, the more is in.",
            search_aliases=["diffedit", "threshold", "compare masks", "try thresholds"],
            inputs=[
                io.Mask.Input("heat_map", tooltip="From DiffEdit Mask or DiffEdit, or any mask."),
                io.Int.Input(
                    "count",
                    default=6,
                    min=1,
                    max=64,
                    tooltip="How many thresholds, spread evenly between 0 and 1: with 4 they are "
                    "0.2, 0.4, 0.6 and 0.8.",
                ),
            ],
            outputs=[
                io.Mask.Output(
                    "masks",
                    display_name="mask",
                    tooltip="A batch of masks: of each heat map one for each threshold, from low "
                    "to high.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, heat_map: Tensor, count: int) -> io.NodeOutput:
        thresholds = torch.arange(1, count + 1, device=heat_map.device) / (count + 1)
        masks = (heat_map[:, None] > thresholds[:, None, None]).float().flatten(0, 1)
        text = "threshold " + ", ".join(f"{one:.2f}" for one in thresholds.tolist())
        return io.NodeOutput(masks, ui=text_ui(text))
