"""Text sampled from a language model, the same for the same seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    LogitsProcessorList,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from .chat_template import as_chat
from .foreign import explained
from .progress import OnlyNumbers, TokenProgress
from .token_ids import check_tokens
from .transformers_model import TransformersModel, load_folder, tokenizer_of


def load(folder: Path) -> TransformersModel:
    """Load a language model from its folder; errors as of `load_folder`."""
    return load_folder(folder, _network, _tokenizer)


def _network(config: PretrainedConfig) -> PreTrainedModel:
    automatic = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    return automatic.from_config(config, trust_remote_code=False)


def _tokenizer(copy: Path, network: PreTrainedModel) -> PreTrainedTokenizerBase:
    tokenizer = tokenizer_of(copy, network.config)
    # Whether it works at all, and its chat template.
    check_tokens(_encode(tokenizer, "a caption for a bowl"), network)
    return tokenizer


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
    Raises ValueError where request or max_tokens are too long for the model, all texts empty, or
    the model fails.
    """
    tokenizer = model.processor
    with explained(_sentence):
        network = model.load()
        tokens = _encode(tokenizer, request).to(network.device)
        check_tokens(tokens, network)
    _check_length(tokens.shape[1], tokenizer, network.config, max_tokens)
    progress = TokenProgress(max_tokens)
    with explained(_sentence), _seeded(seed, network.device):
        written = network.generate(
            input_ids=tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=True,
            temperature=temperature,
            top_k=top_k,
            num_return_sequences=count,
            max_new_tokens=max_tokens,
            logits_processor=LogitsProcessorList([OnlyNumbers()]),
            stopping_criteria=[progress],
        )
        if not network.config.is_encoder_decoder:  # it has repeated the request
            written = written[:, tokens.shape[1] :]
        texts = tokenizer.batch_decode(written, skip_special_tokens=True)
    progress.bar.update_absolute(max_tokens)
    lines = [" ".join(text.split()) for text in texts]
    if not any(lines):
        raise ValueError(
            "language_model: it has written nothing; reword the instruction, or choose another "
            "model."
        )
    return [line for line in lines if line]


def _sentence(reason: str) -> str:
    return (
        f"language_model: it cannot write this ({reason}); choose another model, or download its "
        "files again."
    )


def _encode(tokenizer: PreTrainedTokenizerBase, request: str) -> Tensor:
    """The request as tokens `[1, length]`, as a chat for a model that was trained on chats."""
    if tokenizer.chat_template is None:
        return tokenizer(request, return_tensors="pt")["input_ids"]
    chat = as_chat(tokenizer, request)
    # Those are in the chat.
    return tokenizer(chat, add_special_tokens=False, return_tensors="pt")["input_ids"]


def _check_length(
    length: int, tokenizer: PreTrainedTokenizerBase, config: PretrainedConfig, max_tokens: int
) -> None:
    positions = _room(getattr(config, "max_position_embeddings", None))
    limit = min(_room(tokenizer.model_max_length), positions)
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


def _room(stated: Any) -> float:
    """A number of tokens that a folder states; none, and nonsense, sets no limit."""
    return stated if isinstance(stated, int | float) and stated > 0 else float("inf")


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's global random numbers, which `generate` draws, from a seed for a while."""
    devices = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(devices, device_type=device.type):
        torch.manual_seed(seed)
        yield
