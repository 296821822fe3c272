"""DiffEdit Demo Model: the small Stable Diffusion that comes with the pack."""

from comfy_api.latest import io

from .adapter.demo_checkpoint import FOLDER, load
from .adapter.inputs import checked


class DiffEditDemoModel(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditDemoModel",
            display_name="DiffEdit Demo Model",
            category="DiffEdit",
            description="Loads the small model that comes with the pack, to try DiffEdit in "
            "seconds without a download. It knows only its own little still lifes: for real "
            "pictures use a Stable Diffusion checkpoint.",
            search_aliases=["diffedit", "tiny model", "example model", "test model", "checkpoint"],
            outputs=[
                io.Model.Output("model", tooltip="The diffusion model."),
                io.Clip.Output("clip", tooltip="The text encoder, for CLIP Text Encode."),
                io.Vae.Output("vae", tooltip="The autoencoder, for VAE Encode and VAE Decode."),
            ],
        )

    @classmethod
    @checked
    def execute(cls) -> io.NodeOutput:
        return io.NodeOutput(*load(FOLDER))
