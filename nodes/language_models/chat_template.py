"""A request as the chat that a model was trained on.

The template is a program of the model's maker, in Jinja: transformers lets it do nothing but make
text, but that without end or beyond the memory. So it runs in a process of its own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import comfy.model_management

MOST_SECONDS = 60.0
"""Nearly all for starting Python from a slow disk; a template takes milliseconds."""
PROGRAM = Path(__file__).with_name("render_chat.py")


def as_chat(template: Any, request: str, special_tokens: dict[str, Any]) -> str:
    """Return the text of a chat in which the user makes the request and the answer comes next.

    template: a tokenizer's chat_template, or several by name.
    Raises ValueError with the reason, as part of a sentence, where there is none or it fails.
    """
    if isinstance(template, dict):
        template = template.get("default")
    given = {
        "path": sys.path,
        "template": template,
        "variables": {
            **special_tokens,
            "messages": [{"role": "user", "content": request}],
            "tools": None,
            "documents": None,
            "add_generation_prompt": True,
            # Of the models that think aloud, which would use up max_tokens.
            "enable_thinking": False,
        },
    }
    written = _run(json.dumps(given, default=str))
    try:
        made = json.loads(written)
    except ValueError:  # it was ended, for want of memory
        made = {}
    if "text" not in made:
        raise ValueError(f"its chat template fails: {made.get('error', 'out of memory')}")
    return made["text"]


def _run(given: str) -> bytes:
    """What the program writes; looks every so often whether the run has been cancelled."""
    end = time.monotonic() + MOST_SECONDS
    process = subprocess.Popen(
        [sys.executable, "-I", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
    )
    rest: bytes | None = given.encode()
    try:
        while time.monotonic() < end:
            try:
                return process.communicate(rest, timeout=0.2)[0]
            except subprocess.TimeoutExpired:
                rest = None  # it is on its way
                comfy.model_management.throw_exception_if_processing_interrupted()
    finally:
        process.kill()
        process.wait()
    raise ValueError(f"its chat template does not end within {MOST_SECONDS:g} seconds")
