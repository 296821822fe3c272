"""Load Language Model: a model that writes, for Concept Prompts."""

from comfy_api.latest import io

from .language_models.choice import Kind, model_input
from .language_models.files import TOKENIZER
from .language_models.loader_node import ModelLoader

LANGUAGE_MODEL = io.Custom("DIFFEDIT_LANGUAGE_MODEL")


class DiffEditLanguageModelLoader(ModelLoader):
    KIND = Kind(
        name="language model",
        example="google/flan-t5-base",
        architectures=("ForCausalLM", "LMHeadModel", "ForConditionalGeneration"),
        only_text=True,
        needed=[TOKENIZER],
        module="writing",
    )

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditLanguageModelLoader",
            display_name="Load Language Model",
            category="DiffEdit",
            description="Loads a model that writes text, such as Flan-T5, for Concept Prompts.",
            search_aliases=["diffedit", "t5", "flan", "llm", "transformers", "text generation"],
            inputs=[model_input(cls.KIND)],
            outputs=[
                LANGUAGE_MODEL.Output(
                    "language_model", tooltip="The language model, for Concept Prompts."
                )
            ],
        )
