"""Preview Heat Map: a heat map in colour over its picture, to look at or to save."""

from comfy_api.latest import io
from torch import Tensor

from .adapter.heat_overlay import heat_overlay
from .adapter.inputs import checked
from .adapter.pictures import pictures
from .adapter.preview import preview, shown


class DiffEditPreviewHeatMap(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditPreviewHeatMap",
            display_name="Preview Heat Map",
            category="DiffEdit",
            description="Shows a heat map in colour over its picture: the hotter a place, the "
            "brighter it glows.",
            search_aliases=["diffedit", "heatmap", "false colour", "overlay", "show mask"],
            inputs=[
                io.Mask.Input(
                    "heat_map",
                    tooltip="From DiffEdit Mask or DiffEdit, or any mask.",
                ),
                io.Image.Input(
                    "image",
                    optional=True,
                    tooltip="The picture that it belongs to. Left open, the heat map is shown "
                    "alone.",
                ),
            ],
            outputs=[io.Image.Output("overlay", display_name="image", tooltip="What is shown.")],
            is_output_node=True,
        )

    @classmethod
    @checked
    def execute(cls, heat_map: Tensor, image: Tensor | None = None) -> io.NodeOutput:
        heat = heat_map.cpu()
        picture = None if image is None else pictures(image, len(heat), heat.shape[-2:])
        overlay = heat_overlay(heat, picture)
        return io.NodeOutput(overlay, ui=shown(lambda: preview(overlay)))
