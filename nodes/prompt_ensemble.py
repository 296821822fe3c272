"""Prompt Ensemble: many prompts for one thing, averaged into one conditioning."""

from collections.abc import Sequence
from typing import Any

import torch
from comfy_api.latest import io
from torch import Tensor

from .adapter.checks import check_finite
from .adapter.conditioning import same
from .adapter.inputs import checked
from .adapter.node_text import text_ui
from .adapter.progress import one_by_one


class DiffEditPromptEnsemble(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DiffEditPromptEnsemble",
            display_name="Prompt Ensemble",
            category="DiffEdit",
            description="Encodes every line of a text as a prompt of its own and averages them "
            "into one conditioning. What the lines have in common stays, the wording of each "
            "fades, so that a mask or an edit depends less on how a thing was put into words.",
            search_aliases=[
                *("diffedit", "average prompts", "mean embedding", "prompt list", "prompt blend"),
                "text encode",
            ],
            inputs=[
                io.Clip.Input("clip", tooltip="The text encoder that was loaded with the model."),
                io.String.Input(
                    "text",
                    multiline=True,
                    dynamic_prompts=True,
                    tooltip="One prompt on each line. Empty lines are skipped. Good: 4 to 16 ways "
                    "to describe the same picture.",
                ),
            ],
            outputs=[
                io.Conditioning.Output(
                    "conditioning",
                    tooltip="The average, for any input that takes the output of CLIP Text Encode.",
                )
            ],
        )

    @classmethod
    @checked
    def execute(cls, clip: Any, text: str) -> io.NodeOutput:
        lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
        tokens = _tokens(clip, lines)
        encoded = [
            clip.encode_from_tokens_scheduled(tokens[number]) for number in one_by_one(len(lines))
        ]
        said = "1 prompt" if len(lines) == 1 else f"{len(lines)} prompts averaged"
        # One entry for a prompt, or several that follow each other where hooks change the CLIP.
        average = [_mean(entries) for entries in zip(*encoded, strict=True)]
        for context, _ in average:
            check_finite("text", context, often="a weight such as (bowl:1e99)")
        return io.NodeOutput(average, ui=text_ui(said))


def _tokens(clip: Any, lines: list[str]) -> list[dict[str, Any]]:
    """Each line as the CLIP's tokens, all in as many chunks as the longest line takes.

    The others are filled up with the chunk of an empty prompt, as ComfyUI itself fills the shorter
    one of SDXL's two encoders.
    """
    tokens = [clip.tokenize(line) for line in lines]
    for encoder, empty in clip.tokenize("").items():
        longest = max(len(line[encoder]) for line in tokens)
        for line in tokens:
            line[encoder] += empty * (longest - len(line[encoder]))
    return tokens


def _mean(entries: tuple[Any, ...]) -> list[Any]:
    """The mean of one CONDITIONING entry of each line.

    Raises ValueError where something in it has none.
    """
    contexts, options = zip(*entries, strict=True)
    together = {name: _of_all(name, [one[name] for one in options]) for name in options[0]}
    return [_of_all("length", contexts), together]


def _of_all(name: str, values: Sequence[Any]) -> Any:
    """One item of the lines' CONDITIONINGs: the mean of tensors, of attention masks all that any
    line attends to, and of anything else the first line's.
    """
    if not isinstance(values[0], Tensor) or all(same(value, values[0]) for value in values[1:]):
        return values[0]
    alike = len({value.shape for value in values}) == 1
    if alike and name == "attention_mask":
        return torch.stack(tuple(values)).amax(dim=0)
    if alike and values[0].is_floating_point():
        return torch.stack(tuple(values)).mean(dim=0)
    raise ValueError(
        f"text: with this text encoder the lines have no average, since they differ in {name}; "
        "keep one line, or make all equally long."
    )
