"""Load Language Model: a model that writes, for Concept Prompts."""

from comfy_api.latest import io
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from .language_models.choice import Download, Kind, chosen_folder, model_input
from .language_models.files import TOKENIZER
from .language_models.folders import model_type
from .language_models.transformers_model import load_folder

LANGUAGE_MODEL = io.Custom("LANGUAGE_MODEL")

KIND = Kind(
    name="language model",
    model_types={
        *MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    },
    needed=[TOKENIZER],
    downloads=[
        Download("google/flan-t5-base", "0.99 GB, Apache-2.0"),
        Download("google/flan-t5-large", "3.13 GB, Apache-2.0"),
    ],
)


class LanguageModelLoader(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="LanguageModelLoader",
            display_name="Load Language Model",
            category="DiffEdit",
            description="Loads a model that writes text, such as Flan-T5, for Concept Prompts.",
            search_aliases=["t5", "flan", "llm", "transformers", "text generation"],
            inputs=[model_input(KIND)],
            outputs=[
                LANGUAGE_MODEL.Output(
                    "language_model", tooltip="The language model, for Concept Prompts."
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
        seq2seq = model_type(folder) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
        network_class = AutoModelForSeq2SeqLM if seq2seq else AutoModelForCausalLM
        return io.NodeOutput(load_folder(folder, network_class, AutoTokenizer))
