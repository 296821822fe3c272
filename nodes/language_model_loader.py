"""Load Language Model: a model that writes, for Concept Prompts."""

from comfy_api.latest import io
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES,
)
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from .language_models.choice import Download, Kind, chosen_folder, model_input
from .language_models.files import TOKENIZER
from .language_models.folders import read_config
from .language_models.transformers_model import load_folder

LANGUAGE_MODEL = io.Custom("LANGUAGE_MODEL")

SEQ_TO_SEQ = set(MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
# BERT and its like, which fill gaps in a text, write only as a part of another model.
DECODERS = set(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES) - set(MODEL_FOR_MASKED_LM_MAPPING_NAMES)
# What takes more than text has a processor.
NOT_ONLY_TEXT = {*PROCESSOR_MAPPING_NAMES, *MODEL_FOR_TEXT_TO_WAVEFORM_MAPPING_NAMES}

KIND = Kind(
    name="language model",
    model_types=(SEQ_TO_SEQ | DECODERS) - NOT_ONLY_TEXT,
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
        seq_to_seq = read_config(folder)["model_type"] in SEQ_TO_SEQ
        network_class = AutoModelForSeq2SeqLM if seq_to_seq else AutoModelForCausalLM
        return io.NodeOutput(load_folder(folder, network_class, AutoTokenizer))
