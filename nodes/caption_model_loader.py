"""Load Caption Model: a model that says what a picture shows, for Image Caption."""

from comfy_api.latest import io
from transformers import BlipForConditionalGeneration, BlipProcessor

from .language_models.choice import Download, Kind, chosen_folder, model_input
from .language_models.files import PREPROCESSOR, TOKENIZER
from .language_models.transformers_model import load_folder

CAPTION_MODEL = io.Custom("CAPTION_MODEL")

KIND = Kind(
    name="BLIP caption model",
    model_types={"blip"},
    needed=[TOKENIZER, PREPROCESSOR],
    downloads=[Download("Salesforce/blip-image-captioning-large", "1.88 GB, BSD-3-Clause")],
)


class CaptionModelLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="CaptionModelLoader",
            display_name="Load Caption Model",
            category="DiffEdit",
            description="Loads a BLIP model, which says in words what a picture shows, for Image "
            "Caption.",
            search_aliases=["blip", "captioning", "transformers"],
            inputs=[model_input(KIND)],
            outputs=[
                CAPTION_MODEL.Output(
                    "caption_model", tooltip="The caption model, for Image Caption."
                )
            ],
            hidden=[io.Hidden.unique_id],
        )

    @classmethod
    def validate_inputs(cls, model: str) -> bool:
        return True  # for a model that is not in the list, `execute` says what to do

    @classmethod
    def execute(cls, model: str) -> io.NodeOutput:
        folder = chosen_folder(cls, KIND, model)
        return io.NodeOutput(load_folder(folder, BlipForConditionalGeneration, BlipProcessor))
