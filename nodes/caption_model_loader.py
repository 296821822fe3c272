"""Load Caption Model: a model that says what a picture shows, for Image Caption."""

from comfy_api.latest import io

from .language_models.choice import Kind, model_input
from .language_models.files import PREPROCESSOR, TOKENIZER
from .language_models.loader_node import ModelLoader

CAPTION_MODEL = io.Custom("DIFFEDIT_CAPTION_MODEL")


class DiffEditCaptionModelLoader(ModelLoader):
    KIND = Kind(
        name="BLIP caption model",
        example="Salesforce/blip-image-captioning-large",
        architectures=("BlipForConditionalGeneration",),
        only_text=False,
        needed=[TOKENIZER, PREPROCESSOR],
        module="captioning",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditCaptionModelLoader",
            display_name="Load Caption Model",
            category="DiffEdit",
            description="Loads a BLIP model, which says in words what a picture shows, for Image "
            "Caption.",
            search_aliases=["diffedit", "blip", "captioning", "image to text", "transformers"],
            inputs=[model_input(cls.KIND)],
            outputs=[
                CAPTION_MODEL.Output(
                    "caption_model", tooltip="The caption model, for Image Caption."
                )
            ],
        )
