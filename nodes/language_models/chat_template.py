"""A request as the chat that a model was trained on.

The template is a program of the model's maker, in Jinja: transformers lets it do nothing but make
text, but that without end or beyond the memory.
"""

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import comfy.model_management
import psutil
from jinja2 import Environment
from transformers import PreTrainedTokenizerBase

MOST_SECONDS = 20.0
"""The longest take a second or two, nearly all for compiling them."""
LONGEST = 1 << 20
"""Of a template and of what it makes, in characters."""
MOST_MEMORY = 1 << 30
"""In bytes, that the process may grow by meanwhile."""
MOST_DIGITS = 6
"""Of a number."""


def as_chat(tokenizer: PreTrainedTokenizerBase, request: str) -> str:
    """Return the text of a chat in which the user makes the request and the answer comes next.

    Raises ValueError with the reason, as part of a sentence, where the tokenizer's chat template
    asks for too much, and whatever the template raises.
    """
    template: Any = tokenizer.chat_template
    for program in template.values() if isinstance(template, dict) else [template]:
        _check_steps(program)
    with _bounded():
        chat: Any = tokenizer.apply_chat_template(
            [{"role": "user", "content": request}],
            tokenize=False,
            add_generation_prompt=True,
            enable_thinking=False,  # of the models that think aloud, which would use up max_tokens
        )
    if len(chat) > LONGEST:
        raise ValueError("its chat template makes too long a text")
    return chat


def _check_steps(program: str) -> None:
    """Refuse what takes any time or memory in a single step, which nothing can end: products,
    powers and great numbers. Chats need none.
    """
    if len(program) > LONGEST:
        raise ValueError("its chat template is too long")
    for _, kind, text in Environment().lex(program):
        if kind == "operator" and text in ("*", "**"):
            raise ValueError("its chat template multiplies")
        number = kind in ("integer", "float", "string")
        if number and re.search(rf"[\d_]{{{MOST_DIGITS + 1}}}|\de\d", text):
            raise ValueError("its chat template has great numbers")


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise ValueError in what runs inside when it has taken MOST_SECONDS or MOST_MEMORY, or what
    ComfyUI raises when the run is cancelled.
    """
    process = psutil.Process()
    fullest = process.memory_info().rss + MOST_MEMORY
    end = time.monotonic() + MOST_SECONDS
    look = 0.0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal look
        now = time.monotonic()
        if now > look:
            look = now + 0.01
            comfy.model_management.throw_exception_if_processing_interrupted()
            if now > end:
                raise ValueError(f"its chat template does not end within {MOST_SECONDS:g} seconds")
            if process.memory_info().rss > fullest:
                raise ValueError("its chat template fills the memory")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)
