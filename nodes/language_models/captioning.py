"""Captions of pictures, by a BLIP model."""

from pathlib import Path

from PIL import Image
from torch import Tensor
from transformers import BlipForConditionalGeneration, BlipProcessor

from .progress import TokenProgress
from .transformers_model import TransformersModel, load_folder


def load(folder: Path) -> TransformersModel:
    """Load a BLIP model from its folder; errors as of `load_folder`."""
    return load_folder(folder, lambda config: BlipForConditionalGeneration, BlipProcessor)


def captions(model: TransformersModel, images: Tensor, prefix: str, max_tokens: int) -> list[str]:
    """Return a caption for each RGB picture of `[B, H, W, 3]` in 0..1, beginning with the prefix.

    Always the likeliest words, and each picture by itself, so that its caption depends on nothing
    else.
    Raises ValueError where prefix and caption together are too long for the model.
    """
    processor, network = model.processor, model.load()
    _check_length(processor, prefix, max_tokens, network.config.text_config.max_position_embeddings)
    progress = TokenProgress(len(images) * max_tokens)
    found = []
    for pixels in images:
        picture = Image.fromarray((pixels.clamp(0, 1) * 255).round().byte().numpy())
        inputs = processor(
            images=picture,
            text=prefix or None,
            input_data_format="channels_last",  # which else is guessed, wrongly at 1 or 3 rows
            return_tensors="pt",
        )
        tokens = network.generate(
            **inputs.to(network.device, network.dtype),
            do_sample=False,
            num_beams=1,
            max_new_tokens=max_tokens,
            stopping_criteria=[progress],
        )
        found.append(processor.decode(tokens[0], skip_special_tokens=True).strip())
        progress.bar.update_absolute(len(found) * max_tokens)
    return found


def _check_length(processor: BlipProcessor, prefix: str, max_tokens: int, limit: int) -> None:
    length = len(processor.tokenizer(prefix)["input_ids"])
    if length + max_tokens > limit:
        raise ValueError(
            f"prefix: it is {length} tokens long, which with max_tokens is more than the model's "
            f"{limit}; shorten it or lower max_tokens."
        )
