"""Captions of pictures, by a BLIP model."""

from pathlib import Path
from typing import Any

from PIL import Image
from torch import Tensor
from transformers import (
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    LogitsProcessorList,
)

from .files import PREPROCESSOR, has_any
from .folders import LARGEST_CONFIG
from .foreign import explained
from .json_object import read_object
from .progress import OnlyNumbers, TokenProgress
from .token_ids import check_tokens, vocabulary_size
from .transformers_model import TransformersModel, load_folder, tokenizer_of

LARGEST_SIDE = 4096
"""Of the square, in pixels, that a picture is brought to; 384 as a rule."""


def load(folder: Path) -> TransformersModel:
    """Load a BLIP model from its folder; errors as of `load_folder`."""
    colours = _colours(folder)

    def build_processor(copy: Path, network: Any) -> BlipProcessor:
        _check_config(network)
        side = network.config.vision_config.image_size
        # The rest is the same for every BLIP, and what a folder says could ask for anything.
        pictures = BlipImageProcessor(size={"height": side, "width": side}, **colours)
        processor = BlipProcessor(pictures, tokenizer_of(copy, network.config))
        check_tokens(processor.tokenizer("a picture", return_tensors="pt")["input_ids"], network)
        return processor

    return load_folder(folder, BlipForConditionalGeneration, build_processor)


def captions(model: TransformersModel, images: Tensor, prefix: str, max_tokens: int) -> list[str]:
    """Return a caption for each RGB picture of `[B, H, W, 3]` in 0..1, beginning with the prefix.

    Always the likeliest words, and each picture by itself, so that its caption depends on nothing
    else.
    Raises ValueError where prefix and caption together are too long for the model, or it fails.
    """
    processor = model.processor
    with explained(_sentence):
        network = model.load()
        length = len(processor.tokenizer(prefix)["input_ids"])
    _check_length(length, max_tokens, network.config.text_config.max_position_embeddings)
    progress = TokenProgress(len(images) * max_tokens)
    found = []
    for pixels in images:
        with explained(_sentence):
            found.append(_caption(processor, network, pixels, prefix, max_tokens, progress))
        progress.bar.update_absolute(len(found) * max_tokens)
    return found


def _caption(
    processor: Any,
    network: Any,
    pixels: Tensor,
    prefix: str,
    max_tokens: int,
    progress: TokenProgress,
) -> str:
    picture = Image.fromarray((pixels.clamp(0, 1) * 255).round().byte().numpy())
    inputs = processor(
        images=picture,
        text=prefix or None,
        input_data_format="channels_last",  # which else is guessed, wrongly at 1 or 3 rows
        return_tensors="pt",
    )
    if prefix:
        check_tokens(inputs["input_ids"], network)
    tokens = network.generate(
        **inputs.to(network.device, network.dtype),
        do_sample=False,
        num_beams=1,
        max_new_tokens=max_tokens,
        logits_processor=LogitsProcessorList([OnlyNumbers()]),
        stopping_criteria=[progress],
    )
    return processor.decode(tokens[0], skip_special_tokens=True).strip()


def _sentence(reason: str) -> str:
    return (
        f"caption_model: it cannot write a caption ({reason}); choose another model, or download "
        "its files again."
    )


def _check_length(length: int, max_tokens: int, limit: int) -> None:
    if length + max_tokens > limit:
        raise ValueError(
            f"prefix: it is {length} tokens long, which with max_tokens is more than the model's "
            f"{limit}; shorten it or lower max_tokens."
        )


def _check_config(network: Any) -> None:
    """Raise ValueError, as part of a sentence, where a size or a token is none."""
    side = network.config.vision_config.image_size
    if type(side) is not int or not 0 < side <= LARGEST_SIDE:
        raise ValueError("its config.json states no size of pictures")
    text = network.config.text_config
    for token in (text.bos_token_id, text.eos_token_id, text.sep_token_id, text.pad_token_id):
        if type(token) is not int or not 0 <= token < vocabulary_size(network):
            raise ValueError("its config.json states tokens that it does not know")


def _colours(folder: Path) -> dict[str, Any]:
    """What is taken off each channel and what it is then divided by, where the folder says so."""
    path = next(folder / name for name in PREPROCESSOR if has_any(folder, [name]))
    stated = read_object(path, LARGEST_CONFIG)
    if stated is not None and "image_processor" in stated:
        stated = stated["image_processor"]
    if not isinstance(stated, dict):
        raise ValueError(f"model: {path} is no readable JSON object; download that file again.")
    colours = {name: stated[name] for name in ("image_mean", "image_std") if name in stated}
    if not all(map(_is_colour, colours.values())) or 0 in colours.get("image_std", []):
        raise ValueError(
            f"model: {path} states an image_mean or image_std that is no three numbers; download "
            "that file again."
        )
    return colours


def _is_colour(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(isinstance(value, int | float) and abs(value) < 1000 for value in values)
    )
