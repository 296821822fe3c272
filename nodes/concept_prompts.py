"""Concept Prompts: many captions for one word, written by a language model.

As diffusers' guide to DiffEdit makes the prompts whose embeddings it averages
(https://huggingface.co/docs/diffusers/using-diffusers/diffedit#generate-source-and-target-embeddings).
"""

from typing import Any

from comfy_api.latest import io

from .adapter.inputs import checked
from .adapter.node_text import text_ui
from .language_model_loader import LANGUAGE_MODEL
from .language_models.lazy import imported
from .widgets.sampling import seed_input

PLACE = "{concept}"
INSTRUCTION = (
    f"Provide a caption for images containing a {PLACE}. The captions should be in English and "
    "should be no longer than 150 characters."
)


class DiffEditConceptPrompts(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditConceptPrompts",
            display_name="Concept Prompts",
            category="DiffEdit",
            description="Writes many captions about one thing, a bowl for example. Their average, "
            "made by Prompt Ensemble, says what the thing is better than any one of them.",
            search_aliases=[
                *("diffedit", "generate prompts", "flan-t5", "llm", "captions", "prompt generator"),
                "write prompt",
            ],
            inputs=[
                LANGUAGE_MODEL.Input(
                    "language_model", tooltip="Writes the captions. From Load Language Model."
                ),
                io.String.Input(
                    "concept",
                    default="bowl",
                    tooltip="What the captions are about, in a word or a few: bowl, or basket of "
                    "fruits.",
                ),
                io.String.Input(
                    "instruction",
                    default=INSTRUCTION,
                    multiline=True,
                    tooltip=f"What the model is asked for. {PLACE} stands for the concept.",
                ),
                io.Int.Input(
                    "count",
                    default=16,
                    min=1,
                    max=256,
                    tooltip="How many captions to write. Good: 8 to 32; each makes the run longer.",
                ),
                io.Float.Input(
                    "temperature",
                    default=0.8,
                    min=0.05,
                    max=5.0,
                    step=0.05,
                    tooltip="How much the captions differ. Lower plays safe, higher is bolder and "
                    "at last nonsense. Good: 0.6 to 1.",
                ),
                io.Int.Input(
                    "top_k",
                    default=10,
                    min=1,
                    max=1000,
                    tooltip="Choose each word among so many of the likeliest. 1 always takes the "
                    "likeliest, so that all captions are the same.",
                ),
                io.Int.Input(
                    "max_tokens",
                    default=128,
                    min=1,
                    max=512,
                    tooltip="Where to cut off a caption that does not end by itself; a token is "
                    "about three quarters of a word.",
                ),
                seed_input("The same seed gives the same captions."),
            ],
            outputs=[io.String.Output("prompts", tooltip="The captions, one on each line.")],
        )

    @classmethod
    @checked
    def execute(
        cls,
        language_model: Any,
        concept: str,
        instruction: str,
        count: int,
        temperature: float,
        top_k: int,
        max_tokens: int,
        seed: int,
    ) -> io.NodeOutput:
        if not concept.strip():
            raise ValueError("concept: it is empty; say what the prompts are to be about.")
        if PLACE not in instruction:
            raise ValueError(
                f"instruction: it does not say where the concept goes; put {PLACE} there."
            )
        request = instruction.replace(PLACE, concept.strip())
        prompts = imported("writing").write(
            language_model,
            request,
            count=count,
            temperature=temperature,
            top_k=top_k,
            max_tokens=max_tokens,
            seed=seed,
        )
        text = "\n".join(prompts)
        return io.NodeOutput(text, ui={"text": [text], **text_ui(text)})
