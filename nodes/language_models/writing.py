"""Text sampled from a language model, the same for the same seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BatchEncoding,
    GenerationConfig,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from .progress import TokenProgress
from .transformers_model import TransformersModel, load_folder


def load(folder: Path) -> TransformersModel:
    """Load a language model from its folder; errors as of `load_folder`."""
    return load_folder(folder, _network_class, AutoTokenizer)


def _network_class(config: PretrainedConfig) -> Any:
    return AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM


def write(
    model: TransformersModel,
    request: str,
    count: int,
    temperature: float,
    top_k: int,
    max_tokens: int,
    seed: int,
) -> list[str]:
    """Return texts that the model writes at a request, each on one line; empty ones are left out.

    count: how many to sample.  temperature, top_k, max_tokens: of the sampling.
    Raises ValueError where request or max_tokens are too long for the model, or all texts empty.
    """
    tokenizer = model.processor
    network = model.load()
    inputs = _encode(tokenizer, request).to(network.device)
    _check_length(inputs, tokenizer, network.config, max_tokens)
    _keep_only_token_ids(network)
    progress = TokenProgress(max_tokens)
    with _seeded(seed, network.device):
        tokens = network.generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=True,
            temperature=temperature,
            top_k=top_k,
            num_return_sequences=count,
            max_new_tokens=max_tokens,
            stopping_criteria=[progress],
        )
    progress.bar.update_absolute(max_tokens)
    if not network.config.is_encoder_decoder:  # it has repeated the request
        tokens = tokens[:, inputs["input_ids"].shape[1] :]
    texts = tokenizer.batch_decode(tokens, skip_special_tokens=True)
    lines = [" ".join(text.split()) for text in texts]
    if not any(lines):
        raise ValueError(
            "language_model: it has written nothing; reword the instruction, or choose another "
            "model."
        )
    return [line for line in lines if line]


def _encode(tokenizer: PreTrainedTokenizerBase, request: str) -> BatchEncoding:
    """The request as tokens `[1, length]`, as a chat for a model that was trained on chats."""
    if tokenizer.chat_template is None:
        return tokenizer(request, return_tensors="pt")
    return tokenizer.apply_chat_template(
        [{"role": "user", "content": request}],
        add_generation_prompt=True,
        enable_thinking=False,  # of the models that think aloud, which would use up max_tokens
        return_tensors="pt",
        return_dict=True,
    )  # pyright: ignore[reportReturnType]


def _check_length(
    inputs: BatchEncoding,
    tokenizer: PreTrainedTokenizerBase,
    config: PretrainedConfig,
    max_tokens: int,
) -> None:
    length = inputs["input_ids"].shape[1]
    positions = getattr(config, "max_position_embeddings", float("inf"))
    limit = min(tokenizer.model_max_length, positions)
    room = positions if config.is_encoder_decoder else limit
    if max_tokens >= room:
        raise ValueError(
            f"max_tokens: it is {max_tokens} and the model has room for {room} tokens in all; "
            "lower it."
        )
    if not config.is_encoder_decoder:  # what it writes takes of the same room
        limit -= max_tokens
    if length > limit:
        raise ValueError(
            f"concept: with the instruction it is {length} tokens long and the model has room for "
            f"{limit}; shorten it."
        )


def _keep_only_token_ids(network: PreTrainedModel) -> None:
    """Forget what the model's folder says about sampling, such as beams, which is the node's."""
    stated = network.generation_config.to_dict()
    network.generation_config = GenerationConfig(
        **{name: value for name, value in stated.items() if name.endswith("_token_id")}
    )


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's global random numbers, which `generate` draws, from a seed for a while."""
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type=device.type):
        torch.manual_seed(seed)
        yield
